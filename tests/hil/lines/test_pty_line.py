import asyncio
import os
import select
from pathlib import Path

import pytest
import serial

from hil.lines.pty_line import PtyLine


async def test_stale_link_is_replaced_and_a_real_file_is_not(tmp_path: Path) -> None:
    stale = tmp_path / "board"
    stale.symlink_to("/dev/pts/does-not-exist")
    line = PtyLine(stale, lambda _data: None)
    line.open()
    assert stale.is_char_device()
    line.close()
    assert not stale.is_symlink()
    stale.write_text("precious")
    with pytest.raises(FileExistsError):
        line.open()
    assert stale.read_text() == "precious"


async def test_bytes_pass_unchanged_both_ways(tmp_path: Path) -> None:
    everything = bytes(range(256))
    received = bytearray()
    complete = asyncio.Event()

    def receive(data: bytes) -> None:
        received.extend(data)
        if len(received) == len(everything):
            complete.set()

    line = PtyLine(tmp_path / "board", receive)
    line.open()
    far = os.open(tmp_path / "board", os.O_RDWR | os.O_NOCTTY)
    os.write(far, everything)
    await asyncio.wait_for(complete.wait(), 5)
    assert received == everything
    line.write(everything)
    assert os.read(far, 1000) == everything
    os.close(far)
    line.close()


async def test_bytes_that_nobody_reads_are_lost_and_block_nothing(tmp_path: Path) -> None:
    line = PtyLine(tmp_path / "board", lambda _data: None)
    line.open()
    far = os.open(tmp_path / "board", os.O_RDWR | os.O_NOCTTY)
    for _ in range(1000):
        line.write(b"x" * 1000)
    kept = sum(len(part) for part in iter(lambda: _read_now(far), b""))
    assert 0 < kept < 1_000_000
    line.write(b"heard again")
    assert os.read(far, 1000) == b"heard again"
    os.close(far)
    line.close()
    line.write(b"to nobody")


def _read_now(descriptor: int) -> bytes:
    ready, _, _ = select.select([descriptor], [], [], 0)
    return os.read(descriptor, 4096) if ready else b""


async def test_a_line_with_parity_can_be_opened_again_after_whoever_had_it_died(tmp_path: Path) -> None:
    heard = asyncio.Event()
    line = PtyLine(tmp_path / "board", lambda _data: heard.set())
    line.open()
    for _ in range(2):
        heard.clear()
        with serial.Serial(str(tmp_path / "board"), baudrate=19_200, parity="E") as far:
            far.write(b"\x01")
            await asyncio.wait_for(heard.wait(), 5)
    line.close()
