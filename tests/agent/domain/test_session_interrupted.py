"""What interrupts a session: faults, limits of the house, a broken journal, a lock, a board that comes and goes."""

import pytest

from agent.domain import actions as act
from agent.domain import events as ev
from agent.domain.facts import TransactionEnded
from agent.domain.session_context import SessionRules
from agent.domain.session_state import SessionState as S
from agent.domain.vocabulary import ChargingState, StoppedReason, TxPoint
from hal.api import Fault, ForbidReason
from tests.agent.domain.session_rig import DRIVER, SessionRig, answered, ended, of, stop

START_OF_POWER = [act.OfferCurrent(16.0), act.PermitPower()]


def test_a_fault_that_suspends_withdraws_the_offer_and_charging_goes_on_when_it_clears() -> None:
    rig = SessionRig().charging()
    actions = rig.feed(ev.FaultAppeared(Fault.OVER_TEMPERATURE))
    assert actions[0] == act.ForbidPower(ForbidReason.FAULT)
    assert act.OfferCurrent(0.0) in actions
    assert rig.stands(S.FAULTED)
    assert rig.tells(ChargingState.SUSPENDED_EVSE)
    rig.feed(ev.PowerTurnedOff())
    assert rig.feed(ev.FaultDisappeared(Fault.OVER_TEMPERATURE))[:2] == START_OF_POWER
    assert not of(TransactionEnded, rig.facts)


def test_a_fault_that_ends_the_transaction_keeps_the_evse_faulted_until_it_clears() -> None:
    rig = SessionRig().charging()
    rig.feed(ev.FaultAppeared(Fault.GROUND_FAULT_TRIPPED))
    rig.finish()
    assert ended(rig).stopped_reason is StoppedReason.GROUND_FAULT
    assert rig.stands(S.FAULTED)
    rig.feed(ev.FaultDisappeared(Fault.GROUND_FAULT_TRIPPED))
    assert rig.stands(S.FINISHING)


def test_an_ending_fault_on_top_of_a_suspending_one_ends_the_transaction() -> None:
    rig = SessionRig().charging()
    rig.feed(ev.FaultAppeared(Fault.OVER_TEMPERATURE), ev.FaultAppeared(Fault.DIODE))
    rig.finish()
    assert ended(rig).stopped_reason is StoppedReason.OTHER


def test_a_fault_takes_the_authorisation_back_from_who_has_not_plugged_in() -> None:
    rig = SessionRig().available()
    rig.feed(ev.TokenPresented(DRIVER))
    rig.answer()
    rig.feed(ev.FaultAppeared(Fault.OVER_TEMPERATURE))
    assert rig.stands(S.FAULTED)
    assert not rig.session.is_authorized()


def test_a_silent_meter_is_no_reason_to_stop() -> None:
    rig = SessionRig().charging()
    assert rig.feed(ev.FaultAppeared(Fault.METER_SILENT)) == []
    assert rig.stands(S.CHARGING)


def test_unavailability_waits_for_the_end_of_the_session() -> None:
    rig = SessionRig().charging()
    rig.feed(ev.OperativeChanged(False))
    assert rig.stands(S.CHARGING)
    rig.feed(ev.EvUnplugged())
    rig.finish()
    assert rig.stands(S.UNAVAILABLE)
    rig.feed(ev.OperativeChanged(True))
    assert rig.stands(S.AVAILABLE)


def test_unavailability_takes_back_an_authorisation_that_waits_for_a_car() -> None:
    rig = SessionRig().available()
    rig.feed(ev.RemoteStartRequested(DRIVER, None, 1, authorize_first=False), ev.OperativeChanged(False))
    assert rig.stands(S.UNAVAILABLE)
    assert not rig.session.is_authorized()


def test_a_broken_journal_stops_the_running_session_within_a_minute() -> None:
    rig = SessionRig().charging()
    rig.feed(ev.JournalHealthChanged(False))
    rig.wait(49.0)
    assert rig.stands(S.CHARGING)
    rig.feed(ev.JournalHealthChanged(False))
    rig.wait(1.1)
    assert rig.stands(S.STOPPING)
    assert rig.session._ending is not None
    assert rig.session._ending.stopped_reason is StoppedReason.OTHER


def test_nothing_new_starts_for_as_long_as_the_journal_is_broken() -> None:
    rig = SessionRig().plugged_in()
    rig.feed(ev.JournalHealthChanged(False))
    for _ in range(2):
        assert rig.feed(ev.TokenPresented(DRIVER)) == [act.ShowRejected()]
        assert rig.answer() == [act.ShowRejected()]
        refused = rig.feed(ev.RemoteStartRequested(DRIVER, None, 1, authorize_first=False))
        assert refused == [act.Respond(accepted=False, reason="nothing can be billed now")]
        rig.wait(120.0)
    rig.feed(ev.JournalHealthChanged(True))
    rig.answer()
    assert rig.stands(S.SUSPENDED_EV)


def test_a_socket_gives_power_only_once_the_plug_is_locked_and_as_long_as_it_is() -> None:
    rig = SessionRig(SessionRules(has_lock=True)).plugged_in()
    rig.feed(ev.TokenPresented(DRIVER))
    actions = rig.answer()
    assert act.LockConnector() in actions
    assert not of(act.PermitPower, actions)
    assert rig.feed(ev.LockMoved(True))[:2] == START_OF_POWER
    rig.feed(ev.EvRequestedPower(), ev.PowerTurnedOn())
    assert rig.feed(ev.LockMoved(True)) == []
    assert rig.feed(ev.LockMoved(False))[0] == act.ForbidPower(ForbidReason.STOPPED)
    assert rig.stands(S.SUSPENDED_EVSE)


@pytest.mark.parametrize("confirmed", [True, False])
def test_the_plug_is_released_only_with_a_contactor_that_is_known_to_be_open(confirmed: bool) -> None:
    rig = SessionRig(SessionRules(has_lock=True)).plugged_in()
    rig.feed(ev.TokenPresented(DRIVER))
    rig.answer()
    rig.feed(ev.LockMoved(True), ev.PowerTurnedOn(), stop())
    if confirmed:
        rig.feed(ev.PowerTurnedOff())
    else:
        rig.wait(2.0)
    assert (act.UnlockConnector() in rig.read_meter(2000)) == confirmed


def test_a_contactor_that_closes_for_nobody_is_opened() -> None:
    rig = SessionRig().plugged_in()
    assert rig.feed(ev.PowerTurnedOn()) == [act.ForbidPower(ForbidReason.NOT_AUTHORIZED)]


def test_a_reset_board_is_neither_open_nor_closed_until_it_answers() -> None:
    rig = SessionRig().charging()
    rig.feed(ev.BoardWasReset())
    assert not rig.session.is_contactor_open()
    assert rig.shows(S.SUSPENDED_EV)
    actions = rig.feed(answered(plugged=True, ev_asks=True, restarted=True, dark_s=2.6))
    assert actions[:2] == START_OF_POWER


def test_a_board_that_came_up_enabled_is_forbidden_where_nobody_is_authorised() -> None:
    rig = SessionRig()
    assert rig.feed(answered(enabled=True))[0] == act.ForbidPower(ForbidReason.NOT_AUTHORIZED)


def test_a_fault_before_the_first_answer_stands_when_it_comes() -> None:
    rig = SessionRig()
    rig.feed(ev.FaultAppeared(Fault.GROUND_MISSING))
    assert rig.feed(answered())[0] == act.ForbidPower(ForbidReason.FAULT)
    assert rig.stands(S.FAULTED)


def test_where_transactions_end_with_the_cable_only_a_stopped_one_stays_open_until_it_is_pulled() -> None:
    rig = SessionRig()
    rig.session.recorder.stop_points = frozenset({TxPoint.EV_CONNECTED})
    rig.charging().feed(stop(), ev.EvStoppedRequestingPower())
    rig.finish()
    assert rig.stands(S.FINISHING)
    assert rig.session.recorder.is_open
    assert rig.feed(stop())[0] == act.ForbidPower(ForbidReason.STOPPED)
    rig.read_meter(2001)
    rig.feed(ev.EvUnplugged())
    assert ended(rig).stopped_reason is StoppedReason.EV_DISCONNECTED


def test_what_others_see_follows_the_contactor() -> None:
    rig = SessionRig().authorized()
    rig.feed(ev.EvRequestedPower())
    assert rig.shows(S.SUSPENDED_EV)
    rig.feed(ev.PowerTurnedOn())
    assert rig.shows(S.CHARGING)
    assert rig.session.wants_power
    assert not rig.session.accepts_token
