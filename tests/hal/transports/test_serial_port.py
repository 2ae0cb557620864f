import asyncio
import contextlib
import os
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from hal.api import PortError
from hal.transports.serial_port import SerialPort

LIMIT_S = 10.0
"""Reached only by a test that fails."""


class PtyLine:
    """The device side of a serial line behind a symlink, as a bench or a udev rule makes it."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self.fd = -1
        self.appear()

    def appear(self) -> None:
        self.fd, device = os.openpty()
        tty.setraw(device)
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(os.ttyname(device))
        os.close(device)

    def vanish(self) -> None:
        os.close(self.fd)
        self.fd = -1
        self.link.unlink()


def _flood(port: SerialPort, block_size: int) -> None:
    for _ in range(1000):
        port.write(b"x" * block_size)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[PtyLine]:
    line = PtyLine(tmp_path / "board")
    yield line
    with contextlib.suppress(OSError):
        os.close(line.fd)


async def test_bytes_pass_both_ways_through_a_pty_symlink(line: PtyLine) -> None:
    port = SerialPort(str(line.link), 115_200)
    await port.open()
    port.write(b"$GV^35\r")
    assert os.read(line.fd, 100) == b"$GV^35\r"
    os.write(line.fd, b"\x00$OK\r\n\xff")
    async with asyncio.timeout(LIMIT_S):
        assert await port.read() == b"\x00$OK\r\n\xff"
    port.close()


async def test_a_line_without_dtr_says_so_and_stays(line: PtyLine) -> None:
    port = SerialPort(str(line.link), 115_200)
    with pytest.raises(PortError, match="closed"):
        await port.pulse_dtr(0)
    await port.open()
    with pytest.raises(PortError, match="has no DTR line"):
        await port.pulse_dtr(0)
    port.write(b"x")
    assert os.read(line.fd, 10) == b"x"
    port.close()


@pytest.mark.parametrize("parity", ["N", "E", "O"])
async def test_every_parity_opens_on_a_pty(line: PtyLine, parity: str) -> None:
    port = SerialPort(str(line.link), 9600, parity=parity, stopbits=1)
    await port.open()
    port.write(b"x")
    assert os.read(line.fd, 10) == b"x"
    port.close()


async def test_vanished_device_is_a_port_error_and_reopens_when_it_returns(line: PtyLine) -> None:
    port = SerialPort(str(line.link), 115_200)
    await port.open()
    waiting = asyncio.create_task(port.read())
    await asyncio.sleep(0)
    line.vanish()
    async with asyncio.timeout(LIMIT_S):
        with pytest.raises(PortError):
            await waiting
    with pytest.raises(PortError):
        port.write(b"x")
    with pytest.raises(PortError):
        await port.open()
    line.appear()
    await port.open()
    os.write(line.fd, b"back")
    async with asyncio.timeout(LIMIT_S):
        assert await port.read() == b"back"
    port.close()


async def test_missing_device_is_a_port_error_naming_it(tmp_path: Path) -> None:
    port = SerialPort(str(tmp_path / "none"), 115_200)
    with pytest.raises(PortError, match="none"):
        await port.open()


async def test_more_than_the_kernel_takes_is_sent_later_in_order(line: PtyLine) -> None:
    port = SerialPort(str(line.link), 115_200)
    await port.open()
    sent = bytearray()
    with contextlib.suppress(PortError):
        while len(port._unsent) == 0:
            block = bytes([len(sent) // 64 % 256]) * 64
            port.write(block)
            sent += block
    received = bytearray()
    async with asyncio.timeout(LIMIT_S):
        while len(received) < len(sent):
            received += os.read(line.fd, 4096)
            await asyncio.sleep(0)
    assert received == sent
    port.close()


async def test_line_that_takes_nothing_for_ever_is_lost_not_buffered(line: PtyLine) -> None:
    port = SerialPort(str(line.link), 115_200)
    await port.open()
    with pytest.raises(PortError, match="no more"):
        _flood(port, 1000)
    with pytest.raises(PortError):
        await port.read()


async def test_flood_pauses_reading_and_loses_nothing(line: PtyLine) -> None:
    port = SerialPort(str(line.link), 115_200)
    await port.open()
    os.set_blocking(line.fd, False)
    total, sent, received = 200_000, 0, 0
    async with asyncio.timeout(5):
        while received < total:
            with contextlib.suppress(BlockingIOError):
                sent += os.write(line.fd, b"x" * min(4096, total - sent)) if sent < total else 0
            await asyncio.sleep(0)
            if sent == total or not port._reading:
                received += len(await port.read())
    assert received == total
    port.close()


async def test_discard_input_drops_unread_bytes(line: PtyLine) -> None:
    port = SerialPort(str(line.link), 115_200)
    await port.open()
    os.write(line.fd, b"old")
    port.discard_input()
    os.write(line.fd, b"new")
    async with asyncio.timeout(LIMIT_S):
        assert await port.read() == b"new"
    port.close()
