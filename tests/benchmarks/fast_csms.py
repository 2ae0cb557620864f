"""A back-end that is never the bottleneck: the websocket package's protocol on a bare asyncio transport (runner).

It accepts everything, answers from a table without looking at payloads, and notes when each frame arrived.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Self

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

LIMIT_S = 60.0
Heard = Callable[[float, str, dict[str, Any]], None]
"""Takes monotonic time, action and payload of a CALL."""


class FastCsms:
    """Serves one station at a time, in one OCPP version."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.subprotocol = Subprotocol(f"ocpp{version}")
        self.counts: Counter[str] = Counter()
        self.listeners: list[Heard] = []
        self.connection: StationSocket | None = None
        self.port = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: StationSocket(self), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.connection is not None:
            self.connection.close()
        if self._server is not None:
            self._server.close()

    @property
    def url(self) -> str:
        """Where stations connect; their identity follows."""
        return f"ws://127.0.0.1:{self.port}/"

    def expect(
        self, wanted: Callable[[str, dict[str, Any]], bool], limit_s: float = LIMIT_S
    ) -> "asyncio.Task[tuple[float, dict[str, Any]]]":
        """Listen from now on for a CALL that is wanted; gives when it came and its payload. Raises: TimeoutError."""
        found: asyncio.Future[tuple[float, dict[str, Any]]] = asyncio.get_running_loop().create_future()

        def listen(at_s: float, action: str, payload: dict[str, Any]) -> None:
            if not found.done() and wanted(action, payload):
                found.set_result((at_s, payload))

        async def wait() -> tuple[float, dict[str, Any]]:
            try:
                async with asyncio.timeout(limit_s):
                    return await found
            finally:
                self.listeners.remove(listen)

        self.listeners.append(listen)
        return asyncio.create_task(wait())

    def station(self) -> "StationSocket":
        """The socket of the station that is connected."""
        if self.connection is None:
            raise ConnectionError("no station is connected")
        return self.connection

    def answer(self, action: str) -> str:
        """The payload that a CALL is answered with."""
        self.counts[action] += 1
        if action == "StartTransaction":
            return f'{{"transactionId":{self.counts[action]},"idTagInfo":{{"status":"Accepted"}}}}'
        if action in {"BootNotification", "Heartbeat"}:
            return _with_time(action)
        return _ANSWERS[self.version].get(action, "{}")


_ANSWERS = {
    "1.6": {"Authorize": '{"idTagInfo":{"status":"Accepted"}}', "DataTransfer": '{"status":"Accepted"}'},
    "2.0.1": {"Authorize": '{"idTokenInfo":{"status":"Accepted"}}', "DataTransfer": '{"status":"Accepted"}'},
}


def _with_time(action: str) -> str:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    more = ',"interval":3600,"status":"Accepted"' if action == "BootNotification" else ""
    return f'{{"currentTime":"{now}"{more}}}'


class StationSocket(asyncio.Protocol):
    """One connection of a station."""

    def __init__(self, csms: FastCsms) -> None:
        self._csms = csms
        self._protocol = ServerProtocol(subprotocols=[csms.subprotocol], max_size=1 << 22)
        self._transport: asyncio.Transport | None = None
        self.on_answer: Callable[[float, str], None] = lambda _at_s, _text: None
        """Takes the arrival and the whole frame of each CALLRESULT and CALLERROR."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self._csms.connection is self:
            self._csms.connection = None

    def data_received(self, data: bytes) -> None:
        at_s = time.monotonic()
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._protocol.send_response(self._protocol.accept(event))
                self._csms.connection = self
            elif self._protocol.state is State.OPEN and isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._take(at_s, bytes(event.data).decode())
        self._flush()

    def send(self, text: str) -> None:
        """Send one frame."""
        self._protocol.send_text(text.encode())
        self._flush()

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def _take(self, at_s: float, text: str) -> None:
        if text[1] != "2":
            self.on_answer(at_s, text)
            return
        _, message_id, action, payload = json.loads(text)
        for listener in tuple(self._csms.listeners):
            listener(at_s, action, payload)
        self._protocol.send_text(f'[3,"{message_id}",{self._csms.answer(action)}]'.encode())

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if self._transport is not None and data:
                self._transport.write(data)


async def ask(station: StationSocket, action: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Send one CALL and return the answer's payload. Raises: TimeoutError, ValueError for a CALLERROR."""
    answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    station.on_answer = lambda _at_s, text: answered.set_result(text)
    station.send(json.dumps([2, "ask", action, payload]))
    async with asyncio.timeout(LIMIT_S):
        frame = json.loads(await answered)
    if frame[0] != 3:
        raise ValueError(f"{action} was refused: {frame[2:]}")
    result: dict[str, Any] = frame[2]
    return result


async def answers_per_second(station: StationSocket, action: str, payload: str, number: int, window: int) -> float:
    """Send so many CALLs, `window` of them unanswered at any time; returns the rate. Raises: ValueError."""
    done: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    sent = answered = 0

    def send_next() -> None:
        nonlocal sent
        sent += 1
        station.send(f'[2,"{sent}","{action}",{payload}]')

    def take(at_s: float, text: str) -> None:
        nonlocal answered
        answered += 1
        if text[1] != "3" and not done.done():
            done.set_exception(ValueError(f"{action} was refused: {text[:200]}"))
        elif answered == number:
            done.set_result(at_s)
        elif sent < number:
            send_next()

    station.on_answer = take
    began_s = time.monotonic()
    for _ in range(window):
        send_next()
    async with asyncio.timeout(LIMIT_S):
        return number / (await done - began_s)
