"""The ways of a session, each told once: how it starts, pauses, stops, ends."""

from decimal import Decimal

import pytest

from agent.domain import actions as act
from agent.domain import events as ev
from agent.domain.facts import TransactionEnded, TransactionStarted, UnauthorisedEnergyFound
from agent.domain.session_context import SessionRules
from agent.domain.session_state import SessionState as S
from agent.domain.vocabulary import (
    Authorization,
    AuthorizationStatus,
    ChargingState,
    IdToken,
    StoppedReason,
    TriggerReason,
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
    assert rig.stands(S.SUSPENDED_EV)


def test_token_first_then_plug() -> None:
    rig = SessionRig().available()
    rig.feed(ev.TokenPresented(DRIVER))
    rig.answer()
    assert rig.stands(S.AWAITING_EV)
    assert not rig.facts
    assert rig.feed(ev.EvPluggedIn())[:2] == START_OF_POWER
    (started,) = of(TransactionStarted, rig.facts)
    assert started.trigger is TriggerReason.CABLE_PLUGGED_IN


def test_free_vend_charges_whoever_plugs_in() -> None:
    rig = SessionRig(FREE).available()
    assert rig.feed(ev.EvPluggedIn(simplified=True))[:2] == START_OF_POWER
    assert rig.stands(S.CHARGING)
    assert rig.session.id_token == FREE.free_vend


def test_free_vend_charges_a_car_that_was_there_before_this_software() -> None:
    rig = SessionRig(FREE)
    assert not of(act.PermitPower, rig.feed(answered(plugged=True, ev_asks=True)))
    assert act.PermitPower() in rig.read_meter(1000)
    assert rig.stands(S.CHARGING)


def test_nothing_starts_before_there_is_a_register_to_start_from() -> None:
    rig = SessionRig()
    rig.feed(answered(plugged=True))
    assert rig.feed(ev.TokenPresented(DRIVER)) == [act.ShowRejected()]
    refused = rig.feed(ev.RemoteStartRequested(DRIVER, None, 1, authorize_first=False))
    assert refused == [act.Respond(accepted=False, reason="nothing can be billed now")]
    rig.read_meter(1000)
    rig.feed(ev.TokenPresented(DRIVER))
    rig.answer()
    (started,) = rig.facts
    assert isinstance(started, TransactionStarted)
    assert started.register_wh == 1000


def test_a_meter_that_is_silent_from_the_start_delays_nothing_where_its_register_was_left_is_known() -> None:
    rig = SessionRig(last_register_wh=Decimal(700))
    rig.feed(answered(plugged=True), ev.FaultAppeared(Fault.METER_SILENT), ev.TokenPresented(DRIVER))
    rig.answer()
    (started,) = rig.facts
    assert isinstance(started, TransactionStarted)
    assert started.register_wh == 700


def test_energy_of_the_dead_time_is_reported_and_not_billed_to_the_driver_who_starts_at_once() -> None:
    rig = SessionRig(FREE, last_register_wh=Decimal(700))
    rig.read_meter(900)
    rig.feed(answered(plugged=True))
    found, started = rig.facts
    assert isinstance(found, UnauthorisedEnergyFound)
    assert found.energy_wh == 200
    assert isinstance(started, TransactionStarted)
    assert started.register_wh == 900


def test_free_vend_does_not_start_again_what_was_stopped() -> None:
    rig = SessionRig(FREE).available()
    rig.feed(ev.EvPluggedIn(), stop())
    rig.finish()
    assert rig.stands(S.FINISHING)


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
    assert rig.stands(S.AWAITING_EV)
    rig.wait(0.1)
    assert rig.stands(S.AVAILABLE)
    assert not rig.session.is_authorized()


def test_the_same_token_again_takes_the_authorisation_back_before_plugging_in() -> None:
    rig = SessionRig().available()
    rig.feed(ev.TokenPresented(DRIVER))
    rig.answer()
    assert rig.feed(ev.TokenPresented(FRIEND)) == [act.ShowRejected()]
    rig.feed(ev.TokenPresented(DRIVER))
    assert rig.stands(S.AVAILABLE)


def test_a_refused_token_starts_nothing() -> None:
    rig = SessionRig().plugged_in()
    rig.feed(ev.TokenPresented(STRANGER))
    assert rig.answer(STRANGER, accepted=False) == [act.ShowRejected()]
    assert rig.stands(S.AWAITING_AUTHORIZATION)


def test_an_answer_that_comes_after_the_car_has_gone_does_not_authorise_the_next_one() -> None:
    rig = SessionRig().plugged_in()
    number = rig.session.session_number
    rig.feed(ev.TokenPresented(DRIVER), ev.EvUnplugged(), ev.EvPluggedIn())
    assert rig.session.session_number != number
    assert rig.feed(ev.AuthorizationAnswered(number, DRIVER, _accepted(None))) == []
    assert rig.stands(S.AWAITING_AUTHORIZATION)


def test_a_second_tap_before_the_answer_does_not_stop_what_the_first_started() -> None:
    rig = SessionRig().plugged_in()
    questions = of(act.AskAuthorization, rig.feed(ev.TokenPresented(DRIVER)) + rig.feed(ev.TokenPresented(DRIVER)))
    for question in questions:
        rig.feed(ev.AuthorizationAnswered(question.session_number, DRIVER, _accepted(GROUP)))
    assert rig.stands(S.SUSPENDED_EV)
    assert rig.session.id_token == DRIVER


def test_stopping_in_state_c_asks_the_car_first_and_opens_when_it_has_let_go() -> None:
    rig = SessionRig().charging()
    assert rig.feed(ev.TokenPresented(DRIVER)) == [act.OfferCurrent(0.0)]
    assert rig.stands(S.STOPPING)
    assert rig.feed(ev.EvStoppedRequestingPower())[0] == act.ForbidPower(ForbidReason.EV_STOPPED)
    assert rig.stands(S.OPENING)
    assert rig.feed(ev.PowerTurnedOff()) == [act.ReadMeter()]
    rig.read_meter(2500)
    assert rig.stands(S.FINISHING)
    fact = ended(rig)
    assert (fact.stopped_reason, fact.id_token, fact.register_wh) == (StoppedReason.LOCAL, DRIVER, Decimal(2500))
    assert fact.register_confirmed


def test_a_car_that_stays_in_c_loses_power_after_6_seconds_and_not_before() -> None:
    rig = SessionRig().charging()
    rig.feed(stop())
    assert not of(act.ForbidPower, rig.wait(6.1))
    assert of(act.ForbidPower, rig.wait(0.2)) == [act.ForbidPower(ForbidReason.STOPPED)]
    assert rig.stands(S.OPENING)


def test_a_deadline_that_was_on_its_way_when_the_state_changed_is_nobodys() -> None:
    rig = SessionRig().charging()
    rig.feed(stop())
    rig.now_s += 6.2
    rig.feed(ev.EvStoppedRequestingPower())
    assert rig.feed(ev.DeadlinePassed()) == []
    assert rig.stands(S.OPENING)
    assert Fault.CONTACTOR_UNCONFIRMED not in rig.session.faults


def test_an_opening_that_is_never_confirmed_ends_flagged_and_faulted_until_it_is() -> None:
    rig = SessionRig().charging()
    rig.feed(stop(), ev.EvStoppedRequestingPower())
    rig.wait(2.0)
    assert rig.stands(S.READING_METER)
    rig.read_meter(2100)
    fact = ended(rig)
    assert not fact.register_confirmed
    assert fact.register_wh == 2100
    assert rig.stands(S.FAULTED)
    rig.feed(ev.PowerTurnedOff())
    assert rig.stands(S.FINISHING)


def test_an_opening_that_is_taken_back_while_the_meter_is_read_ends_flagged_and_keeps_the_plug_locked() -> None:
    rig = SessionRig(rules=SessionRules(has_lock=True)).authorized()
    rig.feed(ev.LockMoved(locked=True), ev.EvRequestedPower(), ev.PowerTurnedOn())
    rig.feed(stop(), ev.EvStoppedRequestingPower(), ev.PowerTurnedOff())
    assert rig.stands(S.READING_METER)
    back = rig.feed(ev.PowerTurnedOn(), ev.FaultAppeared(Fault.CONTACTOR_WELDED))
    assert of(act.ForbidPower, back)
    after = rig.read_meter(2100)
    assert not ended(rig).register_confirmed
    assert not of(act.UnlockConnector, after)
    assert not rig.session.is_contactor_open()


def test_a_silent_meter_ends_the_session_with_the_last_register_flagged() -> None:
    rig = SessionRig().charging()
    rig.read_meter(1500)
    rig.feed(stop(), ev.EvStoppedRequestingPower(), ev.PowerTurnedOff())
    rig.wait(1.5)
    fact = ended(rig)
    assert fact.register_wh == Decimal(1500)
    assert not fact.register_confirmed


def test_a_reading_from_before_the_contactor_opened_is_not_the_final_one() -> None:
    rig = SessionRig().charging()
    rig.feed(stop(), ev.EvStoppedRequestingPower())
    early_s = rig.now_s
    rig.now_s += 0.5
    rig.feed(ev.PowerTurnedOff(), ev.MeterSampled(reading(1900, early_s)))
    assert rig.stands(S.READING_METER)
    rig.read_meter(None)
    assert rig.stands(S.READING_METER)
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
    assert rig.stands(S.AVAILABLE)


def test_unplugging_while_stopping_does_not_change_why_it_ended() -> None:
    rig = SessionRig().charging()
    rig.feed(stop(), ev.EvUnplugged())
    rig.finish()
    assert ended(rig).stopped_reason is StoppedReason.REMOTE
    assert rig.stands(S.AVAILABLE)


def test_the_next_car_in_while_the_last_one_ends_has_to_be_authorised() -> None:
    rig = SessionRig().charging()
    rig.feed(ev.EvUnplugged(), ev.EvPluggedIn())
    rig.finish()
    assert rig.stands(S.AWAITING_AUTHORIZATION)


def test_a_friend_of_the_group_may_stop_and_a_stranger_may_not() -> None:
    rig = SessionRig().charging(group=GROUP)
    rig.feed(ev.TokenPresented(STRANGER))
    assert rig.answer(STRANGER, group=IdToken("OTHER")) == [act.ShowRejected()]
    assert rig.answer(STRANGER, accepted=False) == [act.ShowRejected()]
    rig.feed(ev.TokenPresented(FRIEND))
    rig.answer(FRIEND, group=GROUP)
    assert rig.stands(S.STOPPING)
    rig.feed(ev.EvStoppedRequestingPower())
    rig.finish()
    assert ended(rig).id_token == FRIEND


def test_the_car_pauses_and_goes_on_within_one_transaction() -> None:
    rig = SessionRig().charging()
    actions = rig.feed(ev.EvStoppedRequestingPower())
    assert actions[0] == act.ForbidPower(ForbidReason.EV_STOPPED)
    assert act.PermitPower() not in actions, "not before the contactor is known to be open"
    assert rig.tells(ChargingState.SUSPENDED_EV)
    assert rig.feed(ev.PowerTurnedOff()) == [act.PermitPower()]
    rig.feed(ev.EvRequestedPower(), ev.PowerTurnedOn())
    assert rig.tells(ChargingState.CHARGING)
    assert not of(TransactionEnded, rig.facts)


def test_a_car_that_is_back_in_c_before_the_contactor_has_opened_gets_power_again() -> None:
    rig = SessionRig().charging()
    rig.feed(ev.EvStoppedRequestingPower(), ev.EvRequestedPower())
    assert rig.feed(ev.PowerTurnedOff())[0] == act.PermitPower()
    assert rig.stands(S.CHARGING)


def test_a_limit_below_the_minimum_pauses_and_the_car_has_6_seconds() -> None:
    rig = SessionRig().charging()
    assert act.OfferCurrent(0.0) in rig.feed(ev.LimitChanged(5.9))
    assert rig.stands(S.SUSPENDED_EVSE)
    assert not of(act.ForbidPower, rig.wait(6.1))
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
    assert rig.stands(S.STOPPING)
    assert of(act.ForbidPower, rig.wait(2.3))


def test_a_new_limit_while_charging_is_only_a_new_offer() -> None:
    rig = SessionRig().charging()
    assert rig.feed(ev.LimitChanged(10.0)) == [act.OfferCurrent(10.0)]


def _accepted(group: IdToken | None) -> Authorization:
    return Authorization(AuthorizationStatus.ACCEPTED, group)
