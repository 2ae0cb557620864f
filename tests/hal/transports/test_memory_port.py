import asyncio

import pytest

from hal.api import PortError
from hal.transports.memory_port import MemoryPort, memory_pipe


async def _open_pipe() -> tuple[MemoryPort, MemoryPort]:
    near, far = memory_pipe()
    await near.open()
    await far.open()
    return near, far


async def test_bytes_arrive_at_the_other_end_in_order() -> None:
    near, far = await _open_pipe()
    near.write(b"one ")
    near.write(b"two")
    assert await far.read() == b"one two"


async def test_waiting_read_wakes_when_bytes_arrive() -> None:
    near, far = await _open_pipe()
    read = asyncio.create_task(far.read())
    await asyncio.sleep(0)
    near.write(b"x")
    assert await read == b"x"


async def test_bytes_to_an_unopened_end_are_lost() -> None:
    near, far = memory_pipe()
    await near.open()
    near.write(b"nobody listens")
    await far.open()
    near.write(b"heard")
    assert await far.read() == b"heard"


async def test_unopened_end_cannot_send_or_read() -> None:
    near, _far = memory_pipe()
    with pytest.raises(PortError):
        near.write(b"x")
    with pytest.raises(PortError):
        await near.read()


async def test_cut_line_fails_both_ends_until_mended_and_reopened() -> None:
    near, far = await _open_pipe()
    waiting = asyncio.create_task(near.read())
    await asyncio.sleep(0)
    near.cut()
    with pytest.raises(PortError, match="cut"):
        await waiting
    with pytest.raises(PortError):
        far.write(b"x")
    with pytest.raises(PortError):
        await far.open()
    near.mend()
    with pytest.raises(PortError):
        near.write(b"still lost until opened again")
    await near.open()
    await far.open()
    far.write(b"back")
    assert await near.read() == b"back"


async def test_reopening_drops_what_the_earlier_opening_received() -> None:
    near, far = await _open_pipe()
    far.write(b"old")
    await near.open()
    far.write(b"new")
    assert await near.read() == b"new"


async def test_discard_input_and_close_drop_unread_bytes() -> None:
    near, far = await _open_pipe()
    far.write(b"old")
    near.discard_input()
    far.write(b"new")
    assert await near.read() == b"new"
    near.close()
    near.close()
    with pytest.raises(PortError, match="closed"):
        await near.read()
