"""The grid operator's contact at a card, from its input to the cars. Lessons 42, 43, 50; § 14a EnWG (BK6-22-300)."""

import asyncio
from pathlib import Path

import pytest

from tests.agent.station.station_rig import charge, play, station_of, until
from tests.agent.station.test_limit_planner import drawn_a
from tests.fakes.virtual_station import VirtualStation

HEARTBEAT_S, FAIL_SAFE_A, LIMIT_A = 10.0, 12.0, 14.0
FOLLOWS_S = 10.0
"""A look, a new duty cycle, and the 5 s that a car has to follow it (IEC 61851-1 Table A.6, sequence 6)."""


def toml(directory: Path, limits_when: str = "closed") -> str:
    return f"""
[limits.grid_operator]
heartbeat_timeout_s = {HEARTBEAT_S}
fail_safe_current_a = {FAIL_SAFE_A}
[limits.grid_operator.contact]
port = "{directory}/evse1/io"
unit = 1
input = 3
limits_when = "{limits_when}"
limit_current_a = {LIMIT_A}
"""


def sum_a(rig: VirtualStation) -> float:
    return drawn_a(rig, 1) + drawn_a(rig, 2)


async def both_charge(rig: VirtualStation) -> None:
    await charge(rig, 1)
    await charge(rig, 2)
    await until(lambda: sum_a(rig) > 20, within_s=120)


def test_two_cars_follow_the_contact_down_at_once_and_up_again_by_the_rules(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        bench = rig.lines.bench
        await both_charge(rig)
        bench.fault(1, "grid_limit")
        await asyncio.sleep(FOLLOWS_S)
        for _ in range(300):
            assert sum_a(rig) <= LIMIT_A
            await asyncio.sleep(0.1)
        assert sum_a(rig) > 11
        assert station_of(rig).limits.order(0).by == "grid_operator"
        bench.clear(1, "grid_limit")
        await until(lambda: sum_a(rig) > 20, within_s=60)

    play(tmp_path, story, extra_toml=toml(tmp_path), evses=2, io=True)


def test_a_card_that_falls_silent_brings_the_fail_safe_and_its_return_ends_it(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        bench = rig.lines.bench
        await charge(rig, 2)
        await until(lambda: drawn_a(rig, 2) > 20, within_s=120)
        bench.fault(1, "card_silent")
        await asyncio.sleep(HEARTBEAT_S - 2)
        assert drawn_a(rig, 2) > 20
        await until(lambda: drawn_a(rig, 2) <= FAIL_SAFE_A, within_s=2 + FOLLOWS_S)
        assert str(station_of(rig).limits.order(0)) == "grid_operator(fail-safe)"
        bench.clear(1, "card_silent")
        await until(lambda: drawn_a(rig, 2) > 20, within_s=60)

    play(tmp_path, story, extra_toml=toml(tmp_path), evses=2, io=True)


def test_a_contact_that_limits_when_open_limits_from_the_first_look_and_with_a_broken_wire(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        bench = rig.lines.bench
        await charge(rig, 1)
        await until(lambda: 13 < drawn_a(rig, 1) <= LIMIT_A, within_s=60)
        bench.fault(1, "grid_limit")
        await until(lambda: drawn_a(rig, 1) > 20, within_s=60)

    play(tmp_path, story, extra_toml=toml(tmp_path, "open"), io=True)


def test_until_the_first_look_the_fail_safe_holds(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story(rig: VirtualStation) -> None:
        await charge(rig, 1)

    caplog.set_level("INFO")
    play(tmp_path, story, extra_toml=toml(tmp_path), io=True)
    told = [record.getMessage() for record in caplog.records if "station limit" in record.getMessage()]
    assert told[0] == "station limit current_a=12.0 by=grid_operator(fail-safe)"
    assert told[1] == "station limit current_a=none by=nobody"
