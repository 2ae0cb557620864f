"""Limits of the whole station from several sources, on the whole station. Lessons 42, 43, 45, 50."""

import asyncio
import time
from pathlib import Path

import pytest

from agent.domain.limit_sources import LimitSource, LimitSources, SourceTerms
from agent.domain.profile_order import ProfileOrder
from agent.station.limit_planner import LimitPlanner
from agent.station.station_clock import StationClock
from hil.virtual_time import run_virtual
from tests.agent.station.station_rig import charge, play, station_of, until
from tests.fakes.virtual_station import VirtualStation

EXTERNAL, GRID = LimitSource.EXTERNAL, LimitSource.GRID_OPERATOR
TOML = "[limits.external]\nheartbeat_timeout_s = 60\nfail_safe_current_a = 6\n"


def drawn_a(rig: VirtualStation, evse_id: int = 1) -> float:
    return rig.lines.bench.evses[evse_id].world.current_a


def test_the_station_begins_at_the_fail_safe_goes_where_the_source_says_and_falls_back(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        await charge(rig)
        await until(lambda: 5.5 < drawn_a(rig) <= 6.0)
        limits = station_of(rig).limits
        assert limits.tell(EXTERNAL, 13.0) is None
        await until(lambda: 12.5 < drawn_a(rig) <= 13.0)
        await asyncio.sleep(50)
        assert limits.tell(EXTERNAL, 13.0) is None
        await asyncio.sleep(50)
        assert drawn_a(rig) > 12.5
        await until(lambda: drawn_a(rig) <= 6.0)
        assert str(limits.order(0)) == "external(fail-safe)"

    play(tmp_path, story, extra_toml=TOML)


def test_a_fail_safe_of_nothing_pauses_and_the_transaction_goes_on(tmp_path: Path) -> None:
    """Lesson 46."""

    async def story(rig: VirtualStation) -> None:
        assert station_of(rig).limits.tell(EXTERNAL, 16.0) is None
        await charge(rig)
        await until(lambda: drawn_a(rig) > 12)
        await until(lambda: drawn_a(rig) == 0, within_s=120)
        assert station_of(rig).open_transactions()
        assert station_of(rig).limits.tell(EXTERNAL, None) is None
        await until(lambda: drawn_a(rig) > 12, within_s=120)

    play(tmp_path, story, extra_toml=TOML.replace("_a = 6", "_a = 0"))


def test_two_evses_together_stay_within_an_outside_limit(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        await charge(rig, 1)
        await charge(rig, 2)
        await until(lambda: drawn_a(rig, 1) > 8 and drawn_a(rig, 2) > 8, within_s=120)
        assert station_of(rig).limits.tell(EXTERNAL, 14.0) is None
        await asyncio.sleep(10)
        for _ in range(200):
            assert drawn_a(rig, 1) + drawn_a(rig, 2) <= 14.0
            await asyncio.sleep(0.1)
        assert min(drawn_a(rig, 1), drawn_a(rig, 2)) > 5.5

    toml = TOML.replace("_a = 6", "_a = 32").replace("_s = 60", "_s = 0")
    play(tmp_path, story, extra_toml=toml, evses=2)


def test_the_order_says_who_how_much_and_until_when(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        profiles = ProfileOrder(20.0, "profile")
        sources = LimitSources({EXTERNAL: SourceTerms(60.0, 6.0), GRID: SourceTerms(0.0, 32.0)})
        planner = LimitPlanner(lambda evse_id: profiles if evse_id == 0 else ProfileOrder(), sources, StationClock())
        changes: list[float] = []
        planner.changed = lambda: changes.append(planner.order(0).current_a)
        planner.open()
        assert (planner.order(0).current_a, planner.order(0).by, planner.order(0).until) == (
            6.0,
            "external(fail-safe)",
            None,
        )
        planner.tell(EXTERNAL, 10.0)
        order = planner.order(0)
        assert (order.current_a, order.by) == (10.0, "external")
        assert order.until is not None
        assert planner.order(1) == ProfileOrder()
        planner.tell(EXTERNAL, None)
        assert planner.order(0) == profiles
        planner.tell(GRID, 8.0)
        assert planner.order(0).by == "grid_operator"
        await asyncio.sleep(61)
        assert planner.order(0).by == "external(fail-safe)"
        assert changes == [6.0, 10.0, 20.0, 8.0, 6.0]
        assert [each.current_a for each in planner.sources()] == [6.0, 8.0]

    caplog.set_level("INFO")
    run_virtual(story())
    assert [record.getMessage() for record in caplog.records][
        -1
    ] == "station limit current_a=6.0 by=external(fail-safe)"


def test_a_heartbeat_that_says_the_same_changes_nothing() -> None:
    async def story() -> None:
        planner = LimitPlanner(
            lambda _: ProfileOrder(), LimitSources({EXTERNAL: SourceTerms(9.0, 6.0)}), StationClock()
        )
        planner.open()
        changes: list[None] = []
        planner.changed = lambda: changes.append(None)
        for _ in range(20):
            planner.tell(EXTERNAL, 16.0)
            await asyncio.sleep(5)
        assert len(changes) == 1

    run_virtual(story())


def test_asking_takes_far_less_than_a_millisecond() -> None:
    async def story() -> None:
        sources = LimitSources({each: SourceTerms(60.0, 6.0) for each in LimitSource})
        planner = LimitPlanner(lambda _: ProfileOrder(), sources, StationClock())
        planner.tell(EXTERNAL, 16.0)
        began_s = time.perf_counter()
        for _ in range(1000):
            planner.order(0)
        assert time.perf_counter() - began_s < 1.0

    asyncio.run(story())


@pytest.mark.parametrize(
    ("toml", "lowest"),
    [
        ("[station]\nsupply_max_current_a = 24\nsupply_policy = 'first_come'\n", 2),
        ("[station]\nsupply_max_current_a = 24\nsupply_policy = 'equal'\n", 0),
    ],
)
def test_the_supply_is_divided_as_configured(tmp_path: Path, toml: str, lowest: int) -> None:
    async def story(rig: VirtualStation) -> None:
        await charge(rig, 1)
        await charge(rig, 2)
        await asyncio.sleep(60)
        one_a, two_a = drawn_a(rig, 1), drawn_a(rig, 2)
        assert one_a + two_a <= 24.0
        if lowest:
            assert one_a > 13
            assert 5.5 < two_a <= 8.1
        else:
            assert abs(one_a - two_a) < 0.6

    play(tmp_path, story, extra_toml=toml, evses=2)
