"""The safety controller's driver against the behaving board. Limits: facts bench_scenarios, boards_protocols."""

import asyncio
from dataclasses import replace
from itertools import pairwise

import pytest

from hal.api import (
    BoardConnected,
    BoardLost,
    BoardReset,
    Fault,
    FaultRaised,
    ForbidReason,
    HostLossAction,
    OfferConfirmed,
    PhasesSwitched,
    PilotChanged,
    PilotState,
    PowerOff,
    PowerOn,
)
from hal.codecs.safety_values import FirmwareVersion
from hal.drivers.safety_board import CONTROL_INTERVAL_S
from hal.drivers.safety_steering import SafetySettings
from hil.devices.safety_board_values import SafetyBoardModel
from hil.world import PilotKind, PilotLoad, Wiring
from tests.hal.drivers.openevse_bench import virtual
from tests.hal.drivers.safety_bench import Bench, bench, now

X1 = 1000


def kind(made: Bench) -> PilotKind:
    return made.world.output.kind


@virtual
async def test_connection_tells_version_pilot_and_contactor_and_proves_no_plug_in() -> None:
    async with bench() as made:
        status = (await made.connected()).status
        assert (status.firmware_version, status.pilot, status.contactor_closed) == ("0.3.1", PilotState.A, False)
        assert status.plug_in is None
        assert status.restarted
        assert made.raised() == []
        assert made.driver.capabilities.host_loss_action is HostLossAction.OPEN


@virtual
async def test_control_frames_keep_their_beat_of_100_ms_whatever_is_asked() -> None:
    async with bench() as made:
        await made.connected()
        start_s, before = now(), len(made.controls)
        for _ in range(100):
            await asyncio.sleep(0.073)
            made.driver.permit_power(now() + 3.0)
        assert len(made.controls) - before >= 73 + 100
        times = [at_s for at_s, _ in made.controls if at_s >= start_s]
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert max(gaps) <= CONTROL_INTERVAL_S + 0.001


@virtual
async def test_the_beat_does_not_drift() -> None:
    async with bench() as made:
        await made.connected()
        before, start_s = len(made.controls), now()
        await asyncio.sleep(600.0)
        assert abs((len(made.controls) - before) - (now() - start_s) / CONTROL_INTERVAL_S) < 1.5


@virtual
async def test_power_flows_only_with_offer_permission_and_request() -> None:
    async with bench() as made:
        await made.connected()
        made.car(PilotLoad.C)
        made.driver.permit_power(now() + 3600.0)
        await asyncio.sleep(5.0)
        assert [closed for _, closed in made.contactor_moves()] == [False]
        made.driver.offer_current(16.0)
        asked_s = now()
        await made.expect(PowerOn)
        assert now() - asked_s <= 3.0  # sequence 4
        await made.expect(OfferConfirmed, lambda event: event.offered_current_a == 16.0)
        assert made.world.output.duty_percent == pytest.approx(26.6)


@virtual
async def test_forbidding_is_on_the_wire_in_the_call_itself() -> None:
    async with bench() as made:
        await made.charging()
        await asyncio.sleep(0.033)
        ordered_s = now()
        made.driver.forbid_power(ForbidReason.FAULT)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        at_s, control = made.controls[-1]
        assert (at_s, control.contactors) == (ordered_s, (False, False, False))
        await made.expect(PowerOff)
        assert made.contactor_moves()[-1] == (ordered_s, False)


@virtual
async def test_an_expired_permission_opens_at_once() -> None:
    async with bench() as made:
        since = await made.charging()
        end_s = now() + 0.25
        made.driver.permit_power(end_s)
        await made.expect(PowerOff, since=since)
        opened_s, closed = made.contactor_moves()[-1]
        assert not closed
        assert opened_s == pytest.approx(end_s)
        await asyncio.sleep(5.0)
        assert made.count(PowerOn, since) == 0


@virtual
async def test_an_ev_that_leaves_c_is_told_once_and_the_contactor_opens_in_100_ms() -> None:
    async with bench() as made:
        since = await made.charging()
        left_s = now()
        made.car(PilotLoad.B)
        await made.expect(PowerOff, since=since)
        assert made.contactor_moves()[-1][0] - left_s <= 0.1  # sequence 8.1
        await asyncio.sleep(2.0)
        assert made.pilots(since) == [PilotState.B]
        assert made.count(PowerOff, since) == 1


@virtual
async def test_a_toggle_of_400_ms_is_told_and_moves_no_contactor() -> None:
    async with bench() as made:
        await made.connected()
        made.driver.offer_current(16.0)
        made.driver.permit_power(now() + 3600.0)
        made.car(PilotLoad.B)
        await asyncio.sleep(1.0)
        since, moves = len(made.events), len(made.contactor_moves())
        for _ in range(4):
            made.car(PilotLoad.C)
            await asyncio.sleep(0.4)
            made.car(PilotLoad.B)
            await asyncio.sleep(0.4)
        assert made.pilots(since) == [PilotState.C, PilotState.B] * 4
        assert len(made.contactor_moves()) == moves


@virtual
async def test_withdrawing_the_offer_leaves_the_contactor_to_the_host() -> None:
    async with bench() as made:
        since = await made.charging()
        made.driver.offer_current(0.0)
        await asyncio.sleep(7.0)
        assert kind(made) is PilotKind.STEADY
        assert made.count(PowerOff, since) == 0
        made.driver.forbid_power(ForbidReason.STOPPED)
        await made.expect(PowerOff, since=since)


@virtual
async def test_less_than_six_ampere_is_x1() -> None:
    async with bench() as made:
        await made.connected()
        made.driver.offer_current(5.9)
        await asyncio.sleep(0.3)
        assert made.controls[-1][1].duty_permille == X1


@virtual
async def test_the_pilot_can_be_interrupted_until_the_next_offer() -> None:
    async with bench() as made:
        await made.connected()
        made.car(PilotLoad.B)
        made.driver.offer_current(16.0)
        made.driver.interrupt_pilot()
        await made.expect(PilotChanged, lambda event: event.state is PilotState.F)
        assert kind(made) is PilotKind.NEGATIVE
        made.driver.offer_current(16.0)
        await asyncio.sleep(0.3)
        assert kind(made) is PilotKind.PWM
        assert made.raised() == []


@virtual
async def test_a_bouncing_auxiliary_contact_is_one_event() -> None:
    async with bench() as made:
        made.wire(Wiring.AUXILIARY_BOUNCES)
        since = await made.charging()
        assert made.count(PowerOn) == 1
        made.driver.forbid_power(ForbidReason.STOPPED)
        await asyncio.sleep(2.0)
        assert made.count(PowerOff, since) == 1
        assert made.raised() == []


@virtual
async def test_phases_are_chosen_by_contactor_only_while_it_is_open() -> None:
    async with bench(settings=SafetySettings(has_phase_switch=True)) as made:
        since = await made.charging()
        made.driver.switch_phases(1)
        await asyncio.sleep(1.0)
        assert made.count(PhasesSwitched) == 0
        made.driver.forbid_power(ForbidReason.STOPPED)
        await made.expect(PowerOff, since=since)
        made.driver.switch_phases(1)
        await made.expect(PhasesSwitched, lambda event: event.phases == 1)
        made.driver.permit_power(now() + 3600.0)
        await made.expect(PowerOn, since=len(made.events))
        assert made.controls[-1][1].contactors == (True, False, False)
        assert not any(name == "phase_switch_under_load" for _, name, _ in made.seen)


@virtual
async def test_a_board_without_phase_switch_ignores_the_wish() -> None:
    async with bench() as made:
        await made.connected()
        made.driver.switch_phases(1)
        await asyncio.sleep(1.0)
        assert made.count(PhasesSwitched) == 0


# ---------------------------------------------------------------------- identity, restarts, silence


@pytest.mark.parametrize(
    "firmware",
    [FirmwareVersion(0, 1, 9), FirmwareVersion(0, 6, 0), FirmwareVersion(0, 3, 1, application=1)],
    ids=lambda version: f"{version.text} type {version.application}",
)
@virtual
async def test_a_firmware_that_is_not_accepted_gives_no_power_and_says_so(firmware: FirmwareVersion) -> None:
    async with bench(SafetyBoardModel(firmware=firmware)) as made:
        await made.connected()
        assert made.raised() == [Fault.BOARD_FIRMWARE]
        made.driver.offer_current(16.0)
        made.driver.permit_power(now() + 3600.0)
        made.car(PilotLoad.C)
        await asyncio.sleep(5.0)
        assert not any(any(control.contactors) for _, control in made.controls)


@virtual
async def test_a_reset_of_the_board_in_c_is_told_and_power_waits_for_a_new_permission() -> None:
    async with bench() as made:
        since = await made.charging()
        made.board.reset()
        await made.expect(BoardReset, since=since)
        connected = await made.expect(BoardConnected, since=since)
        assert connected.status.restarted
        assert connected.status.contactor_closed is False
        await asyncio.sleep(5.0)
        assert not made.world.contactor_closed
        assert kind(made) is PilotKind.PWM  # what was offered stands again
        assert made.raised(since) == []
        made.driver.permit_power(now() + 3600.0)
        await made.expect(PowerOn, since=since)


@virtual
async def test_a_silent_board_is_lost_after_the_limit_and_found_again() -> None:
    async with bench(settings=SafetySettings(silence_limit_s=2.0)) as made:
        since = await made.charging()
        made.board.muted = True
        muted_s = now()
        lost = await made.expect(BoardLost, since=since)
        assert 2.0 <= lost.at_s - muted_s <= 2.3
        assert made.raised(since) == [Fault.BOARD_SILENT]
        made.board.muted = False
        connected = await made.expect(BoardConnected, since=since)
        assert not connected.status.restarted
        assert made.cleared(since) == [Fault.BOARD_SILENT]
        await asyncio.sleep(3.0)
        assert not made.world.contactor_closed  # permission was lost with the board


@virtual
async def test_the_next_process_finds_the_board_unrestarted_and_without_proof() -> None:
    async with bench() as made:
        await made.charging()
        await made.kill()
        killed_s = now()
        await asyncio.sleep(3.0)
        opened_s = made.contactor_moves(killed_s)[0][0]
        assert opened_s - killed_s <= 0.5 + 0.1
        await made.restart_driver()
        status = (await made.connected()).status
        assert (status.restarted, status.plug_in, status.pilot) == (False, None, PilotState.C)
        await asyncio.sleep(5.0)
        assert len(made.contactor_moves(killed_s)) == 1
        assert made.raised() == []


@virtual
async def test_a_board_that_never_answers_is_lost_and_the_beat_goes_on() -> None:
    async with bench(booted=False) as made:
        made.board.power_off()
        await made.expect(BoardLost)
        assert made.raised() == [Fault.BOARD_SILENT]
        await asyncio.sleep(30.0)
        assert now() - made.driver.last_beat_s <= 2.5
        assert made.count(BoardLost) == 1


@virtual
async def test_a_board_that_does_not_hear_its_host_is_a_silent_one() -> None:
    model = SafetyBoardModel()
    async with bench(replace(model, timing=replace(model.timing, host_silence_s=0.05))) as made:
        await made.expect(FaultRaised, lambda event: event.fault is Fault.BOARD_SILENT)
