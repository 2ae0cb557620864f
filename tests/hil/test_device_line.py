"""What a faulty line does to the bytes on it."""

import asyncio
from collections.abc import Awaitable, Callable

from hil.device_line import BURST_STEP_S, DeviceLine, LineFault
from hil.virtual_time import run_virtual

TELEGRAM = bytes(range(1, 101))


class Echo:
    """A device that keeps what it hears."""

    def __init__(self) -> None:
        self.output: Callable[[bytes], None] = lambda _data: None
        self.heard = b""

    def receive(self, data: bytes) -> None:
        self.heard += data


def play(tale: Callable[[DeviceLine, Echo, list[bytes]], Awaitable[None]]) -> None:
    async def story() -> None:
        device, chunks = Echo(), list[bytes]()
        line = DeviceLine(device, seed=1)
        line.output = chunks.append
        await tale(line, device, chunks)

    run_virtual(story())


def test_a_split_line_delivers_every_byte_in_order_in_small_pieces() -> None:
    async def tale(line: DeviceLine, device: Echo, chunks: list[bytes]) -> None:
        line.faults.add(LineFault.SPLIT)
        device.output(TELEGRAM)
        device.output(TELEGRAM)
        await asyncio.sleep(1)
        assert b"".join(chunks) == TELEGRAM * 2
        assert max(map(len, chunks)) <= 3

    play(tale)


def test_bytes_after_the_split_fault_was_cleared_do_not_overtake_the_pieces() -> None:
    async def tale(line: DeviceLine, device: Echo, chunks: list[bytes]) -> None:
        line.faults.add(LineFault.SPLIT)
        device.output(TELEGRAM)
        line.faults.clear()
        device.output(b"\xff")
        await asyncio.sleep(1)
        assert b"".join(chunks) == TELEGRAM + b"\xff"
        assert len(chunks) == 2, "what was left came at once"

    play(tale)


def test_nuls_come_before_every_chunk_on_both_ways() -> None:
    async def tale(line: DeviceLine, device: Echo, chunks: list[bytes]) -> None:
        line.faults.add(LineFault.NULS)
        device.output(TELEGRAM)
        line.receive(TELEGRAM)
        assert (chunks, device.heard) == ([b"\0" + TELEGRAM], b"\0" + TELEGRAM)

    play(tale)


def test_at_the_wrong_baudrate_nothing_arrives_as_it_was_sent() -> None:
    async def tale(line: DeviceLine, device: Echo, chunks: list[bytes]) -> None:
        line.faults.add(LineFault.BAUDRATE)
        device.output(TELEGRAM)
        line.receive(TELEGRAM)
        assert TELEGRAM not in (device.heard, *chunks)
        assert len(device.heard) == len(TELEGRAM)

    play(tale)


def test_a_burst_takes_as_long_as_a_serial_line_needs_and_reaches_both_sides() -> None:
    async def tale(line: DeviceLine, device: Echo, chunks: list[bytes]) -> None:
        line.burst(10_000)
        await asyncio.sleep(38 * BURST_STEP_S)
        assert sum(map(len, chunks)) < 10_000
        await asyncio.sleep(2 * BURST_STEP_S)
        assert b"".join(chunks) == device.heard
        assert len(device.heard) == 10_000

    play(tale)


def test_a_dark_line_is_silent() -> None:
    async def tale(line: DeviceLine, device: Echo, chunks: list[bytes]) -> None:
        line.powered = False
        device.output(TELEGRAM)
        line.receive(TELEGRAM)
        assert (chunks, device.heard) == ([], b"")

    play(tale)
