"""What will be allowed over a time to come, period by period: a rule.

Source: OCPP 1.6 sections 3.13.3 and 5.7: of the profile of the station, that of the transaction and the installation
the smallest counts at each moment. Neighbours that are equal are one period.
"""

from collections.abc import Callable, Iterator, Sequence
from heapq import merge
from math import inf
from typing import Final

from agent.domain.charging_profile import NOMINAL_VOLTAGE_V, ChargingRateUnit
from agent.domain.profile_timeline import ProfileTimeline
from hal.value import dataclass

LONGEST_S: Final = 604_800
"""A longer time is answered for a week: further than that, reckoning would hold the station up."""
MAX_COMPOSITE_PERIODS: Final = 1000
"""More periods are not told: the schedule is then shorter than what was asked for, and says so."""
STEP: Final = 0.1
"""Limits are told in whole steps, rounded down (OCPP 1.6 section 7.14: at most one digit fraction)."""
_EPSILON: Final = 1e-6

Pieces = list[tuple[float, float]]
"""From when on, s, and what holds, A; rising."""


@dataclass(frozen=True, slots=True)
class CompositePeriod:
    """From `start_s` after the schedule's start on."""

    start_s: int
    limit: float


@dataclass(frozen=True, slots=True)
class CompositeSchedule:
    """What is allowed from `start_s` (POSIX) on; all phases are meant."""

    start_s: int
    duration_s: int
    unit: ChargingRateUnit
    number_phases: int
    periods: tuple[CompositePeriod, ...]


def pieces(timelines: Sequence[ProfileTimeline], start_s: float, end_s: float, transaction_s: float) -> Pieces:
    """Return what timelines, in the order in which they prevail, allow from start to end; infinite where none does.

    Each one fills the gaps that those before it have left.
    """
    filled: Pieces = []
    gaps = [(start_s, end_s)]
    for timeline in timelines:
        if not gaps:
            break
        left: list[tuple[float, float]] = []
        silent_until_s = -inf
        for gap_s, until_s in gaps:
            if until_s <= silent_until_s:
                left.append((gap_s, until_s))
                continue
            at_s = gap_s
            while at_s < until_s:
                limit_a, changes_s = timeline.at(at_s, transaction_s)
                ends_s = min(changes_s, until_s)
                if limit_a is None:
                    left.append((at_s, ends_s))
                    silent_until_s = changes_s
                else:
                    filled.append((at_s, limit_a))
                at_s = ends_s
        gaps = left
    filled += [(gap_s, inf) for gap_s, _ in gaps]
    return sorted(filled)


def smallest(first: Pieces, second: Pieces) -> Pieces:
    """Return the smaller of two courses at each moment; both begin at the same time."""
    return list(_combined(first, second, min))


def summed(first: Pieces, second: Pieces) -> Pieces:
    """Return the sum of two courses at each moment; both begin at the same time."""
    return list(_combined(first, second, lambda one, other: one + other))


def _combined(first: Pieces, second: Pieces, join: Callable[[float, float], float]) -> Iterator[tuple[float, float]]:
    present = [inf, inf]
    turns = merge(((at_s, 0, limit) for at_s, limit in first), ((at_s, 1, limit) for at_s, limit in second))
    last: tuple[float, float] | None = None
    for at_s, which, limit in turns:
        present[which] = limit
        if last is not None and last[0] != at_s:
            yield last
        last = at_s, join(present[0], present[1])
    if last is not None:
        yield last


def composite_schedule(
    course: Pieces, duration_s: int, unit: ChargingRateUnit, number_phases: int
) -> CompositeSchedule:
    """Write a course that begins at a whole second, A per phase, as a schedule in this unit."""
    start_s = int(course[0][0])
    factor = number_phases * NOMINAL_VOLTAGE_V if unit is ChargingRateUnit.W else 1.0
    periods: list[CompositePeriod] = []
    for at_s, current_a in course:
        limit = round(int(current_a * factor / STEP + _EPSILON) * STEP, 1)
        if not periods or periods[-1].limit != limit:
            periods.append(CompositePeriod(int(at_s) - start_s, limit))
    if len(periods) > MAX_COMPOSITE_PERIODS:
        duration_s = periods[MAX_COMPOSITE_PERIODS].start_s
        del periods[MAX_COMPOSITE_PERIODS:]
    return CompositeSchedule(start_s, duration_s, unit, number_phases, tuple(periods))
