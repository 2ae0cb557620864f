"""Runner: the control socket: JSON lines over a Unix socket, in the shape that the whole bench uses.

`{"id": 7, "op": "send", …}` is answered by `{"id": 7, "ok": true, "result": …}`, or with `"ok": false, "error": "…"`.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hil.csms.control_operations import OperationError, Operations
from hil.csms.frames import Frame

MAX_LINE_BYTES = 4 * 1024 * 1024
MAX_WAITING_BYTES = 64 * 1024 * 1024
CLOSE_TIMEOUT_S = 2.0


@asynccontextmanager
async def serve_control(operations: Operations, path: Path) -> AsyncIterator[None]:
    """Serve while the context is open; the socket file is made anew and removed at the end."""
    clients = _Clients(operations)
    _remove(path)
    server = await asyncio.start_unix_server(clients.connected, path, limit=MAX_LINE_BYTES)
    try:
        yield
    finally:
        server.close()
        await clients.stop()
        _remove(path)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


class _Clients:
    """All clients; a plain callback rather than a coroutine, for asyncio logs a cancelled one as an error."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._tasks: dict[_Client, asyncio.Task[None]] = {}
        self._stopping = False

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = _Client(self._operations, reader, writer)
        if self._stopping:
            client.abort()
            return
        task = asyncio.get_running_loop().create_task(client.run())
        self._tasks[client] = task
        task.add_done_callback(lambda _: self._tasks.pop(client))

    async def stop(self) -> None:
        """Let written answers out; a client that does not read is cut."""
        self._stopping = True
        for client in tuple(self._tasks):
            client.stop()
        if self._tasks:
            await asyncio.wait(tuple(self._tasks.values()), timeout=CLOSE_TIMEOUT_S)
        for client, task in tuple(self._tasks.items()):
            client.abort()
            await asyncio.wait((task,))


class _Client:
    """One client: requests run side by side, so a waiting `send` blocks nothing; they start in the order given."""

    def __init__(self, operations: Operations, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._operations = operations
        self._reader = reader
        self._writer = writer
        self._subscribed = False
        self._requests: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until the client has closed and its last request is answered."""
        try:
            async with asyncio.TaskGroup() as group:
                while line := await self._line():
                    request = group.create_task(self._serve(line))
                    self._requests.add(request)
                    request.add_done_callback(self._requests.discard)
        finally:
            self._unsubscribe()
            self._writer.close()

    def stop(self) -> None:
        """Give up what is still being waited for, and close once written answers are out."""
        for request in self._requests:
            request.cancel()
        self._writer.close()

    def abort(self) -> None:
        """Close without waiting for a client that does not read."""
        self._writer.transport.abort()

    async def _line(self) -> bytes:
        try:
            return await self._reader.readline()
        except (ValueError, ConnectionError):
            return b""

    async def _serve(self, line: bytes) -> None:
        request_id: object = None
        try:
            request = json.loads(line)
            if not isinstance(request, dict) or not isinstance(request.get("op"), str):
                raise OperationError("a request is an object with `op`")  # noqa: TRY301 - one place answers
            request_id = request.pop("id", None)
            answer: dict[str, Any] = {"ok": True, "result": await self._perform(request.pop("op"), request)}
        except (ValueError, RecursionError) as error:
            answer = {"ok": False, "error": f"not JSON: {error}"}
        except OperationError as error:
            answer = {"ok": False, "error": str(error)}
        self._write({"id": request_id, **answer})

    async def _perform(self, operation: str, fields: dict[str, Any]) -> object:
        if operation == "subscribe":
            if not self._subscribed:
                self._subscribed = True
                self._operations.csms.log.listeners.append(self._show)
            return {}
        return await self._operations.perform(operation, fields)

    def _show(self, frame: Frame) -> None:
        event = frame.to_json()
        name = "frame" if frame.direction != "-" else frame.kind
        self._write({"event": name, **event})

    def _unsubscribe(self) -> None:
        if self._subscribed:
            self._subscribed = False
            self._operations.csms.log.listeners.remove(self._show)

    def _write(self, answer: dict[str, Any]) -> None:
        if self._writer.is_closing():
            self._unsubscribe()
            return
        if self._writer.transport.get_write_buffer_size() > MAX_WAITING_BYTES:
            self._writer.transport.abort()
            return
        self._writer.write(json.dumps(answer, separators=(",", ":"), default=str).encode() + b"\n")
