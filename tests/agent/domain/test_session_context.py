from agent.domain import actions as act
from agent.domain import events as ev
from agent.domain.session_state import SessionState
from agent.domain.vocabulary import Authorization, AuthorizationStatus
from tests.agent.domain.session_rig import DRIVER, SessionRig, answered, of, reading


def test_nothing_is_offered_to_a_car_that_the_board_has_ceased_to_see() -> None:
    rig = SessionRig()
    rig.feed(answered(plugged=True))
    rig.feed(ev.MeterSampled(reading(1000, 0.0)))
    rig.feed(answered(plugged=False))
    rig.feed(ev.AuthorizationAnswered(1, DRIVER, Authorization(AuthorizationStatus.ACCEPTED, None)))
    assert rig.session.state is SessionState.SUSPENDED_EVSE
    assert not of(act.PermitPower, rig.actions)
    assert not [offer for offer in of(act.OfferCurrent, rig.actions) if offer.offered_current_a > 0]
