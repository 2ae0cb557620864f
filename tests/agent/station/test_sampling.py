from datetime import UTC, datetime, timedelta

import pytest

from agent.clock import Instant
from agent.station.sampling import ALIGNED, PERIODIC, SampleIntervals, SampleSchedule, SampleWanted

MIDNIGHT = datetime(2026, 5, 2, tzinfo=UTC)


def at(start: datetime, seconds: float) -> Instant:
    return Instant(1000.0 + seconds, start + timedelta(seconds=seconds))


def collected(
    start: datetime, beats: list[float], intervals: SampleIntervals, transaction_id: str | None = None
) -> list[tuple[float, SampleWanted]]:
    """What falls due on beats at these seconds after `start`; times are seconds after `start`."""
    schedule = SampleSchedule()
    due = []
    for seconds, following in zip(beats, [*beats[1:], beats[-1] + 1], strict=True):
        found = schedule.due_within(at(start, seconds), following - seconds, intervals, transaction_id)
        due += [(seconds + delay_s, wanted) for delay_s, wanted in found]
    return due


@pytest.mark.parametrize("interval_s", [1, 7, 900, 86_400])
def test_the_aligned_grid_starts_anew_at_midnight(interval_s: int) -> None:
    start = MIDNIGHT - timedelta(seconds=20.5)
    due = collected(start, [0.1 + second for second in range(40)], SampleIntervals(interval_s, 0))
    times = [start + timedelta(seconds=seconds) for seconds, _ in due]
    expected = [
        moment
        for second in range(-20, 20)
        if ((moment := MIDNIGHT + timedelta(seconds=second)) - MIDNIGHT.replace(day=1 if second < 0 else 2)).seconds
        % interval_s
        == 0
    ]
    assert [round((time - MIDNIGHT).total_seconds(), 3) for time in times] == [
        (time - MIDNIGHT).total_seconds() for time in expected
    ]
    assert all(wanted is ALIGNED for _, wanted in due)


def test_a_late_beat_takes_the_time_it_missed_and_none_twice() -> None:
    due = collected(MIDNIGHT, [0.5, 58.0, 61.2, 62.2], SampleIntervals(60, 0))
    assert [round(seconds, 3) for seconds, _ in due] == [60.0]


def test_periodic_samples_start_with_the_transaction_and_keep_their_grid() -> None:
    due = collected(MIDNIGHT, [0.3 + second for second in range(31)], SampleIntervals(0, 10), "tx-1")
    assert [round(seconds, 3) for seconds, _ in due] == [10.3, 20.3, 30.3]
    assert all(wanted is PERIODIC for _, wanted in due)


def test_the_next_transaction_starts_its_own_grid() -> None:
    schedule = SampleSchedule()
    intervals = SampleIntervals(0, 10)
    assert schedule.due_within(at(MIDNIGHT, 0), 9.0, intervals, "tx-1") == []
    assert schedule.due_within(at(MIDNIGHT, 9.5), 1.0, intervals, "tx-2") == []
    assert schedule.due_within(at(MIDNIGHT, 19.0), 1.0, intervals, "tx-2") == [(0.5, PERIODIC)]
    assert schedule.due_within(at(MIDNIGHT, 20.0), 60.0, intervals, None) == []


def test_a_clock_that_is_set_back_does_not_silence_the_grid() -> None:
    schedule = SampleSchedule()
    intervals = SampleIntervals(60, 0)
    assert schedule.due_within(at(MIDNIGHT, 59.5), 1.0, intervals, None) == [(0.5, ALIGNED)]
    earlier = MIDNIGHT - timedelta(hours=1)
    assert schedule.due_within(at(earlier, 119.5), 1.0, intervals, None) == [(0.5, ALIGNED)]


def test_an_interval_of_zero_switches_samples_off() -> None:
    assert collected(MIDNIGHT - timedelta(seconds=2), [0.0, 1.0, 2.0, 3.0], SampleIntervals(0, 0), "tx-1") == []
