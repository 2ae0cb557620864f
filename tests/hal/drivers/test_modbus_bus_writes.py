"""Writes on the bus: order, urgency, rest between two, and lines that hear themselves."""

import asyncio

import pytest

from hal.api import BusTimeoutError, PortError
from hal.codecs.modbus_frame import ReadRequest, WriteRequest
from tests.fakes import modbus_server as fake
from tests.hal.drivers.test_modbus_bus import TIMEOUT_S, line, virtual

OFF = WriteRequest(1, 10, (0,))


@pytest.mark.parametrize(("function", "words"), [(16, (1, 2, 3)), (6, (7,)), (5, (1,))])
@virtual
async def test_a_write_reaches_its_unit_once(function: int, words: tuple[int, ...]) -> None:
    async with line() as wire:
        assert await wire.bus.submit(WriteRequest(2, 5, words, function)) == ()
        assert wire.server.written == [(2, 5, words)]


@virtual
async def test_an_urgent_write_goes_out_before_all_that_waits() -> None:
    async with line() as wire:
        wire.server.always(fake.late(0.1))
        reads = [asyncio.create_task(wire.read(address=address)) for address in (1, 2, 3)]
        await asyncio.sleep(0.05)
        await wire.bus.submit(OFF, urgent=True)
        assert [asked[2] for asked in wire.server.asked] == [1, 10]
        await asyncio.gather(*reads)


@virtual
async def test_an_urgent_write_does_not_wait_for_the_peace_of_a_unit_that_missed_its_time() -> None:
    async with line() as wire:
        wire.server.misbehave(fake.silent)
        with pytest.raises(BusTimeoutError):
            await wire.bus.submit(ReadRequest(1, 4, 0, 2))
        start_s = asyncio.get_running_loop().time()
        await wire.bus.submit(OFF, urgent=True)
        assert asyncio.get_running_loop().time() - start_s < TIMEOUT_S / 10


@virtual
async def test_two_writes_to_a_unit_keep_the_rest_that_it_needs_and_reads_go_on_meanwhile() -> None:
    async with line() as wire:
        wire.bus.set_write_gap(1, 0.2)
        first, second = wire.bus.submit(OFF), wire.bus.submit(OFF)
        read = asyncio.create_task(wire.read())
        await asyncio.gather(first, second, read)
        functions = [asked[1] for asked in wire.server.asked]
        assert functions == [16, 4, 16]
        assert wire.server.asked_at_s[2] - wire.server.asked_at_s[0] >= 0.2


@virtual
async def test_a_withdrawn_write_never_goes_out() -> None:
    async with line() as wire:
        wire.server.always(fake.late(0.1))
        read = asyncio.create_task(wire.read())
        await asyncio.sleep(0.05)
        wire.bus.submit(OFF).cancel()
        await read
        await wire.read()
        assert wire.server.written == []


@virtual
async def test_on_a_line_that_hears_itself_a_write_is_done_only_when_the_unit_has_answered() -> None:
    async with line() as wire:
        wire.server.always(fake.echoing)
        await wire.read()
        start_s = asyncio.get_running_loop().time()
        await wire.bus.submit(WriteRequest(1, 10, (5,), 6))
        assert asyncio.get_running_loop().time() - start_s >= 0.01
        assert await wire.read(address=7) == (107, 108)


@virtual
async def test_a_line_that_is_down_refuses_at_once() -> None:
    async with line() as wire:
        await wire.read()
        wire.near.cut()
        await asyncio.sleep(2)
        with pytest.raises(PortError):
            await asyncio.wait_for(wire.bus.submit(OFF, urgent=True), 0.01)
