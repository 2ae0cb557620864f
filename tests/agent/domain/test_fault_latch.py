import pytest

from agent.domain import events as ev
from agent.domain.fault_latch import KEPT, FaultLatch
from hal.api import Fault

WELDED = ev.FaultAppeared(Fault.CONTACTOR_WELDED, "")
WELD_GONE = ev.FaultDisappeared(Fault.CONTACTOR_WELDED)
LEAKING = ev.FaultAppeared(Fault.RESIDUAL_DC, "")
LEAK_GONE = ev.FaultDisappeared(Fault.RESIDUAL_DC)


def answered(*, restarted: bool = False, plugged: bool = False) -> ev.BoardAnswered:
    return ev.BoardAnswered(
        plugged=plugged,
        ev_asks=False,
        contactor_closed=False,
        enabled=False,
        restarted=restarted,
        dark_s=0.0,
        plug_in=None,
    )


def test_a_fault_that_latches_on_its_cause_only_clears_with_it() -> None:
    latch = FaultLatch()
    hot = ev.FaultAppeared(Fault.OVER_TEMPERATURE, "")
    cool = ev.FaultDisappeared(Fault.OVER_TEMPERATURE)
    assert latch.passed(hot) == (hot,)
    assert latch.passed(cool) == (cool,)


def test_what_a_board_says_of_itself_is_latched_by_the_board_and_not_again_here() -> None:
    latch = FaultLatch()
    latch.passed(ev.EvPluggedIn())
    latch.passed(ev.FaultAppeared(Fault.BOARD_INTERNAL, "state 5"))
    well = ev.FaultDisappeared(Fault.BOARD_INTERNAL)
    assert latch.passed(well) == (well,)
    assert not latch.kept_over_restart


def test_residual_current_stays_until_the_car_is_unplugged() -> None:
    latch = FaultLatch()
    latch.passed(ev.EvPluggedIn())
    assert latch.passed(LEAKING) == (LEAKING,)
    assert latch.passed(LEAK_GONE) == ()
    assert latch.passed(ev.EvUnplugged()) == (ev.EvUnplugged(), LEAK_GONE)
    assert latch.passed(ev.EvUnplugged()) == (ev.EvUnplugged(),)


def test_unplugging_does_not_clear_a_fault_whose_cause_stands() -> None:
    latch = FaultLatch()
    latch.passed(ev.EvPluggedIn())
    latch.passed(LEAKING)
    assert latch.passed(ev.EvUnplugged()) == (ev.EvUnplugged(),)
    assert latch.passed(LEAK_GONE) == (LEAK_GONE,)


def test_a_fault_without_a_car_clears_with_its_cause() -> None:
    latch = FaultLatch()
    latch.passed(LEAKING)
    assert latch.passed(LEAK_GONE) == (LEAK_GONE,)


def test_a_weld_stays_over_unplugging_until_the_board_was_switched_off_and_on() -> None:
    latch = FaultLatch()
    latch.passed(ev.EvPluggedIn())
    latch.passed(WELDED)
    assert latch.passed(WELD_GONE) == ()
    assert latch.passed(ev.EvUnplugged()) == (ev.EvUnplugged(),)
    assert latch.passed(answered()) == (answered(),)
    assert latch.passed(answered(restarted=True)) == (answered(restarted=True), WELD_GONE)


def test_a_board_that_restarts_and_still_sees_the_weld_keeps_it() -> None:
    latch = FaultLatch()
    latch.passed(WELDED)
    assert latch.passed(answered(restarted=True)) == (answered(restarted=True),)
    assert latch.passed(WELD_GONE) == (WELD_GONE,)


def test_a_weld_outlives_the_agent_and_is_told_before_anything_else() -> None:
    before = FaultLatch()
    before.passed(WELDED)
    before.passed(LEAKING)
    assert before.kept_over_restart == {Fault.CONTACTOR_WELDED}
    after = FaultLatch(before.kept_over_restart)
    assert after.kept_over_restart == {Fault.CONTACTOR_WELDED}
    assert after.passed(answered()) == (ev.FaultAppeared(Fault.CONTACTOR_WELDED, KEPT), answered())
    assert after.kept_over_restart == {Fault.CONTACTOR_WELDED}


def test_a_board_that_was_dark_with_the_agent_has_tested_itself_and_clears_it() -> None:
    latch = FaultLatch([Fault.CONTACTOR_WELDED])
    assert latch.passed(answered(restarted=True)) == (answered(restarted=True),)
    assert latch.kept_over_restart == frozenset()


@pytest.mark.parametrize("first", [ev.FaultSource.BOARD, ev.FaultSource.DERATING])
def test_a_fault_that_two_sources_see_ends_with_the_last_of_them(first: ev.FaultSource) -> None:
    both = (ev.FaultSource.BOARD, ev.FaultSource.DERATING)
    last = next(source for source in both if source is not first)
    latch = FaultLatch()
    for source in both:
        latch.passed(ev.FaultAppeared(Fault.OVER_TEMPERATURE, "", source))
    assert latch.passed(ev.FaultDisappeared(Fault.OVER_TEMPERATURE, first)) == ()
    over = ev.FaultDisappeared(Fault.OVER_TEMPERATURE, last)
    assert latch.passed(over) == (over,)


def test_unplugging_does_not_clear_a_latched_fault_that_another_source_still_sees() -> None:
    latch = FaultLatch()
    latch.passed(ev.EvPluggedIn())
    for source in (ev.FaultSource.BOARD, ev.FaultSource.SUPERVISION):
        latch.passed(ev.FaultAppeared(Fault.OVER_CURRENT, "", source))
    assert latch.passed(ev.FaultDisappeared(Fault.OVER_CURRENT, ev.FaultSource.SUPERVISION)) == ()
    assert latch.passed(ev.EvUnplugged()) == (ev.EvUnplugged(),)
    well = ev.FaultDisappeared(Fault.OVER_CURRENT)
    assert latch.passed(well) == (well,)
