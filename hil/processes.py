"""Processes of a bench, each in a group of its own so that Ctrl-C reaches them in order (runner)."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from hil.errors import StationError

READY_LIMIT_S = 40.0
KILL_LIMIT_S = 5.0
LAST_LINE_BYTES = 4096


class ChildProcess:
    """One `python -m …`; what it prints goes to its log, but for the line that says it is ready."""

    def __init__(self, name: str, words: Sequence[str], log: Path) -> None:
        self.name = name
        self.log = log
        self._words = words
        self._process: asyncio.subprocess.Process | None = None
        self.was_ended = False
        """True once it was told to end."""

    @property
    def pid(self) -> int | None:
        """Process id once started."""
        return None if self._process is None else self._process.pid

    @property
    def running(self) -> bool:
        """True from the start until it has ended."""
        return self._process is not None and self._process.returncode is None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it; nothing happens once it has ended."""
        if self._process is not None:
            _signal(self._process, number)

    async def start(self) -> None:
        """Start it, everything into the log. Raises: OSError."""
        with self.log.open("ab") as log:
            await self._start(log, log)

    async def start_until_ready(self) -> dict[str, Any]:
        """Start it and give the JSON line that says it is ready. Raises: OSError, StationError."""
        with self.log.open("ab") as log:
            await self._start(log, asyncio.subprocess.PIPE)
        assert self._process is not None  # noqa: S101 - started above
        assert self._process.stdout is not None  # noqa: S101 - a pipe
        try:
            async with asyncio.timeout(READY_LIMIT_S):
                line = await self._process.stdout.readline()
        except TimeoutError:
            raise StationError(f"the {self.name} was not ready within {READY_LIMIT_S:g} s") from None
        if not line:
            raise await self.ended()
        ready: dict[str, Any] = json.loads(line)
        return ready

    async def ended(self) -> StationError:
        """Wait until it ends by itself; gives the sentence that says so."""
        assert self._process is not None  # noqa: S101 - only of started ones
        code = await self._process.wait()
        last = last_line(self.log)
        return StationError(f"the {self.name} ended unexpectedly with exit code {code}" + (f": {last}" if last else ""))

    async def kill(self) -> None:
        """End it at once, as a crash does."""
        self.was_ended = True
        self.signal(signal.SIGKILL)
        if self._process is not None:
            await self._process.wait()

    def complaints(self) -> str:
        """Return the end of what it has said."""
        return self.log.read_text("utf-8", "replace")[-LAST_LINE_BYTES:]

    async def end(self, limit_s: float = KILL_LIMIT_S) -> int | None:
        """SIGTERM, after `limit_s` SIGKILL; gives the exit code, negative for a signal, None if never started."""
        process = self._process
        if process is None:
            return None
        self.was_ended = True
        _signal(process, signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                return await process.wait()
        _signal(process, signal.SIGKILL)
        return await process.wait()

    async def _start(self, log: IO[bytes], output: IO[bytes] | int) -> None:
        self.was_ended = False
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *self._words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=log,
            start_new_session=True,
        )


def last_line(log: Path) -> str:
    """Last line of a log that says something, without the frame of a traceback; empty if there is none."""
    with suppress(OSError), log.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - LAST_LINE_BYTES))
        lines = [line.strip(" |+-") for line in file.read().decode(errors="replace").splitlines()]
        return next((line for line in reversed(lines) if line), "")
    return ""


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    # Only while asyncio has not reaped it: the number of a group is free for others afterwards.
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
