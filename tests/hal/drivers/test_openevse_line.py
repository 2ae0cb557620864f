"""Line, restart and adoption against the behaving board of the bench. Traps and link facts: facts rapi_openevse."""

import asyncio
from typing import Any

import pytest

from hal.api import (
    BoardConnected,
    BoardLost,
    BoardReset,
    Fault,
    FaultCleared,
    FaultRaised,
    ForbidReason,
    HostLossAction,
    PilotChanged,
    PilotState,
    PlugInCounted,
    PowerOff,
    PowerOn,
    StopButtonPressed,
)
from hal.drivers.openevse import OpenEvseBoard
from hal.transports.memory_port import memory_pipe
from hil.devices.openevse_board_values import BoardModel
from hil.devices.rapi_framing import encode_frame
from hil.devices.vehicle import VehicleModel
from tests.hal.drivers.openevse_bench import Bench, bench, charging, now, virtual

DIODE_OFF = 0x0002
TIME_LIMIT_S = 900


@virtual
async def test_pulled_cable_is_told_once_and_mended_by_itself_with_the_charge_going_on() -> None:
    async with bench() as made:
        start = await charging(made)
        made.line.cut()
        await made.expect(FaultRaised, lambda event: event.fault is Fault.BOARD_SILENT, since=start)
        await made.expect(BoardLost, since=start)
        await asyncio.sleep(4)
        assert len([event for event in made.events[start:] if isinstance(event, FaultRaised)]) == 1
        made.line.mend()
        connected = await made.expect(BoardConnected, since=start)
        await made.expect(FaultCleared, lambda event: event.fault is Fault.BOARD_SILENT, since=start)
        assert connected.status.contactor_closed
        assert not connected.status.restarted
        assert made.world.contactor_closed


@virtual
async def test_mute_board_is_lost_after_a_few_seconds_and_found_again() -> None:
    async with bench() as made:
        start = await charging(made)
        made.board.muted = True
        muted_s = now()
        lost = await made.expect(BoardLost, since=start)
        assert 1.0 <= lost.at_s - muted_s <= 7.0
        made.board.muted = False
        await made.expect(BoardConnected, since=start)


@virtual
async def test_forbid_during_an_outage_is_the_first_command_afterwards() -> None:
    async with bench() as made:
        start = await charging(made)
        made.line.cut()
        await made.expect(BoardLost, since=start)
        made.driver.forbid_power(ForbidReason.FAULT)
        count = len(made.heard)
        made.line.mend()
        await made.expect(BoardConnected, since=start)
        assert "$FD" in made.commands(count)[:2]


@virtual
async def test_board_that_restarts_is_reset_unknown_and_gives_no_power_without_new_permission() -> None:
    async with bench() as made:
        start = await charging(made)
        made.board.reset()
        await made.expect(BoardReset, since=start)
        connected = await made.expect(BoardConnected, since=start)
        assert connected.status.restarted
        start = len(made.events)
        await asyncio.sleep(20)
        assert not made.world.contactor_closed
        assert not [event for event in made.events[start:] if isinstance(event, PowerOn)]


@virtual
async def test_new_agent_finds_the_charge_running_and_adopts_it_without_chatter() -> None:
    async with bench() as made:
        await charging(made)
        await asyncio.sleep(3)
        successor = await _succeed(made)
        connected = await made.connected()
        assert connected.status.enabled
        assert connected.status.contactor_closed
        assert not connected.status.restarted
        assert connected.status.plug_in is not None
        assert connected.status.plug_in.session_energy_wh > 0
        successor.offer_current(16)
        successor.permit_power(now() + 1000)
        count = len(made.heard)
        await asyncio.sleep(20)
        assert made.world.contactor_closed
        assert {"$FD", "$FS", "$FE"}.isdisjoint(made.commands(count))


@virtual
async def test_charge_that_nobody_adopts_ends_after_the_grace() -> None:
    async with bench() as made:
        await charging(made)
        await asyncio.sleep(3)
        await _succeed(made)
        connected = await made.connected()
        await asyncio.sleep(4.5)
        assert made.world.contactor_closed
        off = await made.expect(PowerOff)
        assert 5.0 <= off.at_s - connected.at_s <= 5.6


async def _succeed(made: Bench) -> OpenEvseBoard:
    """Kill the driver's task and start a new driver on the same line."""
    made.kill_driver()
    await asyncio.sleep(1)
    made.events.clear()
    made.start_driver(OpenEvseBoard(made.line))
    return made.driver


@virtual
async def test_time_limit_of_the_board_is_kept_ahead_as_a_coarse_lease() -> None:
    async with bench() as made:
        await made.connected()
        await made.charge(until_s=100_000)
        await made.expect(PowerOn)
        await asyncio.sleep(4 * TIME_LIMIT_S)
        assert made.world.contactor_closed
        limits = [command for command in made.commands() if command.startswith("$S3")]
        assert list(dict.fromkeys(limits)) == ["$S3 2", "$S3 3", "$S3 4", "$S3 5"]
        made.kill_driver()
        await asyncio.sleep(2 * TIME_LIMIT_S + 10)
        assert not made.world.contactor_closed


@virtual
async def test_plug_in_counter_is_told_while_a_car_is_connected() -> None:
    async with bench() as made:
        start = await charging(made)
        first = await made.expect(PlugInCounted, since=start)
        await asyncio.sleep(20)
        last = [event for event in made.events if isinstance(event, PlugInCounted)][-1]
        assert last.counter.session_energy_wh > first.counter.session_energy_wh
        assert last.counter.continues(first.counter)


@pytest.mark.parametrize("after_reply", [False, True])
@virtual
async def test_message_before_or_after_the_reply_junk_and_boot_text_disturb_nothing(after_reply: bool) -> None:
    async with bench(model=BoardModel(messages_after_reply=after_reply)) as made:
        start = await charging(made)
        made.far.write(b"\x00\xff\nrelayCloseMs: 100\r\n$GI \x80$$\r")
        await asyncio.sleep(5)
        assert not [event for event in made.events[start:] if isinstance(event, BoardLost | PowerOff)]


@virtual
async def test_late_reply_is_matched_to_no_other_command() -> None:
    async with bench() as made:
        start = await charging(made)
        made.far.write(encode_frame("OK fe 0 01 0000", "01"))
        await asyncio.sleep(1)
        assert made.driver._link.late_replies == 1
        assert not [event for event in made.events[start:] if isinstance(event, PilotChanged | PowerOff)]


@virtual
async def test_button_of_the_board_is_told() -> None:
    async with bench() as made:
        await made.connected()
        made.far.write(encode_frame("AN 0"))
        await made.expect(StopButtonPressed)


def test_capabilities_say_what_the_board_does_when_linux_is_dead() -> None:
    capabilities = OpenEvseBoard(memory_pipe()[0], max_current_a=20, phases=3).capabilities
    assert capabilities.host_loss_action is HostLossAction.DERATE
    assert capabilities.unauthorised_after_host_loss
    assert capabilities.pause_is_timed_by_board
    assert (capabilities.min_current_a, capabilities.max_current_a, capabilities.phases) == (6, 20, 3)


@pytest.mark.parametrize(
    "settings",
    [
        {"max_current_a": 5},
        {"heartbeat_fallback_a": 5},
        {"time_limit_min": 20},
        {"allow_protection_off": frozenset({"everything"})},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_setting_that_does_not_fit_is_refused_by_name(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        OpenEvseBoard(memory_pipe()[0], **settings)


@virtual
async def test_a_report_that_comes_together_with_an_older_reply_has_the_last_word() -> None:
    async with bench() as made:
        await made.connected()
        start, asked = len(made.events), len(made.heard)
        send, said = made.board.output, bytearray()

        def say_in_one_go(data: bytes) -> None:
            said.extend(data)
            if b"$AT" in said:
                made.board.output = send
                send(bytes(said))

        made.board.output = say_in_one_go
        await made.heard_command("$GS", asked)
        made.car.plug_in(VehicleModel())
        await made.expect(PilotChanged, since=start)
        await asyncio.sleep(3)
        assert said.index(b"$OK") < said.index(b"$AT")
        pilots = [event.state for event in made.events[start:] if isinstance(event, PilotChanged)]
        assert pilots
        assert PilotState.A not in pilots


@virtual
async def test_a_board_that_has_just_started_is_asked_until_it_knows_of_its_car() -> None:
    async with bench() as made:
        await made.connected()
        made.car.plug_in(VehicleModel())
        await made.expect(PilotChanged)
        made.kill_driver()
        made.board.reset()
        while not made.board.control.running:  # noqa: ASYNC110 - the board tells nobody in memory
            await asyncio.sleep(0.01)
        running_s = asyncio.get_running_loop().time()
        made.events.clear()
        await asyncio.sleep(0.05)
        made.start_driver(OpenEvseBoard(made.line))
        connected = await made.connected()
        assert connected.status.pilot is PilotState.B
        assert connected.at_s < running_s + made.board.model.timing.to_b_s + 0.02, "not as soon as it reported its car"
