import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from agent.domain.timekeeping import TimeSource
from agent.station.station_clock import StationClock, kernel_is_synchronised

A_MOMENT = timedelta(seconds=1)


def clock_of_this_test() -> StationClock:
    return StationClock(synchronised=lambda: False)


def source_of(clock: StationClock) -> TimeSource:
    return clock.quality.source


async def test_now_is_the_loops_monotonic_time_and_the_systems_utc() -> None:
    clock = clock_of_this_test()
    loop = asyncio.get_running_loop()
    before_s, before = loop.time(), datetime.now(UTC)
    now = clock.now()
    assert before_s <= now.monotonic_s <= loop.time()
    assert before <= now.utc <= datetime.now(UTC)
    assert now.utc.utcoffset() == timedelta(0)


@pytest.mark.parametrize("hours", [-30, 5])
async def test_a_learnt_time_is_kept_as_an_offset_and_leaves_waiting_alone(hours: int) -> None:
    clock = clock_of_this_test()
    before = clock.now()
    step = clock.learn_utc(before.utc + timedelta(hours=hours))
    after = clock.now()
    assert abs(step - timedelta(hours=hours)) < A_MOMENT
    assert abs(after.utc - before.utc - timedelta(hours=hours)) < A_MOMENT
    assert 0 <= after.monotonic_s - before.monotonic_s < A_MOMENT.total_seconds()


async def test_a_small_difference_makes_no_step() -> None:
    clock = clock_of_this_test()
    assert clock.learn_utc(clock.now().utc + timedelta(seconds=1.5)) == timedelta(0)
    assert clock.learn_utc(clock.now().utc - timedelta(seconds=1.5)) == timedelta(0)
    assert abs(clock.now().utc - datetime.now(UTC)) < A_MOMENT


async def test_the_threshold_is_what_is_configured() -> None:
    clock = StationClock(step_threshold=timedelta(minutes=10), synchronised=lambda: False)
    assert clock.learn_utc(clock.now().utc + timedelta(minutes=9)) == timedelta(0)
    assert clock.learn_utc(clock.now().utc + timedelta(minutes=11)) > timedelta(minutes=10)


async def test_steps_add_up_and_can_be_taken_back() -> None:
    clock = clock_of_this_test()
    clock.learn_utc(clock.now().utc + timedelta(hours=1))
    clock.learn_utc(clock.now().utc + timedelta(hours=1))
    assert abs(clock.now().utc - datetime.now(UTC) - timedelta(hours=2)) < A_MOMENT
    clock.learn_utc(datetime.now(UTC))
    assert abs(clock.now().utc - datetime.now(UTC)) < A_MOMENT


@pytest.mark.parametrize("year", [1970, 2014, 2100, 9999])
async def test_a_time_that_cannot_be_now_is_not_learnt(year: int) -> None:
    """Lesson 116; a back-end at the end of the calendar would stop every calculation with dates."""
    clock = clock_of_this_test()
    assert clock.learn_utc(datetime(year, 12, 31, tzinfo=UTC)) == timedelta(0)
    assert abs(clock.now().utc - datetime.now(UTC)) < A_MOMENT


async def test_ntp_outranks_the_back_end_while_the_kernel_says_that_it_is_there() -> None:
    system = datetime.now(UTC)
    synchronised = True
    clock = StationClock(system=lambda: system, synchronised=lambda: synchronised)
    await clock.look()
    assert clock.quality.source is TimeSource.NTP
    assert clock.learn_utc(system + timedelta(hours=1)) == timedelta(0)
    synchronised = False
    await clock.look()
    assert clock.learn_utc(system + timedelta(hours=1)) > timedelta(minutes=59)


async def test_a_computers_clock_that_is_set_later_is_noticed() -> None:
    system = datetime(1970, 1, 1, tzinfo=UTC)
    clock = StationClock(system=lambda: system, synchronised=lambda: False)
    assert source_of(clock) is TimeSource.NONE
    stamped = clock.now().utc
    system = datetime(2026, 5, 1, tzinfo=UTC)
    await clock.look()
    assert source_of(clock) is TimeSource.RTC
    assert abs(clock.backdated(stamped) - system) < A_MOMENT
    assert abs(clock.dated((stamped, "x"))[0] - system) < A_MOMENT


def test_the_kernel_is_asked_without_privilege() -> None:
    """adjtimex(2); what it says depends on the machine, that it says something does not."""
    assert kernel_is_synchronised() in {True, False}
