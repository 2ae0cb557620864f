"""A shared CAN bus through python-can: slcan on real pseudo-terminals, and the virtual bus."""

import asyncio
import os
import subprocess
import sys
import time
import tty
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import can
import pytest
from can.interfaces.virtual import VirtualBus

from hal.api import PortError
from hal.transports.can_line import CanFilter, CanFrame, CanLine, CanSettings
from hal.transports.can_port import CanPort
from hil.can_bus import BusFrame, CanBus
from hil.lines.slcan_line import SlcanLine

PATIENCE_S = 10.0
BASE = CanFilter(0, 0)
EXTENDED = CanFilter(0, 0, extended=True)


class Wire:
    """A bus with an adapter on a pseudo-terminal, and one node that hears and can send."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bus = CanBus(asyncio.get_running_loop())
        self.heard: asyncio.Queue[BusFrame] = asyncio.Queue()
        self.send = self.bus.attach(self.heard.put_nowait)
        self.line = SlcanLine(path, self.bus)
        self.answered = asyncio.Event()
        self._write = self.line.adapter.output
        self.line.adapter.output = self._answer
        self.line.open()

    def _answer(self, data: bytes) -> None:
        self._write(data)
        self.answered.set()

    async def channel(self, *, is_open: bool) -> None:
        """Wait until the adapter has taken the command that opens or closes its channel."""
        async with asyncio.timeout(PATIENCE_S):
            while self.line.adapter.is_open is not is_open:
                self.answered.clear()
                await self.answered.wait()

    def port(self, bitrate: int = 125_000) -> CanPort:
        return CanPort(CanSettings("slcan", str(self.path), bitrate))

    async def hears(self) -> BusFrame:
        async with asyncio.timeout(PATIENCE_S):
            return await self.heard.get()


@pytest.fixture
async def wire(tmp_path: Path) -> AsyncIterator[Wire]:
    made = Wire(tmp_path / "can")
    yield made
    made.line.close()


async def _next(line: CanLine) -> list[CanFrame]:
    async with asyncio.timeout(PATIENCE_S):
        return await line.receive()


async def test_frames_travel_both_ways_over_slcan(wire: Wire) -> None:
    line = wire.port().line()
    await line.open()
    line.send(CanFrame(0x123, b"\x01\x02"))
    line.send(CanFrame(0x028300F0, bytes(8), extended=True))
    assert await wire.hears() == BusFrame(0x123, b"\x01\x02")
    assert await wire.hears() == BusFrame(0x028300F0, bytes(8), extended=True)
    wire.send(BusFrame(0x0283F000, b"\xff", extended=True))
    assert await _next(line) == [CanFrame(0x0283F000, b"\xff", extended=True)]
    line.close()


async def test_drivers_share_a_bus_and_hear_only_what_passes_their_filters(wire: Wire) -> None:
    port = wire.port()
    base, extended = port.line(BASE), port.line(CanFilter(0xF000, 0xFF00, extended=True))
    await base.open()
    await extended.open()
    await wire.channel(is_open=True)
    for frame in (BusFrame(0x0028300, extended=True), BusFrame(0x028F000, extended=True), BusFrame(0x007)):
        wire.send(frame)
    assert await _next(base) == [CanFrame(0x007, b"")]
    assert await _next(extended) == [CanFrame(0x028F000, b"", extended=True)]
    base.close()
    wire.send(BusFrame(0x1F000, extended=True))
    assert await _next(extended) == [CanFrame(0x1F000, b"", extended=True)]
    extended.close()
    assert not extended.is_open


async def test_the_last_line_closes_the_channel(wire: Wire) -> None:
    port = wire.port()
    first, second = port.line(), port.line()
    await first.open()
    await second.open()
    await wire.channel(is_open=True)
    first.close()
    second.send(CanFrame(0x001, b""))
    assert await wire.hears() == BusFrame(0x001)
    second.close()
    await wire.channel(is_open=False)


async def test_a_vanished_adapter_fails_every_line_and_comes_back(wire: Wire) -> None:
    port = wire.port()
    lines = [port.line(BASE), port.line(EXTENDED)]
    for line in lines:
        await line.open()
    wire.line.close()
    for line in lines:
        with pytest.raises(PortError):
            await _next(line)
        with pytest.raises(PortError):
            await line.open()
    wire.line.open()
    for line in lines:
        await line.open()
        assert line.is_open
    lines[0].send(CanFrame(0x042, b"\x2a"))
    assert await wire.hears() == BusFrame(0x042, b"\x2a")
    for line in lines:
        line.close()


@pytest.mark.parametrize("away_s", [3.0, pytest.param(30.0, marks=pytest.mark.slow)])
async def test_waiting_for_an_adapter_costs_no_processor_time(wire: Wire, away_s: float) -> None:
    line = wire.port().line()
    await line.open()
    wire.line.close()
    with pytest.raises(PortError):
        await _next(line)
    used_s, until_s = time.process_time(), time.monotonic() + away_s
    while time.monotonic() < until_s:
        with pytest.raises(PortError):
            await line.open()
        await asyncio.sleep(0.1)
    assert time.process_time() - used_s < 0.03 * away_s + 0.1
    wire.line.open()
    await line.open()
    line.close()


async def test_an_idle_bus_costs_no_processor_time(wire: Wire) -> None:
    line = wire.port().line()
    await line.open()
    receiving = asyncio.ensure_future(line.receive())
    await asyncio.sleep(0.1)
    used_s = time.process_time()
    await asyncio.sleep(1.0)
    assert time.process_time() - used_s < 0.02
    receiving.cancel()
    line.close()


async def test_garbage_costs_at_most_the_frame_it_hits(wire: Wire) -> None:
    port = wire.port()
    line = port.line()
    await line.open()
    await wire.channel(is_open=True)
    for junk in (b"\xff\xfe", b"t12", b"T1\r", b"t1239\r", b"tXYZ0\r", b"\a\a", b"t1232AB\r", b"\x00" * 200):
        wire.line.write(junk)
        await asyncio.sleep(0.01)
    wire.send(BusFrame(0x001))  # hit by what has no end
    wire.send(BusFrame(0x002))
    async with asyncio.timeout(PATIENCE_S):
        heard: list[CanFrame] = []
        while CanFrame(0x002, b"") not in heard:
            heard += await line.receive()
    assert set(heard) <= {CanFrame(0x001, b""), CanFrame(0x002, b"")}
    assert port.adapter_errors >= 6
    line.close()


async def test_a_burst_of_ten_kilobytes_is_survived(wire: Wire) -> None:
    port = wire.port()
    line = port.line()
    await line.open()
    await wire.channel(is_open=True)
    junk = os.urandom(10_000)
    for start in range(0, len(junk), 1000):
        wire.line.write(junk[start : start + 1000])
        await asyncio.sleep(0.002)
    wire.line.write(b"\r")
    wire.send(BusFrame(0x7AB, b"\x55\xaa\x55"))
    async with asyncio.timeout(PATIENCE_S):
        while CanFrame(0x7AB, b"\x55\xaa\x55") not in await line.receive():
            pass
    line.close()


@pytest.fixture
def unread(tmp_path: Path) -> Iterator[Path]:
    """A pseudo-terminal whose far end nobody reads."""
    near, far = os.openpty()
    tty.setraw(far)
    path = tmp_path / "unread"
    path.symlink_to(os.ttyname(far))
    yield path
    os.close(near)
    os.close(far)


def _send_for_ever(line: CanLine) -> None:
    while True:
        line.send(CanFrame(0x028300F0, bytes(8), extended=True))


async def test_sending_to_an_adapter_that_takes_nothing_never_waits(unread: Path) -> None:
    line = CanPort(CanSettings("slcan", str(unread), 125_000)).line()
    await line.open()
    began_s = time.monotonic()
    with pytest.raises(PortError, match="takes no more"):
        _send_for_ever(line)
    assert time.monotonic() - began_s < 1.0
    assert not line.is_open
    line.close()


async def test_an_adapter_of_another_bit_rate_is_counted(wire: Wire) -> None:
    port = wire.port(500_000)
    line = port.line()
    await line.open()
    await wire.channel(is_open=True)
    before = port.adapter_errors
    line.send(CanFrame(0x001, b""))
    async with asyncio.timeout(PATIENCE_S):
        while port.adapter_errors == before:  # noqa: ASYNC110 - a counter wakes nobody
            await asyncio.sleep(0.001)
    line.close()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (CanSettings("slcan", "/nowhere/can", 125_000), "/nowhere/can"),
        (CanSettings("slcan", "/dev/null", 125_000), "/dev/null"),
        (CanSettings("slcan", "/nowhere/can", 123_456), "123456|/nowhere/can"),
        (CanSettings("socketcan", "can99"), "can99"),
    ],
)
async def test_a_bus_that_cannot_be_opened_is_a_port_error_that_names_it(settings: CanSettings, named: str) -> None:
    with pytest.raises(PortError, match=named):
        await CanPort(settings).line().open()


def test_an_unknown_interface_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'pcan' is not supported; known: slcan, socketcan, virtual"):
        CanPort(CanSettings("pcan", "PCAN_USBBUS1"))


async def test_frames_travel_over_the_virtual_bus_and_error_frames_are_counted() -> None:
    port = CanPort(CanSettings("virtual", "test-errors"))
    line = port.line()
    await line.open()
    far = VirtualBus("test-errors")
    far.send(can.Message(is_error_frame=True))
    far.send(can.Message(arbitration_id=0x1, is_remote_frame=True, is_extended_id=False, dlc=2))
    far.send(can.Message(arbitration_id=0x7, data=b"\x01", is_extended_id=False))
    assert await _next(line) == [CanFrame(0x7, b"\x01")]
    assert (port.error_frames, port.unusable_frames) == (1, 1)
    line.send(CanFrame(0x028300F0, b"\x02", extended=True))
    message = await asyncio.to_thread(far.recv, PATIENCE_S)
    assert message is not None
    assert (message.arbitration_id, bytes(message.data), message.is_extended_id) == (0x028300F0, b"\x02", True)
    far.shutdown()
    line.close()


async def test_a_driver_that_does_not_read_loses_the_oldest_frames_only() -> None:
    port = CanPort(CanSettings("virtual", "test-overrun"))
    line = port.line()
    await line.open()
    for number in range(300):
        line.put(CanFrame(number, b""))
    frames = await line.receive()
    assert [frame.arbitration_id for frame in frames] == list(range(44, 300))
    line.close()


async def test_more_frames_than_one_turn_takes_are_all_heard_in_order(wire: Wire) -> None:
    line = wire.port().line()
    await line.open()
    await wire.channel(is_open=True)
    wire.line.write(b"".join(b"t%03X0\r" % number for number in range(250)))
    heard: list[CanFrame] = []
    while len(heard) < 250:
        heard += await _next(line)
    assert [frame.arbitration_id for frame in heard] == list(range(250))
    line.close()


def test_python_can_is_not_imported_before_a_bus_is_opened() -> None:
    code = "import hal.board, hal.transports.can_port as p, hal.transports.can_line as l, sys; "
    code += "p.CanPort(l.CanSettings('slcan', '/dev/can')).line(); sys.exit('can' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
