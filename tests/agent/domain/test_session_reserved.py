"""What a reservation changes in a session. OCPP 1.6 sections 4.9 and 5.13."""

from datetime import timedelta

import pytest

from agent.domain import actions as act
from agent.domain import events as ev
from agent.domain.facts import TransactionStarted, TransactionUpdated
from agent.domain.reservation import Reservation, ReservationBook
from agent.domain.session_context import SessionRules
from agent.domain.session_state import SessionState
from agent.domain.token_routing import choose_evse_for_start, choose_evse_for_token
from agent.domain.vocabulary import ConnectorStatus, TxPoint
from tests.agent.domain.session_rig import DRIVER, FRIEND, GROUP, START, STRANGER, SessionRig, of

AN_HOUR = timedelta(hours=1)


def reserved(rig: SessionRig, *, group: bool = False) -> ReservationBook:
    """Reserve the EVSE of this rig for DRIVER."""
    book = ReservationBook([Reservation(7, 1, DRIVER, START + AN_HOUR, GROUP if group else None)])
    book.seats = {1: rig.session}
    rig.session.reservations = book.at(1)
    return book


def told(rig: SessionRig, status: ConnectorStatus) -> bool:
    return rig.session.connector_status is status


def remote_start(token: object = STRANGER, *, authorize_first: bool = False) -> ev.RemoteStartRequested:
    assert token in {STRANGER, DRIVER}
    return ev.RemoteStartRequested(STRANGER if token is STRANGER else DRIVER, None, None, authorize_first)


def test_a_free_reserved_evse_is_reserved_and_an_occupied_one_occupied() -> None:
    rig = SessionRig().available()
    reserved(rig)
    assert told(rig, ConnectorStatus.RESERVED)
    rig.feed(ev.EvPluggedIn())
    assert told(rig, ConnectorStatus.OCCUPIED)


def test_another_card_is_refused_as_reserved_and_its_own_starts_with_the_reservations_id() -> None:
    rig = SessionRig().plugged_in()
    reserved(rig)
    rig.feed(ev.TokenPresented(STRANGER))
    assert rig.answer(STRANGER) == [act.ShowRejected(reserved=True)]
    rig.feed(ev.TokenPresented(STRANGER))
    assert rig.answer(STRANGER, accepted=False) == [act.ShowRejected()]
    rig.feed(ev.TokenPresented(DRIVER))
    rig.answer()
    (started,) = of(TransactionStarted, rig.facts)
    assert started.reservation_id == 7
    assert rig.session.recorder.state is not None
    assert rig.session.recorder.state.reservation_id == 7


@pytest.mark.parametrize(("group", "serves"), [(True, True), (False, False)])
def test_a_card_of_the_group_is_served_if_the_reservation_names_it(group: bool, serves: bool) -> None:
    rig = SessionRig().plugged_in()
    reserved(rig, group=group)
    rig.feed(ev.TokenPresented(FRIEND))
    rig.answer(FRIEND, group=GROUP)
    assert [fact.reservation_id for fact in of(TransactionStarted, rig.facts)] == ([7] if serves else [])


def test_a_card_that_was_accepted_and_not_used_leaves_the_reservation() -> None:
    rig = SessionRig().available()
    book = reserved(rig)
    rig.feed(ev.TokenPresented(DRIVER))
    rig.answer()
    assert rig.stands(SessionState.AWAITING_EV)
    assert told(rig, ConnectorStatus.AVAILABLE)
    rig.wait(61)
    assert not rig.facts
    assert book.held(1) is not None
    assert told(rig, ConnectorStatus.RESERVED)


def test_a_transaction_that_began_before_its_driver_tells_the_reservation_with_the_token() -> None:
    rig = SessionRig().available()
    rig.session.recorder.start_points = frozenset({TxPoint.EV_CONNECTED})
    reserved(rig)
    rig.feed(ev.EvPluggedIn(), ev.TokenPresented(DRIVER))
    rig.answer()
    (started,), (first, *_) = of(TransactionStarted, rig.facts), of(TransactionUpdated, rig.facts)
    assert (started.reservation_id, first.reservation_id) == (None, 7)


def test_a_remote_start_of_another_token_is_refused_and_says_why() -> None:
    rig = SessionRig().plugged_in()
    reserved(rig)
    (answer,) = rig.feed(remote_start())
    assert answer == act.Respond(accepted=False, reason="it is reserved for another token")
    assert act.Respond(accepted=True) in rig.feed(remote_start(DRIVER))


def test_a_remote_start_whose_group_may_decide_is_asked_about_first() -> None:
    rig = SessionRig().plugged_in()
    reserved(rig, group=True)
    actions = rig.feed(remote_start())
    assert act.Respond(accepted=True) in actions
    assert of(act.AskAuthorization, actions)
    rig.answer(STRANGER, group=GROUP)
    assert [fact.reservation_id for fact in of(TransactionStarted, rig.facts)] == [7]


def test_free_vending_waits_until_a_reservation_is_over() -> None:
    rig = SessionRig(SessionRules(free_vend=STRANGER)).available()
    book = reserved(rig)
    rig.feed(ev.EvPluggedIn())
    assert rig.stands(SessionState.AWAITING_AUTHORIZATION)
    book.end(7)
    rig.feed(ev.ReservationChanged())
    assert rig.session.id_token == STRANGER


def test_a_card_goes_where_it_has_reserved_before_a_car_that_waits_and_not_where_others_have() -> None:
    waiting, kept = SessionRig().plugged_in(), SessionRig().available()
    kept.session.recorder.evse_id = 2
    book = ReservationBook([Reservation(7, 2, DRIVER, START + AN_HOUR)])
    sessions = {1: waiting.session, 2: kept.session}
    book.seats = sessions
    for evse_id, session in sessions.items():
        session.reservations = book.at(evse_id)
    assert choose_evse_for_token([*sessions.values()], DRIVER) == 2
    assert choose_evse_for_start([*sessions.values()], STRANGER) == 1
    assert choose_evse_for_start([kept.session], STRANGER) == 2
