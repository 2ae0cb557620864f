"""The real `pilotline-bench serve` process: its control socket and its event stream (runner)."""

import asyncio
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

LIMIT_S = 30.0
UNKNOWN_STATE = "00"
Event = dict[str, Any]


class BenchProcess:
    """Simulated hardware in a process of its own; every event so far stands in `events`."""

    def __init__(self, directory: Path, evses: int, url: str, version: str, board: str = "rapi") -> None:
        self.directory = directory
        self.evses = range(1, evses + 1)
        self.events: list[Event] = []
        self._options = ["--evses", str(evses), "--dir", str(directory), "--csms-url", url, "--ocpp", version]
        self._options += ["--board", board]
        self._process: asyncio.subprocess.Process | None = None
        self._answers: asyncio.Queue[Event] = asyncio.Queue()
        self._more = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hil.cli", "serve"), *self._options, stdout=asyncio.subprocess.PIPE
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(LIMIT_S):
            ready = json.loads(await self._process.stdout.readline())
            reader, self._writer = await asyncio.open_unix_connection(ready["control"])
        self._reading = asyncio.create_task(self._read(reader))
        await self.operate("subscribe")
        await self.boards_booted(-1)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._reading is not None:
            self._reading.cancel()
        if self._writer is not None:
            self._writer.close()
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.terminate()
            await self._process.wait()

    async def operate(self, op: str, **fields: Any) -> Event:
        """Carry out one operation. Raises: ValueError if the bench refuses."""
        assert self._writer is not None
        self._writer.write(json.dumps({"id": op, "op": op, **fields}).encode() + b"\n")
        async with asyncio.timeout(LIMIT_S):
            answer = await self._answers.get()
        if not answer["ok"]:
            raise ValueError(f"{op}: {answer['error']}")
        result: Event = answer["result"]
        return result

    async def now_s(self) -> float:
        """The bench's clock, which is the kernel's monotonic one."""
        return float((await self.operate("ping"))["t"])

    async def seen(self, wanted: Callable[[Event], bool], after_s: float, limit_s: float = LIMIT_S) -> Event:
        """Wait for the first event later than `after_s` that is wanted. Raises: TimeoutError."""
        checked = 0
        async with asyncio.timeout(limit_s):
            while True:
                for event in self.events[checked:]:
                    if event["t"] > after_s and wanted(event):
                        return event
                checked = len(self.events)
                self._more.clear()
                await self._more.wait()

    async def boards_booted(self, after_s: float) -> None:
        """Wait until every board told its pilot, 0.3 s after its self-test; at first, until none says anything new."""
        if after_s < 0:
            await asyncio.sleep(3.0)
            return
        for number in self.evses:
            await self.seen(lambda event, evse=number: _tells_pilot(event, evse), after_s)  # type: ignore[misc]  # a default

    async def power_cycle(self) -> None:
        """Take the supply from every board and give it back."""
        began_s = await self.now_s()
        await self.operate("power_cut")
        await self.operate("power_on")
        await self.boards_booted(began_s)
        self.events.clear()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            message = json.loads(line)
            if "event" in message:
                self.events.append(message)
                self._more.set()
            else:
                self._answers.put_nowait(message)


def is_command(event: Event, evse: int, *names: str) -> bool:
    """Tell whether the board of this EVSE got one of these commands."""
    return event["event"] == "command" and event.get("evse") == evse and event["name"] in names


def is_reply(event: Event, evse: int) -> bool:
    """Tell whether the board of this EVSE answered."""
    return event["event"] == "reply" and event.get("evse") == evse


def _tells_pilot(event: Event, evse: int) -> bool:
    if event["event"] != "message" or event.get("evse") != evse:
        return False
    name, state, *_ = str(event["text"]).split()
    return name == "AT" and state != UNKNOWN_STATE
