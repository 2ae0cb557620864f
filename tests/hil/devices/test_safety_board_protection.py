"""What the simulated safety controller does by itself, timed on the world's side: facts iec61851_facts, table A.6."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from hal.codecs.safety_values import (
    ChargeControl,
    ContactorState,
    EmergencyStop,
    PilotState,
    RcmState,
    SafeState,
    SafeStateReason,
)
from hil.devices.safety_board_values import SafetyBoardModel
from hil.world import PilotLoad, Wiring
from tests.hil.devices.safety_rig import POWER, PWM_16_A, X1, SafetyRig, virtual

OWN_LIMIT_S = 0.05


def wire(rig: SafetyRig, wiring: Wiring, present: bool = True) -> Callable[[], None]:
    return lambda: rig.world.set_wiring(wiring, present=present)


@pytest.mark.parametrize("load", [PilotLoad.B, PilotLoad.A, PilotLoad.D])
def test_contactor_opens_within_50_ms_when_the_car_leaves_state_c(load: PilotLoad) -> None:
    async def story() -> None:
        rig = await SafetyRig().charging()
        assert 0 < await rig.opening_s(rig.load(load)) <= OWN_LIMIT_S
        assert rig.told().pilot is PilotState[load.name]
        assert rig.told().safe_state is SafeState.NORMAL

    virtual(story)


def test_contactor_opens_within_100_ms_when_a_paused_car_leaves_state_c() -> None:
    async def story() -> None:
        rig = await SafetyRig().charging()
        rig.command(replace(POWER, duty_permille=1000))
        await asyncio.sleep(5)
        assert rig.world.contactor_closed, "sequence 10.2: the host times a car that ignores the pause"
        assert await rig.opening_s(rig.load(PilotLoad.B)) <= OWN_LIMIT_S

    virtual(story)


@pytest.mark.parametrize(
    "control",
    [PWM_16_A, ChargeControl(True, 0, (True, True, False)), ChargeControl(False, 267, (True, True, False))],
)
def test_withdrawn_permission_state_f_and_disabled_pwm_open_at_once(control: ChargeControl) -> None:
    async def story() -> None:
        rig = await SafetyRig().charging()
        assert await rig.opening_s(lambda: rig.command(control)) == 0
        assert rig.told().contactors[0] is ContactorState.OPEN

    virtual(story)


@pytest.mark.parametrize(
    ("wiring", "reason", "seen_as"),
    [
        (Wiring.DIODE_SHORTED, SafeStateReason.DIODE, "diode_fault"),
        (Wiring.PILOT_SHORTED, SafeStateReason.PILOT_SHORT, "pilot_short"),
        (Wiring.RESIDUAL_CURRENT, SafeStateReason.RCM_ERROR, None),
        (Wiring.HOT, SafeStateReason.TEMPERATURE_1_TOO_HIGH, None),
    ],
)
def test_fault_while_charging_opens_within_50_ms_and_brings_state_f(
    wiring: Wiring, reason: SafeStateReason, seen_as: str | None
) -> None:
    async def story() -> None:
        rig = await SafetyRig().charging()
        rig.command(POWER)
        assert await rig.opening_s(wire(rig, wiring)) <= OWN_LIMIT_S
        assert (rig.told().safe_state, rig.told().safe_state_reason) == (SafeState.SAFE, reason)
        assert (rig.told().pilot_short, rig.told().diode_fault) == (seen_as == "pilot_short", seen_as == "diode_fault")
        assert not rig.told().hv_ready
        assert rig.world.output.kind.value == "negative_12v"

    virtual(story)


def test_residual_current_opens_without_any_filter_and_asks_for_a_new_self_test() -> None:
    async def story() -> None:
        rig = await SafetyRig().charging()
        assert await rig.opening_s(wire(rig, Wiring.RESIDUAL_CURRENT)) == 0
        assert rig.told().rcm is RcmState.ERROR
        rig.world.set_wiring(Wiring.RESIDUAL_CURRENT, present=False)
        rig.command(PWM_16_A)
        await asyncio.sleep(1)
        rig.frames.clear()
        rig.command(POWER)
        await asyncio.sleep(2)
        assert RcmState.SELF_TEST in {state.rcm for state in rig.states}
        assert rig.told().rcm is RcmState.MONITORING
        assert rig.world.contactor_closed

    virtual(story)


@pytest.mark.parametrize("wiring", [Wiring.PILOT_OPEN, Wiring.PE_OPEN])
def test_broken_pilot_or_protective_conductor_is_seen_as_unplugged_within_50_ms(wiring: Wiring) -> None:
    async def story() -> None:
        rig = await SafetyRig().charging()
        assert await rig.opening_s(wire(rig, wiring)) <= OWN_LIMIT_S
        assert rig.told().pilot is PilotState.A

    virtual(story)


@pytest.mark.parametrize(
    "fields", [{"negative_rail_v": -9.5}, {"pwm_frequency_hz": 970.0}, {"pwm_frequency_hz": 1030.0}]
)
def test_pilot_generator_out_of_bounds_is_a_pilot_fault(fields: dict[str, float]) -> None:
    async def story() -> None:
        rig = await SafetyRig().charging()
        assert await rig.opening_s(lambda: rig.world.change(**fields)) <= OWN_LIMIT_S
        assert rig.told().safe_state_reason is SafeStateReason.PILOT

    virtual(story)


def test_brown_out_of_the_boards_supply_opens_and_passes() -> None:
    async def story() -> None:
        rig = await SafetyRig().charging()
        assert rig.told().hv_ready
        assert await rig.opening_s(lambda: rig.surround(board_supply_v=8.5)) <= OWN_LIMIT_S
        assert rig.told().safe_state_reason is SafeStateReason.INTERNAL_ERROR
        rig.surround(board_supply_v=12.0)
        rig.command(PWM_16_A)
        await asyncio.sleep(1)
        assert rig.told().safe_state is SafeState.NORMAL

    virtual(story)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_each_wired_emergency_stop_opens_within_50_ms_and_holds(number: int) -> None:
    async def story() -> None:
        rig = await SafetyRig(SafetyBoardModel(emergency_stops=(True, True, True))).charging()
        assert await rig.opening_s(lambda: rig.surround(emergency_stops=frozenset({number}))) <= OWN_LIMIT_S
        assert rig.told().safe_state_reason.name == f"EMERGENCY_STOP_{number}"
        assert rig.told().emergency_stops[number - 1] is EmergencyStop.TRIPPED
        rig.command(X1)
        await asyncio.sleep(5)
        assert rig.told().safe_state is SafeState.SAFE
        rig.surround(emergency_stops=frozenset())
        await asyncio.sleep(1)
        assert rig.told().safe_state is SafeState.NORMAL

    virtual(story)


def test_stop_that_is_not_wired_is_not_looked_at() -> None:
    async def story() -> None:
        rig = await SafetyRig().charging()
        rig.surround(emergency_stops=frozenset({2, 3}))
        await asyncio.sleep(1)
        assert rig.world.contactor_closed
        assert rig.told().emergency_stops[1:] == (EmergencyStop.UNUSED, EmergencyStop.UNUSED)

    virtual(story)
