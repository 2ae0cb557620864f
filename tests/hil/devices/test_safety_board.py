"""The simulated safety controller on its line: boot, periods, inquiries, host silence; facts boards_protocols."""

import asyncio
from dataclasses import replace

import pytest

from hal.codecs.safety_frame import SafetyFrame, encode_frame
from hal.codecs.safety_values import (
    ChargeControl,
    Com,
    ContactorState,
    EmergencyStop,
    FirmwareVersion,
    Inquiry,
    PilotState,
    RcmState,
    SafeState,
    SafeStateReason,
)
from hil.devices.safety_board_values import SafeStateExit, SafetyBoardModel, Timing
from hil.world import PilotKind, PilotLoad, Wiring
from tests.hil.devices.safety_rig import ONE_PHASE, POWER, PWM_16_A, X1, SafetyRig, virtual


def test_board_speaks_300_ms_after_power_up_and_reports_each_100_ms() -> None:
    async def story() -> None:
        rig = SafetyRig()
        start_s = rig.loop.time()
        rig.board.power_on()
        await asyncio.sleep(2.0)
        for com in (Com.CHARGE_STATE, Com.PT1000):
            times_s = [at_s - start_s for at_s, _ in rig.received(com)]
            assert times_s == pytest.approx([0.3 + 0.1 * n for n in range(len(times_s))])
            assert len(times_s) == 18

    virtual(story)


def test_board_waits_for_its_host_in_state_f_without_calling_it_a_fault() -> None:
    async def story() -> None:
        rig = await SafetyRig().boot(control=None)
        await asyncio.sleep(60)
        assert rig.told().pilot is PilotState.F
        assert (rig.told().safe_state, rig.told().safe_state_reason) == (SafeState.NORMAL, SafeStateReason.NONE)
        assert rig.told().contactors == (ContactorState.OPEN, ContactorState.OPEN, ContactorState.UNUSED)
        assert rig.told().rcm is RcmState.MONITORING
        assert rig.told().emergency_stops == (EmergencyStop.NOT_TRIPPED, EmergencyStop.UNUSED, EmergencyStop.UNUSED)
        assert rig.board.describe()["state"] == "init"

    virtual(story)


def test_inquiry_is_answered_within_30_ms_before_the_host_has_sent_a_control_frame() -> None:
    async def story() -> None:
        rig = await SafetyRig(SafetyBoardModel(firmware=FirmwareVersion(1, 2, 3))).boot(control=None)
        for com in (Com.FIRMWARE_VERSION, Com.GIT_HASH, Com.PART_NUMBER_1, Com.PART_NUMBER_2):
            asked_s = rig.loop.time()
            rig.send(Inquiry(com).frame())
            await asyncio.sleep(0.05)
            [(at_s, _)] = rig.received(com)
            assert 0 < at_s - asked_s <= 0.03
        assert rig.board.describe()["state"] == "init"
        assert FirmwareVersion.from_data(rig.received(Com.FIRMWARE_VERSION)[0][1].data).text == "1.2.3"
        part = rig.received(Com.PART_NUMBER_1)[0][1].data + rig.received(Com.PART_NUMBER_2)[0][1].data
        assert part == b"SIMULATED-SAFETY"

    virtual(story)


def test_unknown_inquiry_stays_unanswered_and_a_second_one_before_the_answer_is_not_heard() -> None:
    async def story() -> None:
        rig = await SafetyRig().boot(control=None)
        rig.send(Inquiry(Com.CHIP_INFO).frame())
        rig.send(Inquiry(Com.GIT_HASH).frame())
        await asyncio.sleep(0.2)
        assert {frame.com for _, frame in rig.frames} == {Com.CHARGE_STATE, Com.PT1000}
        assert rig.seen("inquiry_refused") == [{"com": Com.CHIP_INFO}]

    virtual(story)


@pytest.mark.parametrize(
    ("control", "output", "pilot", "duty_permille"),
    [
        (X1, PilotKind.STEADY, PilotState.B, 1000),
        (ChargeControl(True, 0), PilotKind.NEGATIVE, PilotState.F, 0),
        (PWM_16_A, PilotKind.PWM, PilotState.B, 267),
        (ChargeControl(False, 267), PilotKind.NEGATIVE, PilotState.F, 0),
    ],
)
def test_control_frame_sets_the_pilot(
    control: ChargeControl, output: PilotKind, pilot: PilotState, duty_permille: int
) -> None:
    async def story() -> None:
        rig = await SafetyRig().boot(X1)
        rig.world.change(load=PilotLoad.B)
        rig.command(control)
        await asyncio.sleep(0.5)
        assert rig.world.output.kind is output
        assert (rig.told().pilot, rig.told().duty_permille) == (pilot, duty_permille)
        assert rig.told().pwm_enabled is control.pwm_enabled
        assert rig.told().safe_state is SafeState.NORMAL

    virtual(story)


def test_impossible_duty_is_ignored_as_if_nothing_had_come() -> None:
    async def story() -> None:
        rig = await SafetyRig().boot(X1)
        rig.command(ChargeControl(True, 1001))
        await asyncio.sleep(1)
        assert rig.seen("command_refused")
        assert rig.told().safe_state_reason is SafeStateReason.COM_TIMEOUT

    virtual(story)


@pytest.mark.parametrize("limit_s", [0.5, 0.2, 2.0])
def test_silent_host_opens_the_contactors_first_and_then_brings_state_f(limit_s: float) -> None:
    async def story() -> None:
        rig = await SafetyRig(SafetyBoardModel(timing=Timing(host_silence_s=limit_s))).charging()
        rig.command(POWER)
        rig.events.clear()
        assert await rig.opening_s(rig.silence) == pytest.approx(limit_s)
        names = [name for _, name, _ in rig.events if name in {"contactor", "pilot_state"}]
        assert names == ["contactor", "pilot_state"]
        assert rig.world.pilot_state == "F"
        assert (rig.told().safe_state, rig.told().safe_state_reason) == (SafeState.SAFE, SafeStateReason.COM_TIMEOUT)
        assert not rig.told().pwm_enabled

    virtual(story)


def test_host_that_speaks_again_gets_no_power_before_it_has_withdrawn_its_permission() -> None:
    async def story() -> None:
        rig = await SafetyRig().charging()
        rig.silence()
        await asyncio.sleep(5)
        rig.command(POWER)
        await asyncio.sleep(5)
        assert rig.told().safe_state_reason is SafeStateReason.COM_TIMEOUT
        assert not rig.world.contactor_closed
        rig.command(PWM_16_A)
        await asyncio.sleep(1)
        assert rig.told().safe_state is SafeState.NORMAL
        assert not rig.world.contactor_closed
        rig.command(POWER)
        await asyncio.sleep(3)
        assert rig.world.contactor_closed

    virtual(story)


def test_safe_state_ends_only_by_a_reset_if_the_board_is_as_documented() -> None:
    async def story() -> None:
        rig = await SafetyRig(SafetyBoardModel(safe_state_exit=SafeStateExit.RESET)).charging()
        rig.silence()
        await asyncio.sleep(1)
        rig.command(X1)
        await asyncio.sleep(60)
        assert rig.told().safe_state is SafeState.SAFE
        rig.board.reset()
        await asyncio.sleep(1)
        assert rig.told().safe_state is SafeState.NORMAL
        assert rig.board.describe()["state"] == "running"

    virtual(story)


def test_muted_board_misses_its_host_and_opens() -> None:
    async def story() -> None:
        rig = await SafetyRig().charging()
        rig.command(POWER)
        frames = len(rig.frames)
        assert await rig.opening_s(lambda: setattr(rig.board, "muted", True)) == pytest.approx(0.5)
        assert len(rig.frames) == frames

    virtual(story)


def test_watchdog_reset_opens_at_once_is_silent_for_300_ms_and_forgets_its_host() -> None:
    async def story() -> None:
        rig = await SafetyRig().charging()
        rig.silence()
        start_s, frames = rig.loop.time(), len(rig.frames)
        assert await rig.opening_s(rig.board.reset) == 0
        assert rig.frames[frames][0] - start_s == pytest.approx(0.3)
        assert rig.board.describe()["state"] == "init"
        assert rig.told().pilot is PilotState.F

    virtual(story)


def test_board_without_supply_is_dark_open_and_silent() -> None:
    async def story() -> None:
        rig = await SafetyRig().charging()
        rig.board.power_off()
        frames = len(rig.frames)
        await asyncio.sleep(2)
        assert len(rig.frames) == frames
        assert not rig.world.contactor_closed
        assert rig.world.output.kind is PilotKind.DARK
        assert rig.board.describe()["state"] == "dark"

    virtual(story)


def test_garbage_on_the_line_is_counted_and_does_not_count_as_the_host() -> None:
    async def story() -> None:
        rig = await SafetyRig().charging()
        rig.silence()
        for _ in range(20):
            rig.board.receive(encode_frame(SafetyFrame(Com.CHARGE_CONTROL, bytes(8)))[:-1] + b"\x04")
            await asyncio.sleep(0.05)
        assert rig.board.describe()["bad_frames"] >= 19
        assert rig.told().safe_state_reason is SafeStateReason.COM_TIMEOUT

    virtual(story)


def test_frames_split_into_single_bytes_hold_the_board() -> None:
    async def story() -> None:
        rig = await SafetyRig().charging()
        rig.silence()
        for byte in encode_frame(POWER.frame()) * 20:
            rig.board.receive(bytes([byte]))
            await asyncio.sleep(0.01)
        assert rig.world.contactor_closed

    virtual(story)


def test_contactor_2_switched_under_load_is_told() -> None:
    async def story() -> None:
        rig = await SafetyRig().charging()
        rig.command(replace(POWER, contactors=ONE_PHASE))
        await asyncio.sleep(0.1)
        assert [event["contactors"] for event in rig.seen("phase_switch_under_load")] == [[True, False, False]]
        assert rig.world.phases_supplied == 1

    virtual(story)


def test_phases_switched_with_contactor_1_open_are_no_violation() -> None:
    async def story() -> None:
        rig = await SafetyRig().charging()
        for control in (PWM_16_A, replace(POWER, contactors=ONE_PHASE), PWM_16_A, POWER):
            rig.command(control)
            await asyncio.sleep(3)
        assert rig.world.phases_supplied == 3
        assert rig.world.contactor_closed
        assert rig.seen("phase_switch_under_load") == []

    virtual(story)


def test_contactor_1_opens_before_and_closes_after_contactor_2() -> None:
    async def story() -> None:
        rig = await SafetyRig().charging()
        rig.command(PWM_16_A)
        await asyncio.sleep(1)
        rig.command(POWER)
        await asyncio.sleep(3)
        moves = [(name, fields["closed"]) for _, name, fields in rig.events if name.startswith("contactor")]
        assert moves == [("contactor", False), ("contactor_2", False), ("contactor_2", True), ("contactor", True)]

    virtual(story)


def test_contactor_2_alone_is_never_closed() -> None:
    async def story() -> None:
        rig = await SafetyRig().boot()
        rig.world.change(load=PilotLoad.C)
        rig.command(replace(POWER, contactors=(False, True, False)))
        await asyncio.sleep(3)
        assert not rig.world.is_closed(2)

    virtual(story)


def test_board_with_one_contactor_switches_all_phases_and_reports_the_others_unused() -> None:
    async def story() -> None:
        rig = await SafetyRig(SafetyBoardModel(contactors=ONE_PHASE)).charging()
        assert rig.world.phases_supplied == 3
        assert rig.told().contactors == (ContactorState.CLOSED, ContactorState.UNUSED, ContactorState.UNUSED)

    virtual(story)


def test_third_contactor_follows_where_it_is_fitted() -> None:
    async def story() -> None:
        rig = await SafetyRig(SafetyBoardModel(contactors=(True, True, True))).charging(
            replace(POWER, contactors=(True, True, True))
        )
        assert rig.told().contactors == (ContactorState.CLOSED,) * 3
        rig.world.set_wiring(Wiring.WELDED_3, present=True)
        rig.command(PWM_16_A)
        await asyncio.sleep(1)
        assert rig.told().contactors == (ContactorState.OPEN, ContactorState.OPEN, ContactorState.CLOSED)
        assert rig.told().safe_state_reason is SafeStateReason.HV_SWITCH

    virtual(story)


@pytest.mark.parametrize("contactors", [(False, True, False), (True, False, True), (False, False, False)])
def test_contactors_out_of_order_are_refused(contactors: tuple[bool, bool, bool]) -> None:
    with pytest.raises(ValueError, match="in order"):
        SafetyBoardModel(contactors=contactors)
