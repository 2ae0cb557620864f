"""What the simulated safety controller makes of levels, resistors and temperatures: facts iec61851_facts."""

import asyncio

import pytest

from hal.codecs.safety_values import (
    PilotState,
    ProximityCode,
    SafeState,
    SafeStateReason,
)
from hil.devices.safety_board_values import SafetyBoardModel
from hil.world import PilotLoad
from tests.hil.devices.safety_rig import POWER, PWM_16_A, X1, SafetyRig, virtual

OWN_LIMIT_S = 0.05
SOCKET = SafetyBoardModel(socket=True)


def test_noise_of_0_9_v_makes_no_false_state_in_60_s() -> None:
    async def story() -> None:
        rig = await SafetyRig().boot(PWM_16_A)
        rig.world.change(pilot_noise_v=0.9)
        for load in (PilotLoad.A, PilotLoad.B, PilotLoad.C, PilotLoad.D):
            rig.world.change(load=load)
            await asyncio.sleep(0.2)
            rig.frames.clear()
            await asyncio.sleep(15)
            assert {state.pilot for state in rig.states} == {PilotState[load.name]}
            assert rig.told().safe_state is SafeState.NORMAL

    virtual(story)


def test_borders_between_states_depend_on_the_direction() -> None:
    async def story() -> None:
        rig = await SafetyRig().boot(PWM_16_A)

        async def border_v(step_v: float) -> float:
            before = rig.told().pilot
            while rig.told().pilot is before:
                rig.world.change(pilot_offset_v=round(rig.world.pilot_offset_v + step_v, 2))
                await asyncio.sleep(0.15)
            return rig.world.pilot_voltage_v[0]

        down_v = [await border_v(-0.05) for _ in range(3)]
        up_v = [await border_v(0.05) for _ in range(3)]
        assert down_v == pytest.approx([10.2, 7.2, 4.2], abs=0.06)
        assert up_v == pytest.approx([4.8, 7.8, 10.8], abs=0.06)

    virtual(story)


@pytest.mark.parametrize(
    ("load", "resistance_ohm"),
    [(PilotLoad.B, 1870.0), (PilotLoad.B, 4610.0), (PilotLoad.C, 682.6), (PilotLoad.C, 1057.8)],
)
def test_cars_at_the_ends_of_the_range_are_recognised(load: PilotLoad, resistance_ohm: float) -> None:
    async def story() -> None:
        rig = await SafetyRig().boot(PWM_16_A)
        rig.world.change(load=load, load_ohm={load: resistance_ohm})
        await asyncio.sleep(0.2)
        assert rig.told().pilot is PilotState[load.name]

    virtual(story)


@pytest.mark.parametrize(
    ("resistance_ohm", "code"),
    [
        (None, ProximityCode.NO_CABLE),
        (30.0, ProximityCode.INVALID),
        (59.9, ProximityCode.INVALID),
        (60.0, ProximityCode.CABLE_63_A),
        (80.0, ProximityCode.CABLE_63_A),
        (100.0, ProximityCode.CABLE_63_A),
        (140.0, ProximityCode.CABLE_63_A),
        (150.0, ProximityCode.CABLE_32_A),
        (164.0, ProximityCode.CABLE_32_A),
        (220.0, ProximityCode.CABLE_32_A),
        (308.0, ProximityCode.CABLE_32_A),
        (350.0, ProximityCode.CABLE_20_A),
        (400.0, ProximityCode.CABLE_20_A),
        (680.0, ProximityCode.CABLE_20_A),
        (936.0, ProximityCode.CABLE_20_A),
        (1000.0, ProximityCode.CABLE_13_A),
        (1100.0, ProximityCode.CABLE_13_A),
        (1500.0, ProximityCode.CABLE_13_A),
        (2460.0, ProximityCode.CABLE_13_A),
        (4500.0, ProximityCode.CABLE_13_A),
        (4501.0, ProximityCode.INVALID),
        (6000.0, ProximityCode.INVALID),
    ],
)
def test_resistor_in_the_plug_says_the_ampacity_and_gaps_take_the_lower(
    resistance_ohm: float | None, code: ProximityCode
) -> None:
    async def story() -> None:
        rig = await SafetyRig(SOCKET).boot(X1)
        rig.world.change(proximity_ohm=resistance_ohm)
        await asyncio.sleep(0.2)
        assert rig.told().proximity is code

    virtual(story)


@pytest.mark.parametrize("resistance_ohm", [30.0, 6000.0, None])
def test_plug_whose_resistor_goes_bad_while_charging_is_cut_off(resistance_ohm: float | None) -> None:
    async def story() -> None:
        rig = await SafetyRig(SOCKET).charging()
        assert await rig.opening_s(lambda: rig.world.change(proximity_ohm=resistance_ohm)) <= OWN_LIMIT_S
        assert rig.told().safe_state_reason is SafeStateReason.PROXIMITY

    virtual(story)


def test_socket_without_a_resistor_gives_no_power_and_a_fixed_cable_needs_none() -> None:
    async def story() -> None:
        for model, closes in ((SOCKET, False), (SafetyBoardModel(), True)):
            rig = await SafetyRig(model).boot(POWER)
            rig.world.change(load=PilotLoad.C, proximity_ohm=None)
            await asyncio.sleep(3)
            assert rig.world.contactor_closed is closes
            assert rig.told().proximity is ProximityCode.NO_CABLE

    virtual(story)


def test_over_temperature_stops_above_the_limit_and_recovers_with_hysteresis() -> None:
    async def story() -> None:
        model = SafetyBoardModel(abort_temperature_c=(None, 70.0, None, None))
        rig = await SafetyRig(model).charging()
        rig.surround(enclosure_c=70.0)
        await asyncio.sleep(1)
        assert rig.world.contactor_closed
        assert await rig.opening_s(lambda: rig.surround(enclosure_c=70.1)) <= OWN_LIMIT_S
        assert rig.told().safe_state_reason is SafeStateReason.TEMPERATURE_2_TOO_HIGH
        assert [channel.charging_stopped for channel in rig.temperatures.channels] == [False, True, False, False]
        rig.command(X1)
        rig.surround(enclosure_c=65.1)
        await asyncio.sleep(2)
        assert rig.told().safe_state is SafeState.SAFE
        rig.surround(enclosure_c=65.0)
        await asyncio.sleep(2)
        assert rig.told().safe_state is SafeState.NORMAL
        assert [channel.charging_stopped for channel in rig.temperatures.channels] == [False] * 4

    virtual(story)


@pytest.mark.parametrize("measured_c", [None, -256.0, 500.0])
def test_broken_sensor_is_a_malfunction_and_never_cold(measured_c: float | None) -> None:
    async def story() -> None:
        rig = await SafetyRig().charging()
        assert await rig.opening_s(lambda: rig.surround(sensor_c=((1, measured_c),))) <= OWN_LIMIT_S
        assert rig.told().safe_state_reason is SafeStateReason.TEMPERATURE_1_MALFUNCTION
        assert rig.temperatures.channels[0].self_test_failed

    virtual(story)


def test_unused_channels_say_so_and_are_not_supervised() -> None:
    async def story() -> None:
        rig = await SafetyRig().charging()
        rig.surround(sensor_c=((2, None), (3, 500.0)))
        await asyncio.sleep(1)
        assert rig.world.contactor_closed
        assert [channel.temperature_c for channel in rig.temperatures.channels[1:]] == [None] * 3
        assert float(rig.temperatures.channels[0].temperature_c or 0) == 25.0

    virtual(story)
