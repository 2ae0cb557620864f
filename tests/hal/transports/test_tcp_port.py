import asyncio

import pytest

from hal.api import PortError
from hal.transports.tcp_port import TcpPort


class Peer:
    """A TCP server that keeps the streams of its last caller."""

    def __init__(self) -> None:
        self.connected = asyncio.Event()
        self.number = 0

    async def start(self, number: int = 0) -> None:
        self.server = await asyncio.start_server(self._greet, "127.0.0.1", number)
        self.number = self.server.sockets[0].getsockname()[1]

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.connected.set()

    async def stop(self) -> None:
        if self.connected.is_set():
            self.writer.close()
            await self.writer.wait_closed()
        self.connected.clear()
        self.server.close()
        await self.server.wait_closed()


def _flood(port: TcpPort, block_size: int) -> None:
    for _ in range(1000):
        port.write(b"x" * block_size)


async def test_bytes_pass_both_ways_and_a_closed_peer_is_a_port_error_until_reopened() -> None:
    peer = Peer()
    await peer.start()
    port = TcpPort("127.0.0.1", peer.number)
    async with asyncio.timeout(5):
        await port.open()
        await peer.connected.wait()
        port.write(b"ask")
        assert await peer.reader.readexactly(3) == b"ask"
        peer.writer.write(b"answer")
        assert await port.read() == b"answer"
        await peer.stop()
        with pytest.raises(PortError):
            await port.read()
        with pytest.raises(PortError):
            port.write(b"x")
        with pytest.raises(PortError):
            await port.open()
        await peer.start(peer.number)
        await port.open()
        await peer.connected.wait()
        peer.writer.write(b"back")
        assert await port.read() == b"back"
        port.close()
        port.close()
        with pytest.raises(PortError):
            await port.read()
        await peer.stop()


async def test_unopened_port_cannot_send_or_read() -> None:
    port = TcpPort("127.0.0.1", 1)
    port.discard_input()
    with pytest.raises(PortError):
        port.write(b"x")
    with pytest.raises(PortError):
        await port.read()


async def test_flood_pauses_reading_and_loses_nothing() -> None:
    peer = Peer()
    await peer.start()
    port = TcpPort("127.0.0.1", peer.number)
    async with asyncio.timeout(10):
        await port.open()
        await peer.connected.wait()
        peer.writer.write(b"x" * 1_000_000)
        received = 0
        while received < 1_000_000:
            received += len(await port.read())
            await asyncio.sleep(0)
        assert received == 1_000_000
        peer.writer.write(b"dropped")
        await peer.writer.drain()
        port.discard_input()
        port.close()
        await peer.stop()


async def test_peer_that_reads_nothing_loses_the_port_instead_of_filling_memory() -> None:
    peer = Peer()
    await peer.start()
    port = TcpPort("127.0.0.1", peer.number)
    async with asyncio.timeout(10):
        await port.open()
        await peer.connected.wait()
        peer.reader._transport.pause_reading()  # type: ignore[attr-defined]  # the peer stops reading
        with pytest.raises(PortError):
            _flood(port, 100_000)
        await peer.stop()
