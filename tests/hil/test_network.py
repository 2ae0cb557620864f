"""The relay between station and back-end, over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from hil.network import HOST, Network

LIMIT_S = 5.0


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(100):
            writer.write(data)
        writer.write(b" end")
    except ConnectionError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def network_to_echo() -> AsyncIterator[tuple[Network, int]]:
    server = await asyncio.start_server(_echo, HOST, 0)
    network = Network()
    port = urlsplit(await network.open()).port
    assert port is not None
    network.reach(f"ws://{HOST}:{server.sockets[0].getsockname()[1]}")
    async with asyncio.timeout(LIMIT_S):
        try:
            yield network, port
        finally:
            await network.close()
            server.close()


async def ask(port: int, text: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(text)
        writer.write_eof()
        return await reader.read()
    finally:
        writer.close()


async def test_bytes_and_the_end_of_them_pass_both_ways() -> None:
    async with network_to_echo() as (_, port):
        assert await ask(port, b"hello") == b"hello end"


async def test_a_cut_ends_what_is_open_and_resets_what_is_tried() -> None:
    async with network_to_echo() as (network, port):
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"x")
        assert await reader.read(1) == b"x"
        network.cut()
        with pytest.raises(ConnectionResetError):
            await reader.read(1)
        with pytest.raises(ConnectionResetError):
            await ask(port, b"hello")
        assert network.refused == 1
        writer.close()


async def test_after_the_cut_the_same_port_leads_through_again() -> None:
    async with network_to_echo() as (network, port):
        network.cut()
        network.restore()
        assert await ask(port, b"hello") == b"hello end"


async def test_a_back_end_that_is_not_there_resets_the_connection() -> None:
    async with network_to_echo() as (network, port):
        network.reach(f"ws://{HOST}:1")
        with pytest.raises(ConnectionResetError):
            await ask(port, b"hello")
