"""The ways of a session, each told once: how it starts, pauses, stops, ends."""

import pytest

from agent.domain import actions as act
from agent.domain import events as ev
from agent.domain.facts import TransactionEnded, TransactionStarted
from agent.domain.session_context import SessionRules
from agent.domain.session_state import SessionState as S
from agent.domain.vocabulary import (
    Authorization,
    AuthorizationStatus,
    ChargingState,
    IdToken,
    StoppedReason,
    TriggerReason,
    TxPoint,
)
from hal.api import Fault, ForbidReason
from tests.agent.domain.session_rig import (
    DRIVER,
    FRIEND,
    GROUP,
    STRANGER,
    SessionRig,
    answered,
    ended,
    of,
    reading,
    stop,
)

START_OF_POWER = [act.OfferCurrent(16.0), act.PermitPower()]
FREE = SessionRules(free_vend=IdToken("FREE"))


def test_plug_first_then_token_then_current() -> None:
    rig = SessionRig().plugged_in()
    (question,) = rig.feed(ev.TokenPresented(DRIVER))
    assert question == act.AskAuthorization(rig.session.session_number, DRIVER)
    actions = rig.answer()
    assert actions[:2] == START_OF_POWER
    (started,) = of(TransactionStarted, rig.facts)
    assert (started.trigger, started.id_token, started.seq_no) == (TriggerReason.AUTHORIZED, DRIVER, 0)
    assert rig.state is S.SUSPENDED_EV


def test_token_first_then_plug() -> None:
    rig = SessionRig().available()
    rig.feed(ev.TokenPresented(DRIVER))
    rig.answer()
    assert rig.state is S.AWAITING_EV
    assert not rig.facts
    assert rig.feed(ev.EvPluggedIn())[:2] == START_OF_POWER
    (started,) = of(TransactionStarted, rig.facts)
    assert started.trigger is TriggerReason.CABLE_PLUGGED_IN


def test_free_vend_charges_whoever_plugs_in() -> None:
    rig = SessionRig(FREE).available()
    assert rig.feed(ev.EvPluggedIn(simplified=True))[:2] == START_OF_POWER
    assert rig.state is S.CHARGING
    assert rig.session.id_token == FREE.free_vend


def test_free_vend_charges_a_car_that_was_there_before_this_software() -> None:
    rig = SessionRig(FREE)
    assert act.PermitPower() in rig.feed(answered(plugged=True, ev_asks=True))
    assert rig.state is S.CHARGING


def test_free_vend_does_not_start_again_what_was_stopped() -> None:
    rig = SessionRig(FREE).available()
    rig.feed(ev.EvPluggedIn(), stop())
    rig.finish()
    assert rig.state is S.FINISHING


def test_remote_start_without_a_car_waits_for_it() -> None:
    rig = SessionRig().available()
    assert rig.feed(ev.RemoteStartRequested(DRIVER, GROUP, 7, authorize_first=False)) == [act.Respond(accepted=True)]
    rig.feed(ev.EvPluggedIn())
    (started,) = of(TransactionStarted, rig.facts)
    assert (started.id_token, started.group_token, started.remote_start_id) == (DRIVER, GROUP, 7)


def test_remote_start_that_has_to_be_authorised_is_accepted_first_and_asked_then() -> None:
    rig = SessionRig().plugged_in()
    number = rig.session.session_number
    actions = rig.feed(ev.RemoteStartRequested(DRIVER, None, 7, authorize_first=True))
    assert actions == [act.Respond(accepted=True), act.AskAuthorization(number, DRIVER, 7)]


@pytest.mark.parametrize("state", [S.CHARGING, S.UNKNOWN])
def test_remote_start_where_nothing_can_start_is_refused_by_name(state: S) -> None:
    rig = SessionRig() if state is S.UNKNOWN else SessionRig().charging()
    assert rig.feed(ev.RemoteStartRequested(FRIEND, None, 1, authorize_first=False)) == [
        act.Respond(accepted=False, reason=state.value)
    ]


def test_nobody_plugs_in_and_the_authorisation_lapses() -> None:
    rig = SessionRig(SessionRules(connection_timeout_s=30.0)).available()
    rig.feed(ev.TokenPresented(DRIVER))
    rig.answer()
    rig.wait(29.9)
    assert rig.state is S.AWAITING_EV
    rig.wait(0.1)
    assert rig.state is S.AVAILABLE
    assert not rig.session.is_authorized()


def test_the_same_token_again_takes_the_authorisation_back_before_plugging_in() -> None:
    rig = SessionRig().available()
    rig.feed(ev.TokenPresented(DRIVER))
    rig.answer()
    assert rig.feed(ev.TokenPresented(FRIEND)) == [act.ShowRejected()]
    rig.feed(ev.TokenPresented(DRIVER))
    assert rig.state is S.AVAILABLE


def test_a_refused_token_starts_nothing() -> None:
    rig = SessionRig().plugged_in()
    rig.feed(ev.TokenPresented(STRANGER))
    assert rig.answer(STRANGER, accepted=False) == [act.ShowRejected()]
    assert rig.state is S.AWAITING_AUTHORIZATION


def test_an_answer_that_comes_after_the_car_has_gone_does_not_authorise_the_next_one() -> None:
    rig = SessionRig().plugged_in()
    number = rig.session.session_number
    rig.feed(ev.TokenPresented(DRIVER), ev.EvUnplugged(), ev.EvPluggedIn())
    assert rig.session.session_number != number
    assert rig.feed(ev.AuthorizationAnswered(number, DRIVER, _accepted(None))) == []
    assert rig.state is S.AWAITING_AUTHORIZATION


def test_a_second_tap_before_the_answer_does_not_stop_what_the_first_started() -> None:
    rig = SessionRig().plugged_in()
    questions = of(act.AskAuthorization, rig.feed(ev.TokenPresented(DRIVER)) + rig.feed(ev.TokenPresented(DRIVER)))
    for question in questions:
        rig.feed(ev.AuthorizationAnswered(question.session_number, DRIVER, _accepted(GROUP)))
    assert rig.state is S.SUSPENDED_EV
    assert rig.session.id_token == DRIVER


def test_stopping_in_state_c_asks_the_car_first_and_opens_when_it_has_let_go() -> None:
    rig = SessionRig().charging()
    assert rig.feed(ev.TokenPresented(DRIVER)) == [act.OfferCurrent(0.0)]
    assert rig.state is S.STOPPING
    assert rig.feed(ev.EvStoppedRequestingPower())[0] == act.ForbidPower(ForbidReason.EV_STOPPED)
    assert rig.state is S.OPENING
    assert rig.feed(ev.PowerTurnedOff()) == [act.ReadMeter()]
    rig.read_meter(2500)
    assert rig.state is S.FINISHING
    fact = ended(rig)
    assert (fact.stopped_reason, fact.id_token, fact.register_wh) == (StoppedReason.LOCAL, DRIVER, 2500)
    assert fact.register_confirmed


def test_a_car_that_stays_in_c_loses_power_after_6_seconds_and_not_before() -> None:
    rig = SessionRig().charging()
    rig.feed(stop())
    assert not of(act.ForbidPower, rig.wait(5.99))
    assert of(act.ForbidPower, rig.wait(0.02)) == [act.ForbidPower(ForbidReason.STOPPED)]
    assert rig.state is S.OPENING


def test_a_deadline_that_was_on_its_way_when_the_state_changed_is_nobodys() -> None:
    rig = SessionRig().charging()
    rig.feed(stop())
    rig.now_s += 6.0
    rig.feed(ev.EvStoppedRequestingPower())
    assert rig.feed(ev.DeadlinePassed()) == []
    assert rig.state is S.OPENING
    assert Fault.CONTACTOR_UNCONFIRMED not in rig.session.faults


def test_an_opening_that_is_never_confirmed_ends_flagged_and_faulted_until_it_is() -> None:
    rig = SessionRig().charging()
    rig.feed(stop(), ev.EvStoppedRequestingPower())
    rig.wait(2.0)
    assert rig.state is S.READING_METER
    rig.read_meter(2100)
    fact = ended(rig)
    assert not fact.register_confirmed
    assert fact.register_wh == 2100
    assert rig.state is S.FAULTED
    rig.feed(ev.PowerTurnedOff())
    assert rig.state is S.FINISHING


def test_a_silent_meter_ends_the_session_with_the_last_register_flagged() -> None:
    rig = SessionRig().charging()
    rig.read_meter(1500)
    rig.feed(stop(), ev.EvStoppedRequestingPower(), ev.PowerTurnedOff())
    rig.wait(1.5)
    fact = ended(rig)
    assert (fact.register_wh, fact.register_confirmed) == (1500, False)


def test_a_reading_from_before_the_contactor_opened_is_not_the_final_one() -> None:
    rig = SessionRig().charging()
    rig.feed(stop(), ev.EvStoppedRequestingPower())
    early_s = rig.now_s
    rig.now_s += 0.5
    rig.feed(ev.PowerTurnedOff(), ev.MeterSampled(reading(1900, early_s)))
    assert rig.state is S.READING_METER
    rig.read_meter(None)
    assert rig.state is S.READING_METER
    rig.read_meter(1901)
    assert ended(rig).register_wh == 1901


@pytest.mark.parametrize("asking", [True, False])
def test_unplugging_at_any_moment_opens_first_and_ends_the_transaction(asking: bool) -> None:
    rig = SessionRig().charging() if asking else SessionRig().authorized()
    if not asking:
        rig.feed(ev.PowerTurnedOn())
    actions = rig.feed(ev.EvUnplugged())
    assert actions[0] == act.ForbidPower(ForbidReason.EV_UNPLUGGED)
    rig.finish()
    assert ended(rig).stopped_reason is StoppedReason.EV_DISCONNECTED
    assert rig.state is S.AVAILABLE


def test_unplugging_while_stopping_does_not_change_why_it_ended() -> None:
    rig = SessionRig().charging()
    rig.feed(stop(), ev.EvUnplugged())
    rig.finish()
    assert ended(rig).stopped_reason is StoppedReason.REMOTE
    assert rig.state is S.AVAILABLE


def test_the_next_car_in_while_the_last_one_ends_has_to_be_authorised() -> None:
    rig = SessionRig().charging()
    rig.feed(ev.EvUnplugged(), ev.EvPluggedIn())
    rig.finish()
    assert rig.state is S.AWAITING_AUTHORIZATION


def test_a_friend_of_the_group_may_stop_and_a_stranger_may_not() -> None:
    rig = SessionRig().charging(group=GROUP)
    rig.feed(ev.TokenPresented(STRANGER))
    assert rig.answer(STRANGER, group=IdToken("OTHER")) == [act.ShowRejected()]
    assert rig.answer(STRANGER, accepted=False) == [act.ShowRejected()]
    rig.feed(ev.TokenPresented(FRIEND))
    rig.answer(FRIEND, group=GROUP)
    assert rig.state is S.STOPPING
    rig.feed(ev.EvStoppedRequestingPower())
    rig.finish()
    assert ended(rig).id_token == FRIEND


def test_the_car_pauses_and_goes_on_within_one_transaction() -> None:
    rig = SessionRig().charging()
    actions = rig.feed(ev.EvStoppedRequestingPower())
    assert actions[0] == act.ForbidPower(ForbidReason.EV_STOPPED)
    assert act.PermitPower() not in actions, "not before the contactor is known to be open"
    assert rig.session.charging_state is ChargingState.SUSPENDED_EV
    assert rig.feed(ev.PowerTurnedOff()) == [act.PermitPower()]
    rig.feed(ev.EvRequestedPower(), ev.PowerTurnedOn())
    assert rig.session.charging_state is ChargingState.CHARGING
    assert not of(TransactionEnded, rig.facts)


def test_a_car_that_is_back_in_c_before_the_contactor_has_opened_gets_power_again() -> None:
    rig = SessionRig().charging()
    rig.feed(ev.EvStoppedRequestingPower(), ev.EvRequestedPower())
    assert rig.feed(ev.PowerTurnedOff())[0] == act.PermitPower()
    assert rig.state is S.CHARGING


def test_a_limit_below_the_minimum_pauses_and_the_car_has_6_seconds() -> None:
    rig = SessionRig().charging()
    assert act.OfferCurrent(0.0) in rig.feed(ev.LimitChanged(5.9))
    assert rig.state is S.SUSPENDED_EVSE
    assert not of(act.ForbidPower, rig.wait(5.9))
    assert of(act.ForbidPower, rig.wait(0.2)) == [act.ForbidPower(ForbidReason.STOPPED)]
    assert rig.session.deadline_s is None
    rig.feed(ev.PowerTurnedOff())
    assert rig.feed(ev.LimitChanged(8.0))[:2] == [act.OfferCurrent(8.0), act.PermitPower()]


def test_a_pause_that_the_car_obeys_leaves_no_deadline_behind() -> None:
    rig = SessionRig().charging()
    rig.feed(ev.LimitChanged(0.0), ev.EvStoppedRequestingPower(), ev.PowerTurnedOff())
    assert not of(act.ForbidPower, rig.wait(60.0))
    assert rig.session.deadline_s is None


def test_stopping_in_a_pause_counts_the_6_seconds_from_the_pause() -> None:
    rig = SessionRig().charging()
    rig.feed(ev.LimitChanged(0.0))
    rig.wait(4.0)
    rig.feed(stop())
    assert rig.state is S.STOPPING
    assert of(act.ForbidPower, rig.wait(2.1))


def test_a_new_limit_while_charging_is_only_a_new_offer() -> None:
    rig = SessionRig().charging()
    assert rig.feed(ev.LimitChanged(10.0)) == [act.OfferCurrent(10.0)]


def test_a_fault_that_suspends_withdraws_the_offer_and_charging_goes_on_when_it_clears() -> None:
    rig = SessionRig().charging()
    actions = rig.feed(ev.FaultAppeared(Fault.OVER_TEMPERATURE))
    assert actions[0] == act.ForbidPower(ForbidReason.FAULT)
    assert act.OfferCurrent(0.0) in actions
    assert rig.state is S.FAULTED
    assert rig.session.charging_state is ChargingState.SUSPENDED_EVSE
    rig.feed(ev.PowerTurnedOff())
    assert rig.feed(ev.FaultDisappeared(Fault.OVER_TEMPERATURE))[:2] == START_OF_POWER
    assert not of(TransactionEnded, rig.facts)


def test_a_fault_that_ends_the_transaction_keeps_the_evse_faulted_until_it_clears() -> None:
    rig = SessionRig().charging()
    rig.feed(ev.FaultAppeared(Fault.GROUND_FAULT_TRIPPED))
    rig.finish()
    assert ended(rig).stopped_reason is StoppedReason.GROUND_FAULT
    assert rig.state is S.FAULTED
    rig.feed(ev.FaultDisappeared(Fault.GROUND_FAULT_TRIPPED))
    assert rig.state is S.FINISHING


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
    assert rig.state is S.FAULTED
    assert not rig.session.is_authorized()


def test_a_silent_meter_is_no_reason_to_stop() -> None:
    rig = SessionRig().charging()
    assert rig.feed(ev.FaultAppeared(Fault.METER_SILENT)) == []
    assert rig.state is S.CHARGING


def test_unavailability_waits_for_the_end_of_the_session() -> None:
    rig = SessionRig().charging()
    rig.feed(ev.OperativeChanged(False))
    assert rig.state is S.CHARGING
    rig.feed(ev.EvUnplugged())
    rig.finish()
    assert rig.state is S.UNAVAILABLE
    rig.feed(ev.OperativeChanged(True))
    assert rig.state is S.AVAILABLE


def test_unavailability_takes_back_an_authorisation_that_waits_for_a_car() -> None:
    rig = SessionRig().available()
    rig.feed(ev.RemoteStartRequested(DRIVER, None, 1, authorize_first=False), ev.OperativeChanged(False))
    assert rig.state is S.UNAVAILABLE
    assert not rig.session.is_authorized()


def test_a_broken_journal_stops_the_running_session_within_a_minute() -> None:
    rig = SessionRig().charging()
    rig.feed(ev.JournalHealthChanged(False))
    rig.wait(54.0)
    assert rig.state is S.CHARGING
    rig.feed(ev.JournalHealthChanged(False))
    rig.wait(1.1)
    assert rig.state is S.STOPPING
    assert rig.session._ending is not None
    assert rig.session._ending.stopped_reason is StoppedReason.OTHER


def test_nothing_new_starts_for_as_long_as_the_journal_is_broken() -> None:
    rig = SessionRig().plugged_in()
    rig.feed(ev.JournalHealthChanged(False))
    for _ in range(2):
        assert rig.feed(ev.TokenPresented(DRIVER)) == [act.ShowRejected()]
        assert rig.answer() == [act.ShowRejected()]
        refused = rig.feed(ev.RemoteStartRequested(DRIVER, None, 1, authorize_first=False))
        assert refused == [act.Respond(accepted=False, reason="awaiting_authorization")]
        rig.wait(120.0)
    rig.feed(ev.JournalHealthChanged(True))
    rig.answer()
    assert rig.state is S.SUSPENDED_EV


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
    assert rig.state is S.SUSPENDED_EVSE


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
    assert rig.session.public_state is S.SUSPENDED_EV
    actions = rig.feed(answered(plugged=True, ev_asks=True, restarted=True, dark_s=2.6))
    assert actions[:2] == START_OF_POWER


def test_a_board_that_came_up_enabled_is_forbidden_where_nobody_is_authorised() -> None:
    rig = SessionRig()
    assert rig.feed(answered(enabled=True))[0] == act.ForbidPower(ForbidReason.NOT_AUTHORIZED)


def test_a_fault_before_the_first_answer_stands_when_it_comes() -> None:
    rig = SessionRig()
    rig.feed(ev.FaultAppeared(Fault.GROUND_MISSING))
    assert rig.feed(answered())[0] == act.ForbidPower(ForbidReason.FAULT)
    assert rig.state is S.FAULTED


def test_where_transactions_end_with_the_cable_only_a_stopped_one_stays_open_until_it_is_pulled() -> None:
    rig = SessionRig()
    rig.session.recorder.stop_points = frozenset({TxPoint.EV_CONNECTED})
    rig.charging().feed(stop(), ev.EvStoppedRequestingPower())
    rig.finish()
    assert rig.state is S.FINISHING
    assert rig.session.recorder.is_open
    assert rig.feed(stop())[0] == act.ForbidPower(ForbidReason.STOPPED)
    rig.read_meter(2001)
    rig.feed(ev.EvUnplugged())
    assert ended(rig).stopped_reason is StoppedReason.EV_DISCONNECTED


def test_what_others_see_follows_the_contactor() -> None:
    rig = SessionRig().authorized()
    rig.feed(ev.EvRequestedPower())
    assert rig.session.public_state is S.SUSPENDED_EV
    rig.feed(ev.PowerTurnedOn())
    assert rig.session.public_state is S.CHARGING
    assert rig.session.wants_power
    assert not rig.session.accepts_token


def _accepted(group: IdToken | None) -> Authorization:
    return Authorization(AuthorizationStatus.ACCEPTED, group)
