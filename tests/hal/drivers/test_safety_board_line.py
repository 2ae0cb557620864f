"""The safety controller's driver on a bad line, and on a real pseudo-terminal. Facts: bench_scenarios LI-03, LI-04."""

import asyncio
import random
from contextlib import suppress
from pathlib import Path

from hal.api import (
    BoardConnected,
    BoardEvent,
    BoardLost,
    Fault,
    ForbidReason,
    PilotChanged,
    PilotState,
    PortError,
    PowerOff,
    PowerOn,
)
from hal.codecs.pilot_duty import duty_permille
from hal.drivers.safety_board import SafetyBoard
from hal.drivers.safety_line import SerialSafetyLine
from hal.transports.serial_port import SerialPort
from hil.devices.safety_board import SafetyBoard as SimulatedBoard
from hil.lines.pty_line import PtyLine
from hil.world import EvseWorld, PilotLoad
from tests.hal.drivers.openevse_bench import virtual
from tests.hal.drivers.safety_bench import Bench, bench, now


def _garble(made: Bench, junk: bytes) -> None:
    with suppress(PortError):
        made.far.write(junk)


@virtual
async def test_a_burst_of_ten_kilobytes_costs_no_event_and_no_power() -> None:
    async with bench() as made:
        since = await made.charging()
        _garble(made, random.Random(1).randbytes(10_000))
        await asyncio.sleep(3.0)
        assert [event for event in made.events[since:] if isinstance(event, PilotChanged | PowerOn | PowerOff)] == []
        assert made.raised(since) == []
        assert made.frames.decoder.skipped_bytes >= 9_900


@virtual
async def test_after_garbage_the_second_report_at_the_latest_is_heard() -> None:
    async with bench() as made:
        since = await made.charging()
        await asyncio.sleep(0.05)
        _garble(made, b"\xa5" * 11)
        left_s = now()
        made.car(PilotLoad.B)
        event = await made.expect(PilotChanged, since=since)
        assert event.state is PilotState.B
        assert event.at_s - left_s <= 0.03 + 2 * 0.1 + 0.001


@virtual
async def test_frames_that_come_in_pieces_and_together_are_all_taken() -> None:
    async with bench() as made:
        await made.connected()
        whole = made.board.output
        held = bytearray()

        def in_pieces(data: bytes) -> None:
            held.extend(data)
            while len(held) >= 31:
                whole(bytes(held[:31]))
                del held[:31]

        made.board.output = in_pieces
        since = len(made.events)
        made.car(PilotLoad.B)
        await made.expect(PilotChanged, lambda event: event.state is PilotState.B, since)
        await asyncio.sleep(10.0)
        assert made.raised() == []
        assert made.frames.decoder.bad_frames == 0


@virtual
async def test_a_port_away_for_three_seconds_is_no_fault_and_no_false_a() -> None:
    async with bench() as made:
        since = await made.charging()
        made.line.cut()
        cut_s = now()
        await asyncio.sleep(3.0)
        made.line.mend()
        await asyncio.sleep(10.0)
        assert made.raised(since) == []
        assert made.count(BoardLost, since) == 0
        assert PilotState.A not in made.pilots(since)
        moves = [closed for _, closed in made.contactor_moves(cut_s)]
        assert moves == [False, True]  # the board opened by itself; the permission was still good


@virtual
async def test_a_port_away_for_thirty_seconds_is_a_silent_board_and_comes_back() -> None:
    async with bench() as made:
        since = await made.charging()
        made.line.cut()
        cut_s = now()
        await asyncio.sleep(30.0)
        lost = await made.expect(BoardLost, since=since)
        assert 5.0 <= lost.at_s - cut_s <= 5.0 + 2.1
        made.line.mend()
        connected = await made.expect(BoardConnected, since=since)
        assert connected.status.pilot is PilotState.C
        await asyncio.sleep(5.0)
        assert made.raised(since) == [Fault.BOARD_SILENT]
        assert made.cleared(since) == [Fault.BOARD_SILENT]
        assert PilotState.A not in made.pilots(since)
        assert not made.world.contactor_closed


@virtual
async def test_a_lost_port_is_one_line_in_the_log_and_no_busy_loop() -> None:
    async with bench() as made:
        await made.connected()
        made.line.cut()
        await asyncio.sleep(600.0)
        made.line.mend()
        await asyncio.sleep(3.0)
        assert made.count(BoardLost) == 1
        assert made.count(BoardConnected) == 2


@virtual
async def test_commands_while_the_line_is_away_are_what_stands_when_it_is_back() -> None:
    async with bench() as made:
        await made.charging()
        made.line.cut()
        await asyncio.sleep(1.0)
        made.driver.forbid_power(ForbidReason.STOPPED)
        made.driver.offer_current(10.0)
        mended_s = now()
        made.line.mend()
        await asyncio.sleep(5.0)
        assert not any(any(control.contactors) for at_s, control in made.controls if at_s >= mended_s)
        assert made.controls[-1][1].duty_permille == duty_permille(10.0)


async def test_the_same_conversation_over_a_real_pseudo_terminal(tmp_path: Path) -> None:
    world = EvseWorld(asyncio.get_running_loop())
    board = SimulatedBoard(world, lambda _event, _fields: None)
    line = PtyLine(tmp_path / "board", board.receive)
    board.output = line.write
    line.open()
    board.power_on()
    events: asyncio.Queue[BoardEvent] = asyncio.Queue()
    driver = SafetyBoard(SerialSafetyLine(SerialPort(str(tmp_path / "board"), 115_200)))
    task = asyncio.create_task(driver.run(events.put_nowait))

    async def until(kind: type[BoardEvent]) -> BoardEvent:
        async with asyncio.timeout(20.0):
            while not isinstance(event := await events.get(), kind):
                pass
        return event

    try:
        await until(BoardConnected)
        driver.offer_current(16.0)
        driver.permit_power(now() + 600.0)
        world.change(load=PilotLoad.C)
        await until(PowerOn)
        driver.forbid_power(ForbidReason.STOPPED)
        await until(PowerOff)
        assert not world.contactor_closed
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        board.power_off()
        line.close()
