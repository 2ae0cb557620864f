"""EVSEs of one phase at a supply of three: what the wiring lets each of them have. OCPP 1.6 section 9.1."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from agent.config import ConfigError
from hil.virtual_time import run_virtual
from tests.agent.station.station_rig import CARD, OTHER_CARD, charge, station_of, unplug, until
from tests.fakes.virtual_station import VirtualStation, virtual_station

SUPPLY = "[station]\nsupply_max_current_a = 16\n"
APART = '[ocpp16_keys]\nConnectorPhaseRotation = "1.RST,2.STR"\n'


def play_wired(directory: Path, story: Callable[[VirtualStation], Awaitable[None]], toml: str = "") -> None:
    """Play a story at two EVSEs of which only L1 is wired."""

    async def whole() -> None:
        async with virtual_station(directory, evses=2, version="1.6", extra_toml=SUPPLY + toml, started=False) as rig:
            file = directory / "agent.toml"
            station, *evses = file.read_text().split("[[evse]]")
            file.write_text("[[evse]]".join([station, *(each.replace("phases = 3", "phases = 1") for each in evses)]))
            await rig.start()
            await until(lambda: station_of(rig).is_online)
            await story(rig)

    run_virtual(whole())


async def both_charge(rig: VirtualStation) -> None:
    await charge(rig, 1, CARD)
    await charge(rig, 2, OTHER_CARD)
    await asyncio.sleep(30)


def offers(rig: VirtualStation) -> list[float]:
    return [evse.session.limit_a for evse in station_of(rig).evses.values()]


async def rotate(rig: VirtualStation, value: str) -> str:
    answer = await rig.csms.send(None, "ChangeConfiguration", {"key": "ConnectorPhaseRotation", "value": value})
    return str(answer["status"])


def test_evses_on_different_phases_of_the_grid_do_not_share_them(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        await both_charge(rig)
        assert offers(rig) == [16.0, 16.0]
        await unplug(rig, 1)
        await unplug(rig, 2)

    play_wired(tmp_path, story, APART)


@pytest.mark.parametrize("toml", ["", '[variables]\n"Connector#2.1.PhaseRotation" = "NotApplicable"\n'])
def test_where_the_wiring_is_not_known_the_sum_of_all_stays_within_the_supply(tmp_path: Path, toml: str) -> None:
    async def story(rig: VirtualStation) -> None:
        await both_charge(rig)
        assert offers(rig) == [8.0, 8.0]

    play_wired(tmp_path, story, toml)


def test_a_rotation_that_the_back_end_tells_takes_effect_at_once_and_outlives_a_restart(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        await both_charge(rig)
        assert offers(rig) == [8.0, 8.0]
        assert await rotate(rig, "1.RST,2.TRS") == "Accepted"
        await asyncio.sleep(30)
        assert offers(rig) == [16.0, 16.0]
        assert await rotate(rig, "1.TRS,2.TSR") == "Accepted"
        await asyncio.sleep(30)
        assert offers(rig) == [8.0, 8.0], "both are on T"
        assert await rotate(rig, "1.RST,2.SRT") == "Accepted"
        await rig.kill()
        await rig.start()
        await until(lambda: station_of(rig).is_online)
        await asyncio.sleep(30)
        assert offers(rig) == [16.0, 16.0]

    play_wired(tmp_path, story)


def test_a_rotation_of_an_evse_that_there_is_not_is_refused_with_its_line(tmp_path: Path) -> None:
    async def story(_: VirtualStation) -> None:
        raise AssertionError("it must not start")

    with pytest.raises(ConfigError, match=r"ConnectorPhaseRotation.*no connector 3"):
        play_wired(tmp_path, story, '[ocpp16_keys]\nConnectorPhaseRotation = "3.RST"\n')
