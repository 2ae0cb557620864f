"""What becomes of an open transaction when this software or the board was away."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from agent.domain import actions as act
from agent.domain import events as ev
from agent.domain.facts import TransactionEnded, TransactionStarted, TransactionUpdated, UnauthorisedEnergyFound
from agent.domain.reconciliation import MAX_RESET_S, judge_restart, judge_return
from agent.domain.session_context import SessionRules
from agent.domain.session_state import SessionState as S
from agent.domain.transaction import Cause, Sighting, TransactionState
from agent.domain.unauthorised_energy import UnauthorisedEnergyWatch
from agent.domain.vocabulary import ChargingState, StoppedReason, TriggerReason, TxPoint
from hal.api import Fault, ForbidReason, PlugInCounter
from tests.agent.domain.session_rig import DRIVER, SessionRig, answered, assert_told_whole, counter, ended, of

AT = datetime(2026, 5, 1, tzinfo=UTC)
NOW = Sighting("boot-1", 1000.0)
BEFORE = counter(100, 5000, 60)
SAME = counter(150, 5000, 90)
RESTARTED = counter(10, 5100, 5)
FURTHER = counter(180, 5100, 95)
"""Another car has taken more, and longer, than the first had when it was last looked at."""


def open_state(plug_in: PlugInCounter | None = BEFORE, *, stops: tuple[TxPoint, ...] | None = None) -> TransactionState:
    return TransactionState(
        transaction_id="tx-1",
        evse_id=1,
        next_seq_no=4,
        started_at=AT,
        start_register_wh=Decimal(1000),
        last_register_wh=Decimal(1500),
        charging_state=ChargingState.CHARGING,
        points=(TxPoint.AUTHORIZED, TxPoint.ENERGY_TRANSFER, TxPoint.EV_CONNECTED, TxPoint.POWER_PATH_CLOSED),
        stop_points=stops or (TxPoint.AUTHORIZED, TxPoint.EV_CONNECTED),
        id_token=DRIVER,
        plug_in=plug_in,
        offered_current_a=16.0,
    )


@pytest.mark.parametrize(
    ("event", "state", "continues"),
    [
        (answered(plugged=True, plug_in=SAME), open_state(), True),
        (answered(plugged=False, plug_in=SAME), open_state(), False),
        (answered(plugged=True, plug_in=RESTARTED), open_state(), False),
        (answered(plugged=True, plug_in=FURTHER), open_state(), False),
        (answered(plugged=True, plug_in=None), open_state(), False),
        (answered(plugged=True, plug_in=SAME), open_state(None), False),
        (answered(plugged=True, restarted=True, plug_in=SAME), open_state(), False),
    ],
)
def test_after_a_restart_only_proof_lets_a_transaction_go_on(
    event: ev.BoardAnswered, state: TransactionState, continues: bool
) -> None:
    assert judge_restart(state, event, NOW, resume=False).continues == continues


def test_resuming_after_darkness_is_a_configuration_and_needs_the_plug() -> None:
    assert judge_restart(open_state(), answered(plugged=True, restarted=True), NOW, resume=True).continues
    assert not judge_restart(open_state(), answered(plugged=False, restarted=True), NOW, resume=True).continues


@pytest.mark.parametrize(
    ("event", "state", "resume", "continues"),
    [
        (answered(plugged=True, restarted=True, dark_s=MAX_RESET_S), open_state(), False, True),
        (answered(plugged=True, restarted=True, dark_s=MAX_RESET_S + 1), open_state(), False, False),
        (answered(plugged=True, restarted=True, dark_s=MAX_RESET_S + 1), open_state(), True, True),
        (answered(plugged=False, restarted=True, dark_s=1.0), open_state(), True, False),
        (answered(plugged=False, plug_in=SAME), open_state(), False, True),
        (answered(plugged=True), open_state(), False, True),
        (answered(plugged=True, plug_in=SAME), open_state(None), False, True),
        (answered(plugged=True, plug_in=SAME), open_state(), False, True),
        (answered(plugged=True, plug_in=RESTARTED), open_state(), False, False),
    ],
)
def test_a_board_that_was_away_lets_a_transaction_go_on_unless_it_shows_another_plug_in(
    event: ev.BoardAnswered, state: TransactionState, resume: bool, continues: bool
) -> None:
    assert judge_return(state, event, resume=resume).continues == continues


def test_energy_since_a_board_started_by_itself_is_not_billed() -> None:
    verdict = judge_restart(
        open_state(), answered(plugged=True, restarted=True, plug_in=counter(5, 9)), NOW, resume=False
    )
    assert verdict.billable_until_wh == 1500
    clean = judge_restart(
        open_state(), answered(plugged=True, restarted=True, plug_in=counter(0, 9)), NOW, resume=False
    )
    assert clean.billable_until_wh is None


def test_a_proven_transaction_goes_on_where_it_was() -> None:
    rig = SessionRig(restored=open_state())
    actions = rig.feed(answered(plugged=True, ev_asks=True, contactor_closed=True, plug_in=SAME))
    assert act.PermitPower() in actions
    assert rig.stands(S.CHARGING)
    rig.feed(ev.TokenPresented(DRIVER), ev.EvStoppedRequestingPower())
    rig.finish()
    fact = ended(rig)
    assert (fact.transaction_id, fact.stopped_reason) == ("tx-1", StoppedReason.LOCAL)
    assert fact.seq_no == 4 + len(of(TransactionUpdated, rig.facts))


@pytest.mark.parametrize("restarted", [False, True])
def test_a_stop_that_had_begun_is_finished_after_a_restart(restarted: bool) -> None:
    cause = Cause(TriggerReason.REMOTE_STOP, StoppedReason.REMOTE)
    rig = SessionRig(SessionRules(resume_after_power_loss=True), restored=replace(open_state(), ending=cause))
    board = answered(plugged=True, ev_asks=True, contactor_closed=True, plug_in=SAME, restarted=restarted)
    assert rig.feed(board)[0] == act.ForbidPower(ForbidReason.STOPPED)
    rig.finish(register_wh=1600)
    assert (ended(rig).stopped_reason, ended(rig).register_wh) == (StoppedReason.REMOTE, Decimal(1600))
    assert rig.stands(S.FINISHING)


def test_the_cause_of_a_stop_is_part_of_what_a_restart_finds_until_nobody_is_authorised() -> None:
    rig = SessionRig(restored=open_state(stops=(TxPoint.EV_CONNECTED,)))
    rig.feed(answered(plugged=True, ev_asks=True, contactor_closed=True, plug_in=SAME), ev.TokenPresented(DRIVER))
    state = rig.session.recorder.state
    assert state is not None
    assert state.ending is not None
    assert state.ending.stopped_reason is StoppedReason.LOCAL
    rig.feed(ev.EvStoppedRequestingPower())
    rig.finish()
    state = rig.session.recorder.state
    assert state is not None
    assert state.ending is None


def test_darkness_of_the_board_ends_the_transaction_with_power_loss() -> None:
    rig = SessionRig(restored=open_state())
    rig.feed(answered(plugged=True, restarted=True))
    rig.read_meter(1510)
    assert ended(rig).stopped_reason is StoppedReason.POWER_LOSS
    assert rig.stands(S.AWAITING_AUTHORIZATION)


def test_an_unproven_transaction_ends_although_only_the_cable_would_end_it() -> None:
    rig = SessionRig(restored=open_state(stops=(TxPoint.EV_CONNECTED,)))
    rig.session.recorder.start_points = frozenset({TxPoint.EV_CONNECTED})
    rig.feed(answered(plugged=True, plug_in=RESTARTED))
    rig.read_meter(1600)
    fact = ended(rig)
    assert (fact.transaction_id, fact.stopped_reason) == ("tx-1", StoppedReason.EV_DISCONNECTED)
    (started,) = of(TransactionStarted, rig.facts)
    assert started.id_token is None, "the car that is there now is another one"
    assert_told_whole([fact for fact in rig.facts if not isinstance(fact, TransactionEnded)])


def test_a_restored_transaction_behind_a_fault_waits_and_then_ends() -> None:
    rig = SessionRig(restored=open_state())
    rig.feed(ev.FaultAppeared(Fault.OVER_TEMPERATURE))
    rig.feed(answered(plugged=True, restarted=True))
    assert rig.stands(S.READING_METER)
    rig.read_meter(1510)
    assert rig.stands(S.FAULTED)


def test_a_board_that_shows_another_plug_in_ends_a_running_transaction() -> None:
    rig = SessionRig().charging()
    rig.feed(ev.PlugInProven(BEFORE), ev.BoardWasReset())
    actions = rig.feed(answered(plugged=True, ev_asks=True, plug_in=RESTARTED, dark_s=60.0))
    assert isinstance(actions[0], act.ForbidPower)
    rig.read_meter(1700)
    assert ended(rig).stopped_reason is StoppedReason.EV_DISCONNECTED


def test_energy_that_nobody_paid_for_is_found_once() -> None:
    rig = SessionRig(last_register_wh=Decimal(1000))
    rig.feed(answered())
    rig.read_meter(1300)
    rig.read_meter(1300)
    (found,) = of(UnauthorisedEnergyFound, rig.facts)
    assert (found.energy_wh, found.register_before_wh, found.register_now_wh) == tuple(map(Decimal, (300, 1000, 1300)))
    assert rig.session.accounted_register_wh == 1300


@pytest.mark.parametrize(
    ("registers", "contactor_open", "found"),
    [
        ([1010, 1019], True, 0),
        ([1019, 1030, 1060], True, 0),
        ([1010, 1019, 1020], False, 1),
        ([900, 910], True, 0),
        ([1020], True, 1),
        ([1000, 1100], False, 1),
    ],
)
def test_small_drift_behind_an_open_contactor_is_the_meters_own(
    registers: list[int], contactor_open: bool, found: int
) -> None:
    watch = UnauthorisedEnergyWatch(1, Decimal(1000), Decimal(20))
    looks = [watch.look(Decimal(register), AT, contactor_open=contactor_open) for register in registers]
    assert len([look for look in looks if look is not None]) == found


def test_what_a_bill_covers_is_not_found_again() -> None:
    watch = UnauthorisedEnergyWatch(1, None, Decimal(20))
    watch.account(None)
    assert watch.accounted_wh is None
    watch.account(Decimal(2000))
    assert watch.look(Decimal(2010), AT, contactor_open=True) is None


@pytest.mark.parametrize(
    ("seen", "event", "continues"),
    [
        (Sighting("boot-1", 990.0), answered(plugged=True, plug_in=None), True),
        (Sighting("boot-1", 984.0), answered(plugged=True, plug_in=None), False),
        (Sighting("boot-0", 999.0), answered(plugged=True, plug_in=None), False),
        (Sighting("boot-1", 990.0), answered(plugged=False, plug_in=None), False),
        (Sighting("boot-1", 990.0), answered(plugged=True, plug_in=FURTHER), False),
        (Sighting("boot-1", 990.0), answered(plugged=True, plug_in=None, restarted=True), False),
    ],
)
def test_a_board_without_counters_keeps_a_car_that_was_seen_just_before_the_restart(
    seen: Sighting, event: ev.BoardAnswered, continues: bool
) -> None:
    state = replace(open_state(None), seen=seen)
    assert judge_restart(state, event, NOW, resume=False).continues == continues


def test_a_board_with_counters_is_believed_by_its_counters_alone() -> None:
    state = replace(open_state(BEFORE), seen=Sighting("boot-1", 999.0))
    assert not judge_restart(state, answered(plugged=True, plug_in=None), NOW, resume=False).continues
