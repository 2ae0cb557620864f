"""Where a transaction begins and ends, by its points; what its facts say."""

from decimal import Decimal

import pytest

from agent.domain import actions as act
from agent.domain import events as ev
from agent.domain.facts import Sample, TransactionEnded, TransactionStarted, TransactionUpdated
from agent.domain.session_state import SessionState as S
from agent.domain.transaction import Cause, SessionView, TransactionRecorder
from agent.domain.vocabulary import (
    Authorization,
    AuthorizationStatus,
    ChargingState,
    ReadingContext,
    TriggerReason,
    TxPoint,
)
from hal.api import Quality
from tests.agent.domain.session_rig import DRIVER, SessionRig, assert_told_whole, ended, of, reading, stop

PERIODIC = TriggerReason.METER_VALUE_PERIODIC


@pytest.mark.parametrize(
    ("start", "begins_with"),
    [
        (TxPoint.EV_CONNECTED, TriggerReason.CABLE_PLUGGED_IN),
        (TxPoint.AUTHORIZED, TriggerReason.AUTHORIZED),
        (TxPoint.POWER_PATH_CLOSED, TriggerReason.AUTHORIZED),
        (TxPoint.ENERGY_TRANSFER, TriggerReason.CHARGING_STATE_CHANGED),
    ],
)
def test_a_transaction_begins_at_its_start_point(start: TxPoint, begins_with: TriggerReason) -> None:
    rig = SessionRig()
    rig.session.recorder.start_points = frozenset({start})
    rig.charging()
    (started,) = of(TransactionStarted, rig.facts)
    assert started.trigger is begins_with
    assert_told_whole(rig.facts)


def test_energy_transfer_as_stop_point_ends_it_with_the_flow() -> None:
    rig = SessionRig()
    rig.session.recorder.stop_points = frozenset({TxPoint.ENERGY_TRANSFER})
    rig.charging().feed(ev.EvStoppedRequestingPower())
    assert len(of(TransactionEnded, rig.facts)) == 1


def test_a_sample_is_told_within_the_transaction_only() -> None:
    rig = SessionRig().available()
    sample = Sample(ReadingContext.SAMPLE_PERIODIC, reading(1000, rig.now_s), 16.0)
    assert rig.feed(ev.SampleDue(sample, PERIODIC)) == []
    rig.feed(ev.EvPluggedIn(), ev.TokenPresented(DRIVER))
    rig.answer()
    (report,) = rig.feed(ev.SampleDue(sample, PERIODIC))
    assert isinstance(report, act.Report)
    assert isinstance(report.fact, TransactionUpdated)
    assert (report.fact.trigger, report.fact.samples) == (PERIODIC, (sample,))


def test_a_reading_without_energy_does_not_move_the_register() -> None:
    rig = SessionRig().charging()
    rig.read_meter(1500)
    rig.feed(ev.MeterSampled(reading(None, rig.now_s, quality=Quality.NO_ENERGY)))
    assert rig.session.recorder.register_wh == 1500


def test_without_any_reading_a_transaction_begins_without_a_register() -> None:
    recorder = TransactionRecorder(1)
    recorder.start_points = frozenset({TxPoint.EV_CONNECTED})
    view = SessionView(True, None, None, ChargingState.EV_CONNECTED)
    (started,) = recorder.observe(view, Cause(TriggerReason.CABLE_PLUGGED_IN), SessionRig().instant, offline=True)
    assert isinstance(started, TransactionStarted)
    assert (started.register_wh, started.samples, started.offline) == (None, (), True)


def test_a_sample_without_a_transaction_is_a_mistake_of_the_caller() -> None:
    view = SessionView(False, None, None, ChargingState.IDLE)
    sample = Sample(ReadingContext.TRIGGER, reading(1, 1.0))
    with pytest.raises(ValueError, match="no transaction"):
        TransactionRecorder(1).sampled(view, ev.SampleDue(sample, PERIODIC), SessionRig().instant, offline=False)


def test_the_state_that_survives_a_crash_holds_the_offer_and_the_register() -> None:
    rig = SessionRig().charging()
    rig.read_meter(1234)
    state = rig.session.recorder.state
    assert state is not None
    assert (state.offered_current_a, state.last_register_wh) == (16.0, Decimal(1234))


def test_the_car_may_leave_while_the_last_register_is_being_read() -> None:
    rig = SessionRig().charging()
    rig.feed(stop(), ev.EvStoppedRequestingPower(), ev.PowerTurnedOff())
    assert isinstance(rig.feed(ev.EvUnplugged())[0], act.ForbidPower)
    rig.read_meter(2000)
    assert rig.stands(S.AVAILABLE)
    assert_told_whole(rig.facts)


def test_a_pause_of_the_car_behind_an_open_contactor_keeps_the_permission() -> None:
    rig = SessionRig().authorized()
    rig.feed(ev.EvRequestedPower(), ev.PowerTurnedOff())
    assert act.PermitPower() in rig.feed(ev.EvStoppedRequestingPower())


def test_a_remote_start_that_was_authorised_is_told_as_one() -> None:
    rig = SessionRig().plugged_in()
    (question,) = of(act.AskAuthorization, rig.feed(ev.RemoteStartRequested(DRIVER, None, 7, authorize_first=True)))
    accepted = Authorization(AuthorizationStatus.ACCEPTED)
    rig.feed(ev.AuthorizationAnswered(question.session_number, DRIVER, accepted, question.remote_start_id))
    (started,) = of(TransactionStarted, rig.facts)
    assert (started.trigger, started.remote_start_id) == (TriggerReason.REMOTE_START, 7)


def test_another_meter_in_mid_transaction_is_no_energy_of_it() -> None:
    rig = SessionRig().charging()
    rig.read_meter(5000)
    rig.read_meter(12)
    rig.feed(stop())
    rig.feed(ev.EvStoppedRequestingPower(), ev.PowerTurnedOff())
    rig.read_meter(13)
    assert ended(rig).register_wh == 5000
    _begin, *others = ended(rig).samples
    assert [sample.reading.energy_import_wh for sample in others] == [None]
