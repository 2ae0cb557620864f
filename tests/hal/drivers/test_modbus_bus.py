"""The bus, against a server that behaves and misbehaves, in virtual time over a line in memory."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from functools import wraps
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.api import BadFrameError, BusTimeoutError, DeviceRefusedError, LinkErrors, PortError
from hal.codecs.modbus_frame import Framing
from hal.drivers.modbus_bus import ModbusBus
from hal.transports.memory_port import MemoryPort, memory_pipe
from hal.transports.tcp_port import TcpPort
from hil.virtual_time import run_virtual
from tests.fakes import modbus_server as fake
from tests.fakes.modbus_server import ModbusServer

TIMEOUT_S = 1.0


@dataclass
class Line:
    bus: ModbusBus
    server: ModbusServer
    near: MemoryPort

    async def read(self, unit: int = 1, address: int = 0, count: int = 2) -> tuple[int, ...]:
        return await self.bus.read_registers(unit, 4, address, count)


@contextlib.asynccontextmanager
async def line(framing: Framing = "rtu", **settings_of_bus: Any) -> AsyncIterator[Line]:  # Any: keywords of the bus
    near, far = memory_pipe()
    bus = ModbusBus(near, framing, timeout_s=TIMEOUT_S, **settings_of_bus)
    server = ModbusServer(far, framing)
    server.units = {unit: {address: 100 * unit + address for address in range(60)} for unit in (1, 2)}
    tasks = [asyncio.create_task(server.run()), asyncio.create_task(bus.run())]
    try:
        await asyncio.sleep(0.01)
        yield Line(bus, server, near)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def virtual(story: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @wraps(story)
    def run(*args: Any, **kwargs: Any) -> None:
        run_virtual(story(*args, **kwargs), debug=True)

    return run


@pytest.mark.parametrize("framing", ["rtu", "tcp"])
@virtual
async def test_each_unit_on_the_line_is_read(framing: Framing) -> None:
    async with line(framing) as wire:
        assert await wire.read(unit=1, address=5) == (105, 106)
        assert await wire.read(unit=2, address=5, count=1) == (205,)


@virtual
async def test_requests_go_out_one_at_a_time_in_order() -> None:
    async with line() as wire:
        wire.server.always(fake.late(0.5))
        answers = await asyncio.gather(*(wire.read(address=address) for address in (7, 3, 5)))
        assert answers == [(107, 108), (103, 104), (105, 106)]
        assert [asked[2] for asked in wire.server.asked] == [7, 3, 5]
        gaps = [b - a for a, b in zip(wire.server.asked_at_s, wire.server.asked_at_s[1:], strict=False)]
        assert all(gap >= 0.5 for gap in gaps)


@virtual
async def test_frames_on_rtu_are_kept_apart_by_three_and_a_half_characters() -> None:
    async with line(baudrate=9600) as wire:
        await wire.read()
        await wire.read()
        assert wire.server.asked_at_s[1] - wire.server.asked_at_s[0] >= 3.5 * 11 / 9600


@pytest.mark.parametrize(
    "misbehaviour", [fake.in_pieces, fake.echoing, fake.around(b"\x00\x01\x04\x04"), fake.late(0.9)]
)
@virtual
async def test_a_good_reply_is_found_however_it_comes(misbehaviour: fake.Misbehaviour) -> None:
    async with line(retries=0) as wire:
        wire.server.misbehave(misbehaviour)
        assert await wire.read(address=8) == (108, 109)


@pytest.mark.parametrize(
    "misbehaviour",
    [
        fake.cut_short,
        fake.flipped,
        fake.as_unit(2),
        fake.with_other_function,
        fake.with_count(3),
        fake.instead(b"\xff" * 9),
    ],
    ids=["short", "flipped", "wrong_unit", "wrong_function", "wrong_count", "garbage"],
)
@virtual
async def test_a_reply_that_does_not_fit_is_counted_dropped_and_retried(misbehaviour: fake.Misbehaviour) -> None:
    async with line() as wire:
        wire.server.misbehave(misbehaviour)
        assert await wire.read(address=8) == (108, 109)
        assert wire.bus.errors(1) == LinkErrors(bad_frames=1)
        wire.server.misbehave(misbehaviour, misbehaviour)
        with pytest.raises(BadFrameError, match="unit 1"):
            await wire.read()


@virtual
async def test_a_silent_unit_times_out_by_name_and_is_counted_for_itself() -> None:
    async with line() as wire:
        with pytest.raises(BusTimeoutError, match="unit 9"):
            await wire.read(unit=9)
        assert wire.bus.errors(9) == LinkErrors(timeouts=2)
        assert wire.bus.errors(1) == LinkErrors()
        assert await wire.read() == (100, 101)


@virtual
async def test_a_late_reply_never_answers_another_request() -> None:
    async with line(retries=0) as wire:
        wire.server.misbehave(fake.late(1.5))
        with pytest.raises(BusTimeoutError):
            await wire.read(address=10)
        assert await wire.read(address=20) == (120, 121)


@virtual
async def test_other_units_are_served_while_a_late_one_is_left_alone() -> None:
    async with line() as wire:
        dead = asyncio.create_task(wire.read(unit=9))
        await asyncio.sleep(0.1)
        began_s = asyncio.get_running_loop().time()
        await wire.read(unit=1)
        assert asyncio.get_running_loop().time() - began_s < TIMEOUT_S
        with pytest.raises(BusTimeoutError):
            await dead


@virtual
async def test_tcp_drops_the_answer_to_an_earlier_transaction() -> None:
    async with line("tcp", retries=0) as wire:
        wire.server.misbehave(fake.late(1.2), fake.late(0.5))
        with pytest.raises(BusTimeoutError):
            await wire.read(address=10)
        assert await wire.read(address=20) == (120, 121)
        assert wire.bus.errors(1) == LinkErrors(timeouts=1, bad_frames=1)


@virtual
async def test_an_exception_is_named_and_counted_and_not_repeated() -> None:
    async with line() as wire:
        wire.server.misbehave(fake.refusing(6))
        with pytest.raises(DeviceRefusedError, match="server device busy"):
            await wire.read()
        with pytest.raises(DeviceRefusedError, match="illegal data address"):
            await wire.read(address=59)
        assert len(wire.server.asked) == 2
        assert wire.bus.errors(1) == LinkErrors(exceptions=2)


@virtual
async def test_a_pulled_cable_fails_requests_at_once_and_a_mended_one_serves_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    async with line() as wire:
        await wire.read()
        wire.near.cut()
        for _ in range(5):
            with pytest.raises(PortError, match="line is cut"):
                await wire.read()
            await asyncio.sleep(3)
        wire.near.mend()
        await asyncio.sleep(31)
        assert await wire.read() == (100, 101)
    assert [record.message.split(" bus=")[0] for record in caplog.records if record.name.startswith("hal")] == [
        "modbus line lost",
        "modbus line is back",
    ]


@virtual
async def test_a_flood_of_junk_ends_the_request() -> None:
    async with line(retries=0) as wire:
        wire.server.misbehave(fake.instead(b"\x55" * 5000))
        with pytest.raises(BadFrameError):
            await wire.read()
        assert await wire.read() == (100, 101)


@virtual
async def test_without_a_running_bus_a_request_ends_all_the_same() -> None:
    near, _ = memory_pipe()
    with pytest.raises(BusTimeoutError, match="turn"):
        await ModbusBus(near, "rtu").read_registers(1, 4, 0, 2)


@virtual
async def test_a_caller_that_gives_up_leaves_the_line_to_the_others() -> None:
    async with line() as wire:
        wire.server.misbehave(fake.late(0.8))
        impatient = asyncio.create_task(wire.read(address=1))
        waiting = asyncio.create_task(wire.read(address=2))
        withdrawn = asyncio.create_task(wire.read(address=3))
        await asyncio.sleep(0.1)
        impatient.cancel()
        withdrawn.cancel()
        assert await waiting == (102, 103)
        assert [asked[2] for asked in wire.server.asked] == [1, 2]


@pytest.mark.parametrize(("unit", "function", "count"), [(256, 4, 2), (1, 6, 2), (1, 4, 126), (1, 4, 0)])
@virtual
async def test_a_request_that_no_frame_can_carry_is_the_callers_error(unit: int, function: int, count: int) -> None:
    async with line() as wire:
        with pytest.raises(ValueError, match="no such Modbus read"):
            await wire.bus.read_registers(unit, function, 0, count)


@settings(max_examples=60, deadline=None)
@given(framing=st.sampled_from(["rtu", "tcp"]), parts=st.lists(st.binary(max_size=40), min_size=1, max_size=4))
def test_no_bytes_crash_or_hang_the_bus_or_change_what_comes_after(framing: Framing, parts: list[bytes]) -> None:
    async def story() -> None:
        async with line(framing, retries=0) as wire:
            wire.server.misbehave(fake.instead(*parts))
            with contextlib.suppress(BusTimeoutError, BadFrameError, DeviceRefusedError, PortError):
                await asyncio.wait_for(wire.read(), 20)
            await asyncio.sleep(1)
            assert await wire.read(address=4) == (104, 105)

    run_virtual(story())


async def test_a_real_tcp_connection_carries_requests_and_is_reopened_when_the_peer_closes_it() -> None:
    connections: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        while request := await reader.read(256):
            writer.write(request[:4] + b"\x00\x05" + request[6:8] + b"\x02" + request[8:10])

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    bus = ModbusBus(TcpPort("127.0.0.1", server.sockets[0].getsockname()[1]), "tcp")
    task = asyncio.create_task(bus.run())
    async with asyncio.timeout(10):
        assert await bus.read_registers(1, 3, 0x1234, 1) == (0x1234,)
        connections[0].transport.abort()
        assert await bus.read_registers(1, 3, 0x4321, 1) == (0x4321,)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    server.close()
    for writer in connections:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    assert len(connections) == 2
