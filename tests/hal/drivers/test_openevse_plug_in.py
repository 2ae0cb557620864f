"""The proof of a plug-in: what the board's counters say of this plug-in and not of the last one."""

import asyncio
from decimal import Decimal

import pytest

from hal.api import BoardConnected, ForbidReason, PilotChanged, PilotState, PlugInCounted, PowerOff, PowerOn
from hal.drivers.openevse import OpenEvseBoard
from hil.devices.openevse_board_values import BoardModel
from hil.devices.vehicle import VehicleModel
from tests.hal.drivers.openevse_bench import Bench, bench, charging, virtual

CHARGED_S = 60.0
PHASES_S = [0.0, 1.1, 2.2, 3.3, 4.4]
"""How long nobody is plugged in: where in the 5 s between two questions for the counters the next car comes."""
SLOW = BoardModel(loop_delay_s=0.1)


async def _second_car(made: Bench, pause_s: float) -> int:
    """Let a car charge and leave, and another come with permission there; returns how many events came before."""
    await charging(made)
    await asyncio.sleep(CHARGED_S)
    made.car.plug_out()
    await made.expect(PowerOff)
    await made.expect(PilotChanged, lambda event: event.state is PilotState.A)
    await asyncio.sleep(2.0 + pause_s)
    before = len(made.events)
    await made.charge()
    await made.expect(PowerOn, since=before)
    return before


@pytest.mark.parametrize("model", [BoardModel(), SLOW], ids=["prompt", "slow"])
@pytest.mark.parametrize("pause_s", PHASES_S)
@virtual
async def test_counters_of_a_plug_in_are_told_before_its_contactor_closes(pause_s: float, model: BoardModel) -> None:
    async with bench(model=model) as made:
        before = await _second_car(made, pause_s)
        told = [event for event in made.events[before:] if isinstance(event, PilotChanged | PlugInCounted | PowerOn)]
        kinds = [type(event) for event in told]
        assert kinds.index(PilotChanged) < kinds.index(PlugInCounted) < kinds.index(PowerOn)


@pytest.mark.parametrize("pause_s", PHASES_S)
@virtual
async def test_no_counter_of_a_plug_in_holds_charging_time_of_the_last_one(pause_s: float) -> None:
    async with bench() as made:
        before = await _second_car(made, pause_s)
        began_s = next(event.at_s for event in made.events[before:] if isinstance(event, PowerOn))
        await asyncio.sleep(20)
        counted = [event for event in made.events[before:] if isinstance(event, PlugInCounted)]
        assert counted[0].counter.elapsed_s == 0
        assert all(event.counter.elapsed_s <= max(0.0, event.at_s - began_s) for event in counted)
        assert all(later.counter.continues(counted[0].counter) for later in counted)


@virtual
async def test_a_driver_that_comes_up_before_the_relay_closes_takes_no_charging_time_of_the_last_plug_in() -> None:
    async with bench() as made:
        await charging(made)
        await asyncio.sleep(CHARGED_S)
        made.car.plug_out()
        await made.expect(PowerOff)
        made.driver.forbid_power(ForbidReason.EV_UNPLUGGED)
        await asyncio.sleep(2)
        made.kill_driver()
        made.car.plug_in(VehicleModel())
        await asyncio.sleep(1)
        before = len(made.events)
        made.start_driver(OpenEvseBoard(made.line))
        proof = (await made.expect(BoardConnected, since=before)).status.plug_in
        assert made.board.describe()["elapsed_s"] >= CHARGED_S
        assert proof is not None
        assert (proof.elapsed_s, proof.session_energy_wh) == (0, Decimal(0))
