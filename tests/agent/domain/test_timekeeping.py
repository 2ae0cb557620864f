"""Lessons 116 (1970 before the time is known), 117 (ranked sources), 118 (a session is repaired), 120."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from agent.clock import Instant
from agent.domain.timekeeping import BACK_END_FIRST, NTP_FIRST, Timekeeper, TimeSource, dated

NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
NO_STEP = timedelta(0)


def keeper(utc: datetime = NOON, order: tuple[TimeSource, ...] = NTP_FIRST, at_s: float = 100.0) -> Timekeeper:
    return Timekeeper(Instant(at_s, utc), step_threshold=timedelta(seconds=2), order=order)


def test_time_runs_with_the_monotonic_clock() -> None:
    assert keeper().utc(100.0 + 90) == NOON + timedelta(seconds=90)


@pytest.mark.parametrize(("utc", "source"), [(NOON, TimeSource.RTC), (EPOCH, TimeSource.NONE)])
def test_the_computers_clock_counts_at_the_start_if_it_may_be_right(utc: datetime, source: TimeSource) -> None:
    assert keeper(utc).quality.source is source


@pytest.mark.parametrize("order", [NTP_FIRST, BACK_END_FIRST])
def test_in_whatever_order_they_are_heard_the_best_source_wins(order: tuple[TimeSource, ...]) -> None:
    offsets = {TimeSource.NTP: 3 * HOUR, TimeSource.BACK_END: 2 * HOUR, TimeSource.RTC: HOUR}
    for heard in permutations(offsets):
        clock = keeper(EPOCH, order)
        for source in heard:
            clock.hear(source, Instant(100.0, NOON + offsets[source]))
        assert clock.utc(100.0) == NOON + offsets[order[0]], heard
        assert clock.quality.source is order[0]


def test_a_worse_source_is_heard_once_the_better_one_is_gone() -> None:
    clock = keeper()
    clock.hear(TimeSource.NTP, Instant(100.0, NOON))
    assert clock.hear(TimeSource.BACK_END, Instant(101.0, NOON + HOUR)) == NO_STEP
    clock.lose(TimeSource.BACK_END)
    assert clock.quality.source is TimeSource.NTP
    clock.lose(TimeSource.NTP)
    assert clock.utc(102.0) == NOON + timedelta(seconds=2), "its time is kept"
    assert clock.hear(TimeSource.BACK_END, Instant(110.0, NOON + HOUR)) > timedelta(minutes=59)


def test_a_small_difference_confirms_the_time_and_makes_no_step() -> None:
    clock = keeper()
    assert clock.hear(TimeSource.BACK_END, Instant(200.0, NOON + timedelta(seconds=101.5))) == NO_STEP
    assert (clock.quality.source, clock.quality.confirmed_s) == (TimeSource.BACK_END, 200.0)
    assert clock.utc(200.0) == NOON + timedelta(seconds=100)


@pytest.mark.parametrize("utc", [EPOCH, datetime(2024, 12, 31, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)])
def test_a_time_that_cannot_be_now_is_not_believed(utc: datetime) -> None:
    clock = keeper(EPOCH)
    assert clock.hear(TimeSource.NTP, Instant(100.0, utc)) == NO_STEP
    assert clock.quality.source is TimeSource.NONE


def test_what_was_stamped_before_the_time_was_known_is_dated_back_to_the_second() -> None:
    clock = keeper(EPOCH, at_s=5.0)
    stamps = [clock.utc(second) for second in (5.0, 65.0, 3605.0)]
    assert [clock.backdated(stamp) for stamp in stamps] == stamps, "nothing is known yet"
    clock.hear(TimeSource.BACK_END, Instant(4000.0, NOON))
    expected = [NOON - timedelta(seconds=4000.0 - second) for second in (5.0, 65.0, 3605.0)]
    assert [clock.backdated(stamp) for stamp in stamps] == expected


def test_a_later_correction_counts_for_what_was_dated_back_too() -> None:
    clock = keeper(EPOCH, at_s=0.0)
    clock.hear(TimeSource.BACK_END, Instant(100.0, NOON))
    clock.hear(TimeSource.NTP, Instant(200.0, NOON + HOUR + timedelta(seconds=100)))
    assert clock.backdated(EPOCH + timedelta(seconds=10)) == NOON + HOUR - timedelta(seconds=90)


def test_what_was_stamped_by_a_clock_that_was_set_stays() -> None:
    clock = keeper(EPOCH)
    clock.hear(TimeSource.BACK_END, Instant(100.0, NOON))
    assert clock.backdated(NOON - HOUR) == NOON - HOUR
    assert keeper().backdated(EPOCH) == EPOCH, "this clock was always set: it does not know when that was"


@dataclass(frozen=True)
class Inner:
    at: datetime
    value: int = 1


@dataclass(frozen=True)
class Outer:
    at: datetime
    inner: tuple[Inner, ...]
    one: Inner | None = None
    name: str = "x"


def test_every_moment_within_a_value_is_dated_back_and_nothing_else() -> None:
    before = Outer(EPOCH, (Inner(EPOCH), Inner(NOON)), Inner(EPOCH, 7))
    after = dated(before, lambda at: NOON + HOUR if at == EPOCH else at)
    assert after == Outer(NOON + HOUR, (Inner(NOON + HOUR), Inner(NOON)), Inner(NOON + HOUR, 7))


def test_a_value_without_such_a_moment_is_the_same_object() -> None:
    value = Outer(NOON, (Inner(NOON),))
    assert dated(value, lambda at: at) is value
