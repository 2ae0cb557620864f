"""A client of the control socket of bench and bench CSMS: operations, and the event stream (runner)."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hil.demo.errors import DemoError

Json = dict[str, Any]

MAX_LINE_BYTES = 16 * 1024 * 1024
ANSWER_LIMIT_S = 5.0


class ControlClient:
    """One connection; `run` must be running for answers and events to arrive."""

    def __init__(self, name: str, path: Path, on_event: Callable[[Json], None]) -> None:
        self._name = name
        self._path = path
        self._on_event = on_event
        self._waiting: dict[int, asyncio.Future[Json]] = {}
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._last_id = 0

    async def open(self) -> None:
        """Connect. Raises: OSError."""
        self._reader, self._writer = await asyncio.open_unix_connection(self._path, limit=MAX_LINE_BYTES)

    async def run(self) -> None:
        """Take what the socket says until it closes."""
        assert self._reader is not None  # noqa: S101 - open comes first
        while line := await self._reader.readline():
            message = json.loads(line)
            if "event" in message:
                self._on_event(message)
            elif (answer := self._waiting.pop(message["id"], None)) is not None and not answer.done():
                answer.set_result(message)

    async def ask(self, op: str, **fields: Any) -> Json:
        """Carry out one operation. Raises: DemoError if it is refused or not answered."""
        assert self._writer is not None  # noqa: S101 - open comes first
        self._last_id += 1
        answer = self._waiting[self._last_id] = asyncio.get_running_loop().create_future()
        self._writer.write(json.dumps({"id": self._last_id, "op": op, **fields}).encode() + b"\n")
        try:
            async with asyncio.timeout(ANSWER_LIMIT_S):
                message = await answer
        except TimeoutError:
            raise DemoError(f"the {self._name} did not answer {op!r} within {ANSWER_LIMIT_S:g} s") from None
        if not message["ok"]:
            raise DemoError(f"the {self._name} refused {op!r}: {message['error']}")
        result: Json = message["result"]
        return result

    def close(self) -> None:
        """Hang up."""
        if self._writer is not None:
            self._writer.close()
