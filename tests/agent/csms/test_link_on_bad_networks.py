"""Networks that fail below the messages, on real sockets: the link notices, says why, and is back once it can be.

Lessons 16 (half-open sockets), 17 (every end leads to a reconnect), 26, 88 (say what is wrong).
"""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agent.csms.connection import Endpoint, WebsocketDialler
from tests.agent.csms.link_house import QUICK, House, house, started
from tests.fakes.scripted_csms import ScriptedCsms, scripted_csms

DIAL_S = 0.3
NAME = "csms.example"


class Relay:
    """Stands between station and back-end, and can stall: both sides stay connected, and nothing passes any more."""

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.connections = 0
        self._target_port = target_port
        self._flows = asyncio.Event()
        self._flows.set()
        self._tasks: set[asyncio.Task[None]] = set()

    def stall(self) -> None:
        self._flows.clear()

    def flow(self) -> None:
        self._flows.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._flows.wait()
            there, back = await asyncio.open_connection("127.0.0.1", self._target_port)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass_on(reader, back))
                group.create_task(self._pass_on(there, writer))
        except* OSError:
            pass
        finally:
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()


@asynccontextmanager
async def relay(target_port: int) -> AsyncIterator[Relay]:
    between = Relay(target_port)
    server = await asyncio.start_server(between.serve, "127.0.0.1", 0)
    between.port = server.sockets[0].getsockname()[1]
    try:
        yield between
    finally:
        between.flow()
        server.close()


@asynccontextmanager
async def silent_port() -> AsyncIterator[int]:
    """A server that accepts and never says anything."""
    ended = asyncio.Event()

    async def keep(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await ended.wait()
        writer.close()

    server = await asyncio.start_server(keep, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        ended.set()
        server.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - of things that are no events
            await asyncio.sleep(0.02)


async def until_explained(home: House, words: str) -> None:
    """Wait until the link says why it is not connected."""
    await until(lambda: words in home.client.link.explanation)


def dialler(url: str, *, ping_s: float = 0) -> WebsocketDialler:
    return WebsocketDialler(Endpoint(url, "CP 1", ping_interval_s=ping_s), timeout_s=DIAL_S)


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_a_server_that_accepts_and_is_silent_is_given_up_and_tried_again(scheme: str) -> None:
    """Plain: the handshake is never answered. TLS: nothing follows the ClientHello."""
    async with silent_port() as port, house(ScriptedCsms(), dial=dialler(f"{scheme}://127.0.0.1:{port}")) as home:
        await until_explained(home, "0.3")
        assert not home.client.back_end.is_online


async def test_it_is_online_as_soon_as_a_silent_server_speaks() -> None:
    async with scripted_csms() as csms, relay(csms.port) as between:
        between.stall()
        async with house(csms, dial=dialler(f"ws://127.0.0.1:{between.port}")) as home:
            await until_explained(home, "0.3")
            between.flow()
            await home.until_online()


async def test_a_half_open_connection_is_noticed_and_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.csms.connection.PONG_TIMEOUT_S", 0.2)
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    async with (
        scripted_csms() as csms,
        relay(csms.port) as between,
        house(csms, dial=dialler(f"ws://127.0.0.1:{between.port}", ping_s=0.2)) as home,
    ):
        await home.until_online()
        between.stall()
        home.journal.put(started())
        await until(lambda: not home.client.back_end.is_online)
        between.flow()
        await home.until_online()
        await home.journal.until_empty()
        assert home.journal.acknowledged == [1]
        assert between.connections >= 2


async def test_a_name_that_cannot_be_resolved_is_said_and_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    resolve, known, asked = loop.getaddrinfo, False, 0

    async def resolver(host: str, port: int, **options: Any) -> object:
        nonlocal asked
        if host != NAME:
            return await resolve(host, port, **options)
        asked += 1
        if not known:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return await resolve("127.0.0.1", port, **options)

    monkeypatch.setattr(loop, "getaddrinfo", resolver)
    async with scripted_csms() as csms, house(csms, dial=dialler(f"ws://{NAME}:{csms.port}")) as home:
        await until_explained(home, NAME)
        assert asked >= 1
        known = True
        await home.until_online()


async def test_a_server_that_ends_every_handshake_is_tried_with_growing_pauses() -> None:
    dialled: list[float] = []

    async def end(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        dialled.append(asyncio.get_running_loop().time())
        writer.transport.abort()

    server = await asyncio.start_server(end, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with house(ScriptedCsms(), dial=dialler(f"ws://127.0.0.1:{port}")):
        await until(lambda: len(dialled) >= 5)
    server.close()
    assert dialled[4] - dialled[3] > dialled[1] - dialled[0] >= QUICK.reconnect.minimum_s
