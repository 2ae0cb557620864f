"""How often a contactor may move, and what is counted. Lessons 63 and 66."""

import asyncio
import itertools
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.contactor_care import ContactorCare, ContactorCycles, ContactorTimes
from agent.domain.session_context import SessionRules
from agent.domain.vocabulary import IdToken
from hal.api import MeterReading, PilotState, Quality
from hil.virtual_time import run_virtual
from tests.agent.station.evse_rig import EvseRig


def reading(current_a: float, at_s: float) -> MeterReading:
    at = datetime(2026, 5, 1, tzinfo=UTC)
    return MeterReading(at, at_s, Quality.GOOD, Decimal(0), current_a=(Decimal(str(current_a)), None))


def test_a_permission_waits_after_opening_and_a_pause_after_closing() -> None:
    care = ContactorCare(ContactorTimes(min_off_s=2.0, min_on_s=5.0))
    assert (care.off_left_s(10.0), care.on_left_s(10.0)) == (0.0, 0.0)
    care.moved(closed=True, at_s=10.0)
    assert (care.off_left_s(11.0), care.on_left_s(11.0), care.on_left_s(15.0)) == (0.0, 4.0, 0.0)
    care.moved(closed=False, at_s=20.0)
    assert (care.off_left_s(20.5), care.off_left_s(22.0), care.on_left_s(20.5)) == (1.5, 0.0, 0.0)


@pytest.mark.parametrize("closed", [True, False, None])
def test_a_contactor_that_was_found_so_delays_nothing_and_counts_nothing(closed: bool | None) -> None:
    care = ContactorCare()
    care.found(closed=closed)
    assert (care.off_left_s(0.0), care.on_left_s(0.0)) == (0.0, 0.0)
    assert care.cycles == ContactorCycles()


def test_closings_count_and_openings_only_under_load() -> None:
    care = ContactorCare(cycles=ContactorCycles(100, 10))
    for at_s, drawn_a in ((0.0, 16.0), (100.0, 0.9), (200.0, 1.1)):
        care.moved(closed=True, at_s=at_s)
        care.moved(closed=True, at_s=at_s + 1)
        care.measured(reading(drawn_a, at_s + 30))
        care.moved(closed=False, at_s=at_s + 31)
    care.measured(reading(16.0, 300.0))
    assert care.cycles == ContactorCycles(103, 12)


def test_what_was_measured_long_before_opening_is_no_load() -> None:
    care = ContactorCare()
    care.moved(closed=True, at_s=0.0)
    care.measured(reading(16.0, 5.0))
    care.moved(closed=False, at_s=60.0)
    assert care.cycles == ContactorCycles(1, 0)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from((0.0, 5.0, 6.0, 16.0)), st.floats(0.05, 4.0)), min_size=10, max_size=60))
def test_flapping_limits_never_move_the_contactor_faster_than_the_minimum_times(
    limits: list[tuple[float, float]],
) -> None:
    async def story() -> list[tuple[float, bool]]:
        async with EvseRig(rules=SessionRules(free_vend=IdToken("FREE"))) as rig:
            rig.boards[1].car(PilotState.B)
            rig.boards[1].car(PilotState.C)
            await asyncio.sleep(0.1)
            assert rig.boards[1].closed
            for supply_a, wait_s in limits:
                rig.supply.max_current_a = supply_a
                rig.supply.refresh()
                await asyncio.sleep(wait_s)
            return rig.boards[1].moves

    moves = run_virtual(story())
    for (before_s, was_closed), (then_s, _) in itertools.pairwise(moves):
        assert then_s - before_s >= (5.0 if was_closed else 2.0) - 0.1, "the rig's board looks every 50 ms"
