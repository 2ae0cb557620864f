"""What can be measured on the bench's electrical side, beyond the nominal levels: facts iec61851_facts."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from hil.current_ramp import CurrentRamp
from hil.devices.vehicle import Vehicle, VehicleModel
from hil.virtual_time import run_virtual
from hil.world import EvseWorld, PilotKind, PilotLoad, PilotOutput, Wiring

PWM = PilotOutput(PilotKind.PWM, 26.67)


def virtual(story: Callable[[EvseWorld, list[tuple[str, dict[str, Any]]]], Awaitable[None]]) -> None:
    async def run() -> None:
        events: list[tuple[str, dict[str, Any]]] = []
        world = EvseWorld(asyncio.get_running_loop(), lambda event, fields: events.append((event, fields)))
        await story(world, events)

    run_virtual(run())


@pytest.mark.parametrize(
    ("state", "resistance_ohm", "level_v"),
    [
        (PilotLoad.B, 2740, 9.0),
        (PilotLoad.C, 882, 6.0),
        (PilotLoad.D, 246, 3.0),
        (PilotLoad.B, 1870, 8.06),
        (PilotLoad.B, 4610, 9.99),
    ],
)
def test_resistance_of_the_vehicle_gives_the_level(state: PilotLoad, resistance_ohm: float, level_v: float) -> None:
    async def story(world: EvseWorld, _: object) -> None:
        world.change(output=PWM, load=state, load_ohm={state: resistance_ohm})
        assert world.pilot_voltage_v == pytest.approx((level_v, -12.0), abs=0.1)
        assert world.pilot_state == state.name

    virtual(story)


def test_noise_is_in_the_measurement_and_stays_within_its_bounds() -> None:
    async def story(world: EvseWorld, _: object) -> None:
        world.change(output=PWM, load=PilotLoad.C, pilot_noise_v=0.9)
        highs, lows = zip(*(world.sample_pilot_v() for _ in range(1000)), strict=True)
        assert 5.1 <= min(highs) < 5.3
        assert 6.7 < max(highs) <= 6.9
        assert -12.9 <= min(lows) < max(lows) <= -11.1
        assert world.pilot_voltage_v == (6.0, -12.0)

    virtual(story)


def test_weak_rail_and_offset_shift_the_levels() -> None:
    async def story(world: EvseWorld, _: object) -> None:
        world.change(output=PWM, load=PilotLoad.B, negative_rail_v=-9.5, pilot_offset_v=-0.4)
        assert world.pilot_voltage_v == (8.6, -9.5)
        world.change(output=PilotOutput(PilotKind.NEGATIVE))
        assert world.pilot_voltage_v == (-9.5, -9.5)

    virtual(story)


def test_broken_protective_conductor_looks_like_an_unplugged_car() -> None:
    async def story(world: EvseWorld, _: object) -> None:
        world.change(output=PWM, load=PilotLoad.C)
        world.set_wiring(Wiring.PE_OPEN, present=True)
        assert world.pilot_state == "A"
        assert world.output_at_vehicle.kind is PilotKind.DARK

    virtual(story)


def test_second_contactor_switches_two_of_three_phases() -> None:
    async def story(world: EvseWorld, events: list[tuple[str, dict[str, Any]]]) -> None:
        world.change(relay_driven=True, further_relays_driven=(False, False), draw=CurrentRamp(0, 10.0, 10.0))
        assert world.power_w == 2300.0
        await asyncio.sleep(3600)
        world.change(further_relays_driven=(True, False))
        assert world.power_w == 6900.0
        await asyncio.sleep(3600)
        assert world.energy_wh == 9200
        assert ("contactor_2", {"closed": True}) in events
        world.set_wiring(Wiring.FAILS_TO_CLOSE_2, present=True)
        assert world.phases_supplied == 1
        world.set_wiring(Wiring.WELDED_2, present=True)
        assert world.phases_supplied == 3

    virtual(story)


@pytest.mark.parametrize(
    ("model", "resistor_ohm"),
    [
        (VehicleModel(cable_a=20), 680.0),
        (VehicleModel(cable_a=20, proximity_ohm=30.0), 30.0),
        (VehicleModel(), None),
    ],
)
def test_plug_carries_the_resistor_of_its_cable(model: VehicleModel, resistor_ohm: float | None) -> None:
    async def story(world: EvseWorld, _: object) -> None:
        vehicle = Vehicle(world)
        vehicle.plug_in(model)
        assert world.proximity_ohm == resistor_ohm
        vehicle.plug_out()
        assert world.proximity_ohm is None

    virtual(story)


def test_vehicle_with_resistors_of_its_own_survives_a_restart_of_the_bench() -> None:
    async def story(world: EvseWorld, _: object) -> None:
        vehicle = Vehicle(world)
        vehicle.plug_in(VehicleModel(pilot_b_ohm=1870.0, pilot_c_ohm=683.0))
        saved = vehicle.to_json()
        vehicle.plug_out()
        assert world.load_ohm == {}
        vehicle.restore(saved)
        assert world.load_ohm == {PilotLoad.B: 1870.0, PilotLoad.C: 683.0}

    virtual(story)


def test_a_phase_that_the_supply_has_lost_carries_nothing() -> None:
    async def story(world: EvseWorld, _: object) -> None:
        world.change(relay_driven=True, load=PilotLoad.C, draw=CurrentRamp(world.loop.time(), 16.0, 16.0, 1.0))
        assert (world.phases_supplied, world.power_w) == (3, 11040)
        world.change(lost_phases=1)
        assert (world.phases_supplied, world.power_w) == (2, 7360)
        world.change(phases=1)
        assert world.phases_supplied == 1

    virtual(story)
