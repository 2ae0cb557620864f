"""Ways in which a session once could get stuck or mix up two drivers."""

import pytest

from agent.domain import events as ev
from agent.domain.facts import TransactionEnded, TransactionStarted
from agent.domain.reconciliation import judge_restart
from agent.domain.session_state import SessionState as S
from agent.domain.transaction import Sighting
from agent.domain.vocabulary import StoppedReason, TxPoint
from hal.api import Fault
from tests.agent.domain.session_rig import SessionRig, answered, assert_told_whole, of, stop


@pytest.mark.parametrize("stop_point", list(TxPoint))
@pytest.mark.parametrize("start_point", list(TxPoint))
def test_no_choice_of_points_lets_two_cars_share_a_transaction(start_point: TxPoint, stop_point: TxPoint) -> None:
    rig = SessionRig()
    recorder = rig.session.recorder
    recorder.start_points, recorder.stop_points = frozenset({start_point}), frozenset({stop_point})
    rig.plugged_in()
    rig.feed(ev.EvUnplugged())
    assert not recorder.is_open
    rig.feed(ev.EvPluggedIn())
    rig.feed(ev.EvUnplugged())
    assert not recorder.is_open
    assert_told_whole(rig.facts)


def test_a_driver_who_never_plugs_in_leaves_no_transaction_behind() -> None:
    rig = SessionRig().available()
    recorder = rig.session.recorder
    recorder.start_points, recorder.stop_points = frozenset({TxPoint.AUTHORIZED}), frozenset({TxPoint.ENERGY_TRANSFER})
    rig.answer()
    assert of(TransactionStarted, rig.facts)
    rig.wait(120.0)
    (ended,) = of(TransactionEnded, rig.facts)
    assert ended.stopped_reason is StoppedReason.TIMEOUT


def test_a_meter_whose_register_is_implausible_from_the_start_keeps_nobody_waiting() -> None:
    rig = SessionRig()
    rig.feed(answered(plugged=True))
    waited = [rig.session.awaits_register]
    rig.feed(ev.FaultAppeared(Fault.METER_IMPLAUSIBLE))
    waited.append(rig.session.awaits_register)
    assert waited == [True, False]
    assert rig.session.cannot_bill()


def test_a_board_that_comes_back_open_while_the_opening_is_awaited_confirms_it() -> None:
    rig = SessionRig().charging()
    rig.feed(ev.EvUnplugged())
    assert rig.stands(S.OPENING)
    rig.feed(ev.BoardWasReset(), answered(plugged=False, contactor_closed=False))
    assert rig.stands(S.READING_METER)
    rig.wait(30.0)
    assert rig.stands(S.AVAILABLE)
    assert not rig.session.faults


def test_what_is_stoppable_is_told_of_now_and_not_of_before() -> None:
    rig = SessionRig().charging()
    rig.feed(stop(), ev.EvStoppedRequestingPower(), ev.PowerTurnedOff())
    assert rig.session.is_stoppable()
    rig.read_meter(2000)
    assert not rig.session.is_stoppable()


def test_after_darkness_a_board_that_counts_nothing_leaves_later_energy_off_the_bill() -> None:
    rig = SessionRig().charging()
    state = rig.session.recorder.state
    assert state is not None
    verdict = judge_restart(state, answered(plugged=True, restarted=True), Sighting("boot-1", 0.0), resume=False)
    assert verdict.billable_until_wh == state.last_register_wh
