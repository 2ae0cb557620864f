"""When the simulated safety controller closes, and what its mirror contacts say: facts iec61851_facts."""

import asyncio
from dataclasses import replace
from itertools import pairwise

import pytest

from hal.codecs.safety_values import (
    ChargeControl,
    ContactorState,
    PilotState,
    RcmState,
    SafeState,
    SafeStateReason,
)
from hil.devices.safety_board_values import SafetyBoardModel
from hil.world import PilotLoad, Wiring
from tests.hil.devices.safety_rig import POWER, PWM_16_A, X1, SafetyRig, virtual

OWN_LIMIT_S = 0.05


def test_contactor_closes_within_3_s_of_state_c_after_a_self_test_and_the_next_time_without() -> None:
    async def story() -> None:
        rig = await SafetyRig().boot(POWER)
        rig.world.change(load=PilotLoad.B)
        await asyncio.sleep(1)
        first_s = await rig.reaction_s(rig.load(PilotLoad.C), "contactor", closed=True)
        assert first_s == pytest.approx(1.03)
        rig.world.change(load=PilotLoad.B)
        await asyncio.sleep(1)
        assert await rig.reaction_s(rig.load(PilotLoad.C), "contactor", closed=True) == pytest.approx(0.53)

    virtual(story)


def test_each_plug_in_begins_with_a_self_test() -> None:
    async def story() -> None:
        rig = await SafetyRig().charging()
        rig.world.change(load=PilotLoad.A)
        await asyncio.sleep(1)
        rig.frames.clear()
        rig.world.change(load=PilotLoad.C)
        await asyncio.sleep(2)
        assert RcmState.SELF_TEST in {state.rcm for state in rig.states}

    virtual(story)


def test_failed_self_test_gives_no_power_within_3_s() -> None:
    async def story() -> None:
        rig = await SafetyRig().boot(POWER)
        rig.world.set_wiring(Wiring.SELF_TEST_FAILS, present=True)
        took_s = await rig.reaction_s(rig.load(PilotLoad.C), "safe_state", active=True, reason="rcm_self_test")
        assert took_s <= 3.0
        assert rig.told().rcm is RcmState.ERROR
        assert {"closed": True} not in [{"closed": event["closed"]} for event in rig.seen("contactor")]

    virtual(story)


def test_board_without_monitor_closes_without_a_test_and_says_that_it_has_none() -> None:
    async def story() -> None:
        rig = await SafetyRig(SafetyBoardModel(rcm=False)).boot(POWER)
        assert await rig.reaction_s(rig.load(PilotLoad.C), "contactor", closed=True) == pytest.approx(0.53)
        assert rig.told().rcm is RcmState.NOT_CONFIGURED

    virtual(story)


@pytest.mark.parametrize("rcm", [True, False])
@pytest.mark.parametrize("pulse_s", [0.2, 0.4])
def test_toggle_from_b_to_c_and_back_is_reported_and_moves_no_contactor(pulse_s: float, rcm: bool) -> None:
    async def story() -> None:
        rig = await SafetyRig(SafetyBoardModel(rcm=rcm)).boot(POWER)
        rig.world.change(load=PilotLoad.B)
        await asyncio.sleep(1)
        for _ in range(3):
            rig.world.change(load=PilotLoad.C)
            await asyncio.sleep(pulse_s)
            rig.world.change(load=PilotLoad.B)
            await asyncio.sleep(pulse_s)
        changes = [state.pilot for state in rig.states]
        edges = [after for before, after in pairwise(changes) if before is not after]
        assert edges[-6:] == [PilotState.C, PilotState.B] * 3
        assert not any(event["closed"] for event in rig.seen("contactor"))

    virtual(story)


@pytest.mark.parametrize(
    "control", [PWM_16_A, replace(POWER, duty_permille=1000), replace(POWER, duty_permille=0), None]
)
def test_contactor_stays_open_without_command_pwm_or_host(control: ChargeControl | None) -> None:
    async def story() -> None:
        rig = await SafetyRig().boot(control)
        rig.world.change(load=PilotLoad.C)
        await asyncio.sleep(5)
        assert not any(event["closed"] for event in rig.seen("contactor"))

    virtual(story)


@pytest.mark.parametrize("fitted", [True, False])
def test_state_d_gets_power_only_with_ventilation(fitted: bool) -> None:
    async def story() -> None:
        rig = await SafetyRig(SafetyBoardModel(ventilation=fitted)).boot(POWER)
        rig.world.change(load=PilotLoad.D)
        await asyncio.sleep(3)
        assert rig.world.contactor_closed is fitted
        assert rig.told().pilot is PilotState.D
        assert rig.told().hv_ready is fitted

    virtual(story)


@pytest.mark.parametrize("state", [PilotLoad.B, PilotLoad.C])
def test_shorted_diode_is_found_within_1_s_of_the_pwm_and_never_gives_power(state: PilotLoad) -> None:
    async def story() -> None:
        rig = await SafetyRig().boot(X1)
        rig.world.change(load=state)
        rig.world.set_wiring(Wiring.DIODE_SHORTED, present=True)
        await asyncio.sleep(1)
        assert rig.told().safe_state is SafeState.NORMAL, "without PWM there is no low level to look at"
        took_s = await rig.reaction_s(lambda: rig.command(POWER), "safe_state", reason="diode")
        assert took_s <= OWN_LIMIT_S
        assert not any(event["closed"] for event in rig.seen("contactor"))

    virtual(story)


def test_pilot_shorted_in_a_is_state_e_until_the_short_is_gone() -> None:
    async def story() -> None:
        rig = await SafetyRig().boot(X1)
        rig.world.set_wiring(Wiring.PILOT_SHORTED, present=True)
        await asyncio.sleep(5)
        assert (rig.told().pilot, rig.told().pilot_short) == (PilotState.E, True)
        assert rig.told().safe_state_reason is SafeStateReason.PILOT_SHORT
        rig.world.set_wiring(Wiring.PILOT_SHORTED, present=False)
        await asyncio.sleep(1)
        assert (rig.told().pilot, rig.told().pilot_short) == (PilotState.A, False)
        assert rig.told().safe_state is SafeState.NORMAL

    virtual(story)


def test_state_f_after_a_fault_lasts_at_least_300_ms() -> None:
    async def story() -> None:
        rig = await SafetyRig().charging()
        rig.command(X1)
        rig.command(POWER)
        await asyncio.sleep(2)
        rig.world.set_wiring(Wiring.DIODE_SHORTED, present=True)
        await asyncio.sleep(0.05)
        rig.command(X1)
        await asyncio.sleep(2)
        times_s = [at_s for at_s, name, fields in rig.events if name == "duty" and fields["output"] == "negative_12v"]
        left_s = next(at_s for at_s, name, fields in rig.events if name == "duty" and at_s > times_s[-1])
        assert 0.3 <= left_s - times_s[-1] <= 0.45
        assert rig.told().safe_state is SafeState.NORMAL

    virtual(story)


def test_welded_contactor_is_seen_closed_and_found_within_1_5_s_of_opening() -> None:
    async def story() -> None:
        rig = await SafetyRig().charging()
        rig.world.set_wiring(Wiring.WELDED, present=True)
        took_s = await rig.reaction_s(rig.load(PilotLoad.B), "safe_state", active=True, reason="hv_switch")
        assert took_s <= 1.5
        assert rig.told().contactors == (ContactorState.CLOSED, ContactorState.OPEN, ContactorState.UNUSED)
        rig.command(X1)
        await asyncio.sleep(5)
        assert rig.told().safe_state is SafeState.SAFE

    virtual(story)


def test_welded_contactor_is_reported_from_the_first_message_on() -> None:
    async def story() -> None:
        rig = SafetyRig()
        rig.world.set_wiring(Wiring.WELDED, present=True)
        await rig.boot(X1)
        assert rig.states[0].contactors[0] is ContactorState.CLOSED
        assert rig.told().safe_state_reason is SafeStateReason.HV_SWITCH

    virtual(story)


@pytest.mark.parametrize("wiring", [Wiring.FAILS_TO_CLOSE, Wiring.FAILS_TO_CLOSE_2])
def test_contactor_that_fails_to_close_is_found_within_1_s(wiring: Wiring) -> None:
    async def story() -> None:
        rig = await SafetyRig().boot(POWER)
        rig.world.set_wiring(wiring, present=True)
        driven_after_s = 1.03
        took_s = await rig.reaction_s(rig.load(PilotLoad.C), "safe_state", active=True, reason="hv_switch")
        assert driven_after_s < took_s <= driven_after_s + 1.0
        assert rig.board.describe()["driven_contactors"] == [False, False, False]

    virtual(story)


def test_bouncing_mirror_contact_reads_undefined_for_20_ms_and_never_back() -> None:
    async def story() -> None:
        rig = await SafetyRig().boot(POWER)
        rig.world.set_wiring(Wiring.AUXILIARY_BOUNCES, present=True)
        rig.world.change(load=PilotLoad.C)
        seen = []
        for _ in range(3000):
            seen.append((rig.loop.time(), rig.board.charge_state().contactors[0]))
            await asyncio.sleep(0.001)
        order = [state for (_, before), (_, state) in pairwise(seen) if before is not state]
        assert order == [ContactorState.UNDEFINED, ContactorState.CLOSED]
        bouncing_s = [at_s for at_s, state in seen if state is ContactorState.UNDEFINED]
        assert bouncing_s[-1] - bouncing_s[0] == pytest.approx(0.02, abs=0.002)
        assert rig.told().safe_state is SafeState.NORMAL

    virtual(story)
