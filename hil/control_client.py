"""A client of the control socket of bench and bench CSMS: operations, and the event stream (runner)."""

import asyncio
import json
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from hil.errors import StationError

Json = dict[str, Any]

MAX_LINE_BYTES = 16 * 1024 * 1024
ANSWER_LIMIT_S = 5.0
LONGEST_SOCKET_PATH = 100
"""A Unix socket's path has at most 107 bytes; some are left for the name."""


class ControlClient:
    """One connection; `run` must be running for answers and events to arrive."""

    def __init__(
        self, name: str, path: Path, on_event: Callable[[Json], None], answer_limit_s: float = ANSWER_LIMIT_S
    ) -> None:
        self._name = name
        self._path = path
        self._on_event = on_event
        self._waiting: dict[int, asyncio.Future[Json]] = {}
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._last_id = 0
        self._answer_limit_s = answer_limit_s

    async def open(self) -> None:
        """Connect. Raises: OSError."""
        self._reader, self._writer = await asyncio.open_unix_connection(self._path, limit=MAX_LINE_BYTES)

    async def run(self) -> None:
        """Take what the socket says until it closes."""
        assert self._reader is not None  # noqa: S101 - open comes first
        with suppress(ConnectionError):
            while line := await self._reader.readline():
                self._take(json.loads(line))

    async def ask(self, op: str, **fields: Any) -> Json:
        """Carry out one operation. Raises: StationError if it is refused or not answered."""
        assert self._writer is not None  # noqa: S101 - open comes first
        self._last_id += 1
        answer = self._waiting[self._last_id] = asyncio.get_running_loop().create_future()
        self._writer.write(json.dumps({"id": self._last_id, "op": op, **fields}).encode() + b"\n")
        try:
            async with asyncio.timeout(self._answer_limit_s):
                message = await answer
        except TimeoutError:
            raise StationError(f"the {self._name} did not answer {op!r} within {self._answer_limit_s:g} s") from None
        if not message["ok"]:
            raise StationError(f"the {self._name} refused {op!r}: {message['error']}")
        result: Json = message["result"]
        return result

    def close(self) -> None:
        """Hang up."""
        if self._writer is not None:
            self._writer.close()

    def _take(self, message: Json) -> None:
        if "event" in message:
            self._on_event(message)
        elif (answer := self._waiting.pop(message["id"], None)) is not None and not answer.done():
            answer.set_result(message)


def socket_directory(directory: Path) -> Path:
    """Where control sockets can stand: here, or in a new directory if this path is too long for a Unix socket."""
    if len(os.fsencode(directory)) < LONGEST_SOCKET_PATH - len("bench.sock"):
        return directory
    return Path(tempfile.mkdtemp(prefix="pilotline-"))
