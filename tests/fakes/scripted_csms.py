"""A back-end on a real websocket that does what the test says, action by action."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from http import HTTPStatus
from ssl import SSLContext
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

Json = dict[str, Any]
Answer = Callable[["ScriptedCsms", str, Json], Awaitable[Json | None]]

NOW = "2030-01-01T00:00:00Z"


class Refuse(Exception):  # noqa: N818 - an instruction, not a failure
    def __init__(self, code: str, description: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.description = description


class ScriptedCsms:
    """Accepts everything until `on` says otherwise; `calls` holds every request in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, Json]] = []
        self.answers: list[list[Any]] = []
        self.answered: list[str] = []
        """Actions that were given a result."""
        self.connections: list[ServerConnection] = []
        self.requests: list[Request] = []
        self.http_status: int | None = None
        self.port = 0
        self._changed = asyncio.Condition()
        self._scripts: dict[str, Answer] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def on(self, action: str, answer: Answer | Json | None) -> None:
        """Script one action: a payload, None (silence), or a coroutine function."""
        if callable(answer):
            self._scripts[action] = answer
            return

        async def fixed(_csms: ScriptedCsms, _message_id: str, _payload: Json) -> Json | None:
            return answer

        self._scripts[action] = fixed

    @property
    def connection(self) -> ServerConnection:
        return self.connections[-1]

    def actions(self) -> list[str]:
        return [action for _, action, _ in self.calls]

    async def until(self, condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(condition)

    async def until_called(self, action: str, times: int = 1) -> Json:
        await self.until(lambda: self.actions().count(action) >= times)
        return [payload for _, name, payload in self.calls if name == action][times - 1]

    async def until_heard(self, action: str) -> None:
        """Wait until the station has the result of this action: it answers what comes after it."""
        await self.until(lambda: action in self.answered)
        await self.ask("GetConfiguration", {})

    async def ask(self, action: str, payload: Json, message_id: str = "q") -> list[Any]:
        """Send a request and return the raw answer."""
        return await self.ask_raw(json.dumps([2, message_id, action, payload]))

    async def ask_raw(self, text: str | bytes) -> list[Any]:
        seen = len(self.answers)
        await self.connection.send(text)
        await self.until(lambda: len(self.answers) > seen)
        return self.answers[seen]

    async def serve_one(self, connection: ServerConnection) -> None:
        await self._note(lambda: self.connections.append(connection))
        async for text in connection:
            frame = json.loads(text)
            if frame[0] == 2:
                script = self._scripts.get(frame[2])  # as it stands when the request comes
                await self._note(partial(self.calls.append, (frame[1], frame[2], frame[3])))
                task = asyncio.create_task(self._answer(connection, script, *frame[1:]))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            else:
                await self._note(partial(self.answers.append, frame))

    async def check_request(self, connection: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        if self.http_status is None:
            return None
        return connection.respond(HTTPStatus(self.http_status), "no\n")

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _answer(
        self, connection: ServerConnection, script: Answer | None, message_id: str, action: str, payload: Json
    ) -> None:
        with suppress(ConnectionClosed):
            try:
                result = accept(action) if script is None else await script(self, message_id, payload)
            except Refuse as refusal:
                await connection.send(json.dumps([4, message_id, refusal.code, refusal.description, {}]))
                return
            if result is not None:
                await connection.send(json.dumps([3, message_id, result]))
                await self._note(partial(self.answered.append, action))

    async def _note(self, change: Callable[[], None]) -> None:
        async with self._changed:
            change()
            self._changed.notify_all()


@asynccontextmanager
async def scripted_csms(
    *, subprotocols: tuple[str, ...] = ("ocpp1.6",), ssl: SSLContext | None = None
) -> AsyncIterator[ScriptedCsms]:
    csms = ScriptedCsms()
    async with serve(
        csms.serve_one,
        "127.0.0.1",
        0,
        subprotocols=[Subprotocol(name) for name in subprotocols] or None,
        process_request=csms.check_request,
        ssl=ssl,
        compression=None,
    ) as server:
        csms.port = next(iter(server.sockets)).getsockname()[1]
        yield csms
        csms.stop()


def accept(action: str) -> Json:
    match action:
        case "BootNotification":
            return {"status": "Accepted", "currentTime": NOW, "interval": 300}
        case "Heartbeat":
            return {"currentTime": NOW}
        case "Authorize":
            return {"idTagInfo": {"status": "Accepted"}}
        case "StartTransaction":
            return {"transactionId": 7, "idTagInfo": {"status": "Accepted"}}
        case "DataTransfer":
            return {"status": "Accepted"}
        case _:
            return {}
