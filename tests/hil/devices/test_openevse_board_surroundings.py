"""What the simulated OpenEVSE board makes of levels, noise, temperatures and residual currents beside the nominal."""

import asyncio
from typing import Any

import pytest

from hil.devices.openevse_board_values import State
from hil.world import PilotLoad, Surroundings, Wiring
from tests.hil.devices.openevse_rig import Rig, virtual


@pytest.mark.parametrize(
    ("plugged", "fields", "state"),
    [
        (PilotLoad.B, {"load_ohm": {PilotLoad.B: 1870.0}}, State.B),
        (PilotLoad.B, {"load_ohm": {PilotLoad.B: 4610.0}}, State.B),
        (PilotLoad.C, {"load_ohm": {PilotLoad.C: 691.0}}, State.C),
        (PilotLoad.C, {"load_ohm": {PilotLoad.C: 1000.0}}, State.C),
        (PilotLoad.B, {"pilot_noise_v": 0.9}, State.B),
        (PilotLoad.C, {"pilot_noise_v": 0.9}, State.C),
        (PilotLoad.C, {"pilot_noise_v": 1.6}, State.B),
        (PilotLoad.C, {"pilot_offset_v": -1.0}, State.C),
        (PilotLoad.C, {"negative_rail_v": -9.5}, State.DIODE),
    ],
)
def test_the_pilot_is_classified_by_borders_half_way(plugged: PilotLoad, fields: dict[str, Any], state: State) -> None:
    async def story() -> None:
        rig = await Rig().boot(plugged)
        rig.world.change(**fields)
        await asyncio.sleep(1)
        assert rig.board.control.state is state

    virtual(story)


@pytest.mark.parametrize(("enclosure_c", "charges"), [(65.0, True), (70.9, True), (71.0, False)])
def test_the_board_stops_at_71_degrees(enclosure_c: float, *, charges: bool) -> None:
    async def story() -> None:
        rig = await Rig().boot(PilotLoad.C)
        rig.world.change(surroundings=Surroundings(enclosure_c=enclosure_c))
        await asyncio.sleep(10)
        assert rig.world.contactor_closed is charges
        assert rig.board.control.state is (State.C if charges else State.OVER_TEMPERATURE)

    virtual(story)


@pytest.mark.parametrize(
    ("surroundings", "told"),
    [
        (Surroundings(enclosure_c=41.5), b"$OK 415 -2560 -2560"),
        (Surroundings(sensor_c=((1, None),)), b"$OK -2560 -2560 -2560"),
        (Surroundings(enclosure_c=41.5, sensor_c=((1, 33.0),)), b"$OK 330 -2560 -2560"),
    ],
)
def test_gp_tells_the_enclosure_or_that_the_sensor_is_absent(surroundings: Surroundings, told: bytes) -> None:
    async def story() -> None:
        rig = await Rig().boot()
        rig.world.change(surroundings=surroundings)
        rig.sent = b""
        rig.board.receive(b"$GP\r")
        await asyncio.sleep(0.1)
        assert rig.sent.startswith(told)

    virtual(story)


@pytest.mark.parametrize("wiring", [Wiring.RESIDUAL_CURRENT, Wiring.RESIDUAL_DC])
def test_residual_current_of_either_kind_opens_the_relay(wiring: Wiring) -> None:
    async def story() -> None:
        rig = await Rig().boot(PilotLoad.C)
        rig.world.set_wiring(wiring, present=True)
        await asyncio.sleep(1)
        assert not rig.world.contactor_closed
        assert rig.board.control.state is State.GFCI

    virtual(story)
