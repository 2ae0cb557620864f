"""What the station does with charging profiles: takes, keeps, replaces, forgets, and orders by them."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta
from math import inf
from pathlib import Path

import pytest

from agent.domain.charging_profile import ChargingProfile, ChargingRateUnit, ProfileCriteria
from agent.station.charging_profiles import TRAVEL_S
from agent.store.errors import StoreError
from tests.agent.domain.profiles import ABSOLUTE, MAX, NOON, RELATIVE, TX, profile, schedule
from tests.agent.station.profiles_rig import ProfilesRig, play

A, W = ChargingRateUnit.A, ChargingRateUnit.W
OWN = profile(9, (0, 8.0), evse=1, purpose=TX)


def test_nothing_installed_orders_nothing(tmp_path: Path) -> None:
    async def story(rig: ProfilesRig) -> None:
        assert [rig.order_a(evse_id) for evse_id in (0, 1, 2)] == [inf] * 3

    play(tmp_path, story)


def test_a_change_by_time_is_told_at_its_very_moment_and_not_in_between(tmp_path: Path) -> None:
    async def story(rig: ProfilesRig) -> None:
        start = rig.clock.now().utc
        course = schedule((0, 16), (7200, 10), duration_s=10_000, start=start)
        assert await rig.set(profile(kind=ABSOLUTE, course=course)) is None
        rig.changes.clear()
        assert rig.order_a() == 16
        await asyncio.sleep(7199.4)
        assert (rig.order_a(), rig.changes) == (16, [])
        await asyncio.sleep(0.2)
        lowered_s, *others = rig.changes
        assert (rig.order_a(), lowered_s, others) == (10, 7200.0 - TRAVEL_S, [])
        await asyncio.sleep(2800.3)
        assert rig.order_a() == 10
        await asyncio.sleep(0.2)
        assert (rig.order_a(), rig.changes[-1]) == (inf, 10_000.0)

    play(tmp_path, story)


def test_a_clock_that_is_set_moves_absolute_schedules_and_leaves_relative_ones(tmp_path: Path) -> None:
    async def story(rig: ProfilesRig) -> None:
        course = schedule((0, 16), (3600, 10), start=rig.clock.now().utc)
        await rig.set(profile(1, kind=ABSOLUTE, course=course, evse=0, purpose=MAX))
        rig.begin()
        await rig.set(profile(2, (0, 13), (3600, 7), evse=1, purpose=TX))
        assert (rig.order_a(0), rig.order_a(1)) == (16, 13)
        rig.clock.offset += timedelta(hours=2)
        assert (rig.order_a(0), rig.order_a(1)) == (10, 13)
        rig.clock.offset -= timedelta(hours=9)
        assert (rig.order_a(0), rig.order_a(1)) == (16, 13), "earlier than it was received it cannot be"

    play(tmp_path, story)


def test_after_a_power_cut_a_clock_that_is_not_set_lets_no_limit_go(tmp_path: Path) -> None:
    """Lesson 50: what held when the profile was received holds until the time is known."""

    async def story(rig: ProfilesRig) -> None:
        start = rig.clock.now().utc
        course = schedule((0, 16), (60, 10), start=start - timedelta(seconds=30))
        await rig.set(profile(1, kind=ABSOLUTE, course=course, purpose=MAX))
        rig.clock.offset = timedelta(days=-20_000)
        await rig.restart()
        assert rig.order_a(0) == 16
        rig.clock.offset = timedelta(0)
        assert rig.order_a(0) == 16
        await asyncio.sleep(31)
        assert rig.order_a(0) == 10

    play(tmp_path, story)


def test_all_purposes_but_that_of_a_transaction_are_there_after_a_restart(tmp_path: Path) -> None:
    """Lessons 48 and 49."""

    async def story(rig: ProfilesRig) -> None:
        rig.begin()
        for given in (profile(1), profile(2, (0, 30), purpose=MAX), profile(3, (0, 9), evse=2), OWN):
            assert await rig.set(given) is None
        before = {each.profile_id: each for each in rig.profiles.installed}
        await rig.restart()
        assert {each.profile_id: each for each in rig.profiles.installed} == {n: before[n] for n in (1, 2, 3)}
        assert [rig.order_a(evse_id) for evse_id in (0, 1, 2)] == [30, 16, 9]

    play(tmp_path, story)


@pytest.mark.parametrize("bad", [profile(7, level=100), profile(7, evse=3), profile(1, (0, -1)), OWN])
def test_a_refusal_leaves_everything_as_it_was(bad: ChargingProfile, tmp_path: Path) -> None:
    async def story(rig: ProfilesRig) -> None:
        assert await rig.set(profile(1, (0, 11))) is None
        before = rig.profiles.installed
        assert await rig.set(bad) is not None
        assert rig.profiles.installed == before
        await rig.restart()
        assert rig.profiles.installed == before

    play(tmp_path, story)


def test_a_disk_that_cannot_be_written_takes_nothing_and_loses_nothing(tmp_path: Path) -> None:
    async def story(rig: ProfilesRig) -> None:
        assert await rig.set(profile(1, (0, 11))) is None
        before = rig.profiles.installed
        rig.database.full = True
        assert await rig.set(profile(1, (0, 20))) == "it could not be stored"
        with pytest.raises(StoreError):
            await rig.profiles.clear_profiles(ProfileCriteria())
        assert rig.profiles.installed == before
        assert rig.order_a() == 11
        rig.begin()
        assert await rig.set(OWN) is None, "a TxProfile needs no disk"

    play(tmp_path, story)


def test_a_stored_profile_that_cannot_be_read_limits_nothing_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(rig: ProfilesRig) -> None:
        await rig.set(profile(1))
        await rig.set(profile(2, evse=1))
        with closing(sqlite3.connect(tmp_path / "station.sqlite")) as other:
            other.execute("UPDATE charging_profiles SET profile = '{}' WHERE profile_id = 1")
            other.commit()
        await rig.restart()
        assert [each.profile_id for each in rig.profiles.installed] == [2]
        assert "cannot be read and limits nothing id=1" in caplog.text

    play(tmp_path, story)


def test_what_is_replaced_or_cleared_does_not_come_back(tmp_path: Path) -> None:
    async def story(rig: ProfilesRig) -> None:
        for given in (profile(1), profile(2), profile(3, evse=1), profile(4, purpose=MAX)):
            assert await rig.set(given) is None
        assert await rig.profiles.clear_profiles(ProfileCriteria(purpose=MAX))
        assert not await rig.profiles.clear_profiles(ProfileCriteria(purpose=MAX))
        await rig.restart()
        assert [each.profile_id for each in rig.profiles.installed] == [2, 3]

    play(tmp_path, story)


def test_a_profile_of_a_transaction_goes_with_it(tmp_path: Path) -> None:
    async def story(rig: ProfilesRig) -> None:
        assert "no transaction" in str(await rig.set(OWN))
        rig.begin()
        assert await rig.set(OWN) is None
        rig.begin("tx-2", evse_id=2)
        assert rig.order_a(1) == 8, "another EVSE's transaction is nothing to it"
        rig.end(1)
        assert (rig.order_a(1), rig.profiles.installed) == (inf, ())

    play(tmp_path, story)


def test_a_profile_whose_transaction_ends_while_it_is_being_stored_is_not_taken(tmp_path: Path) -> None:
    async def story(rig: ProfilesRig) -> None:
        await rig.set(profile(9, (0, 12)))
        rig.begin()
        async with asyncio.TaskGroup() as group:
            setting = group.create_task(rig.set(OWN))
            await asyncio.sleep(0)
            rig.end()
        assert "just ended" in str(setting.result())
        assert TX not in {each.purpose for each in rig.profiles.installed}

    play(tmp_path, story)


def test_until_a_promised_profile_has_its_transaction_the_smaller_counts(tmp_path: Path) -> None:
    async def story(rig: ProfilesRig) -> None:
        await rig.set(profile(1, (0, 12)))
        assert rig.profiles.promise(1, 5, profile(9, (0, 20), purpose=TX)) is None
        assert rig.order_a(1) == 12
        rig.begin(remote_start_id=5)
        assert rig.order_a(1) == 20
        rig.end()
        assert rig.order_a(1) == 12

    play(tmp_path, story)


@pytest.mark.parametrize("then", ["another", "broken"])
def test_a_promise_is_kept_to_nobody_else(then: str, tmp_path: Path) -> None:
    async def story(rig: ProfilesRig) -> None:
        assert rig.profiles.promise(1, 5, profile(9, (0, 8), purpose=TX)) is None
        assert rig.order_a(1) == 8
        if then == "broken":
            rig.profiles.break_promise(1, 4)
            assert rig.order_a(1) == 8
            rig.profiles.break_promise(1, 5)
        else:
            rig.begin(remote_start_id=6)
        assert rig.order_a(1) == inf

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (profile(9, purpose=MAX), "connector 0"),
        (profile(9), "TxProfile"),
        (profile(9, (0, -1), purpose=TX), "negative"),
    ],
)
def test_a_remote_start_brings_a_profile_of_a_transaction_and_no_other(
    given: ChargingProfile, reason: str, tmp_path: Path
) -> None:
    """OCPP 1.6 section 5.16.2."""

    async def story(rig: ProfilesRig) -> None:
        assert reason in str(rig.profiles.promise(1, 5, given))
        assert rig.order_a(1) == inf

    play(tmp_path, story)


def test_a_promised_profile_replaces_what_has_its_id_on_the_disk_too(tmp_path: Path) -> None:
    async def story(rig: ProfilesRig) -> None:
        await rig.set(profile(9, (0, 12)))
        rig.profiles.promise(1, 5, OWN)
        rig.begin(remote_start_id=5)
        assert [each.purpose for each in rig.profiles.installed] == [TX]
        await rig.restart()
        assert rig.profiles.installed == ()

    play(tmp_path, story)


def test_a_composite_schedule_tells_the_smallest_of_all_that_limit(tmp_path: Path) -> None:
    """OCPP 1.6 section 5.7."""

    async def story(rig: ProfilesRig) -> None:
        start = rig.clock.now().utc.replace(microsecond=0)
        await rig.set(profile(1, (0, 20), (60, 40), kind=RELATIVE, evse=0))
        course = schedule((0, 20_700), (120, 6900), unit="W", start=start)
        await rig.set(profile(2, kind=ABSOLUTE, course=course, purpose=MAX))

        def told(evse_id: int, unit: ChargingRateUnit | None) -> list[tuple[int, float]]:
            found = rig.profiles.composite_schedule(evse_id, 600, unit)
            assert found is not None
            assert found.duration_s == 600
            return [(period.start_s, period.limit) for period in found.periods]

        assert told(1, A) == [(0, 20), (60, 30), (120, 10)]
        assert told(1, None) == told(1, A)
        assert told(1, W) == [(0, 13_800), (60, 20_700), (120, 6900)]
        assert told(2, A) == [(0, 16), (120, 10)], "16 A are wired"
        assert told(2, W) == [(0, 3680), (120, 2300)], "on one phase"
        assert told(0, A) == [(0, 30), (120, 10)], "not more than the station may draw"
        assert rig.profiles.composite_schedule(3, 600, A) is None

    play(tmp_path, story)


def test_together_the_evses_are_told_with_what_each_may_take(tmp_path: Path) -> None:
    async def story(rig: ProfilesRig) -> None:
        await rig.set(profile(1, (0, 10), evse=1))
        found = rig.profiles.composite_schedule(0, 60, A)
        assert found is not None
        assert [period.limit for period in found.periods] == [26]
        watts = rig.profiles.composite_schedule(0, 60, W)
        assert watts is not None
        assert [period.limit for period in watts.periods] == [10_580]

    play(tmp_path, story)


def test_a_time_of_nothing_is_told_as_what_holds_now(tmp_path: Path) -> None:
    """Lesson 47."""

    async def story(rig: ProfilesRig) -> None:
        found = rig.profiles.composite_schedule(1, 0, A)
        assert found is not None
        assert (found.duration_s, [period.limit for period in found.periods]) == (0, [32])
        assert found.start_s == int(NOON.timestamp())
        too_long = rig.profiles.composite_schedule(1, 2**31 - 1, A)
        assert too_long is not None
        assert too_long.duration_s == 604_800

    play(tmp_path, story)
