from math import inf

import pytest

from agent.domain.charging_profile import ChargingRateUnit
from agent.domain.composite_schedule import MAX_COMPOSITE_PERIODS, composite_schedule, pieces, smallest, summed
from agent.domain.profile_timeline import of_evse
from tests.agent.domain.profiles import ABSOLUTE, NOON, NOON_S, profile, schedule

A, W = ChargingRateUnit.A, ChargingRateUnit.W


def told(*course: tuple[float, float], unit: ChargingRateUnit = A, phases: int = 3) -> list[tuple[int, float]]:
    written = composite_schedule(list(course), 600, unit, phases)
    return [(period.start_s, period.limit) for period in written.periods]


def test_neighbours_that_are_equal_are_one_period() -> None:
    """Lesson 47."""
    assert told((0, 16), (10, 16), (20, 10), (30, 16)) == [(0, 16), (20, 10), (30, 16)]


@pytest.mark.parametrize(
    ("current_a", "unit", "phases", "limit"),
    [(11_000 / 690, W, 3, 11_000), (15.97, A, 3, 15.9), (0.1 * 3, A, 1, 0.3), (16, W, 1, 3680), (0, W, 3, 0)],
)
def test_a_limit_is_rounded_down_to_a_tenth_and_no_further(
    current_a: float, unit: ChargingRateUnit, phases: int, limit: float
) -> None:
    assert told((0, current_a), unit=unit, phases=phases) == [(0, limit)]


def test_the_smallest_and_the_sum_are_taken_at_each_moment() -> None:
    one, other = [(0.0, 16.0), (30.0, 6.0)], [(0.0, inf), (10.0, 8.0), (40.0, 5.0)]
    assert smallest(one, other) == [(0, 16), (10, 8), (30, 6), (40, 5)]
    assert summed(one, other) == [(0, inf), (10, 24), (30, 14), (40, 11)]


def test_a_period_that_begins_before_the_window_or_ends_after_it_is_cut() -> None:
    """Lesson 47: a window that begins within a period."""
    given = profile(kind=ABSOLUTE, course=schedule((0, 16), (100, 10), (900, 8), start=NOON, duration_s=2000))
    course = pieces(of_evse([given], 1, 3), NOON_S + 50, NOON_S + 650, NOON_S)
    assert told(*course) == [(0, 16), (50, 10)]


def test_a_schedule_with_too_many_changes_is_told_as_far_as_it_goes() -> None:
    course = [(float(n), 6.0 + n % 2) for n in range(MAX_COMPOSITE_PERIODS + 5)]
    written = composite_schedule(course, 5000, A, 3)
    assert len(written.periods) == MAX_COMPOSITE_PERIODS
    assert written.duration_s == MAX_COMPOSITE_PERIODS
