"""A whole station as real processes: bench on pseudo-terminals, bench CSMS on a websocket, agent between them.

Each can be ended and started again by itself over what it has stored. Everything is operated through the two control
sockets; a relay stands between agent and back-end, so that the way between them can be cut.
"""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Json = dict[str, Any]

LIMIT_S = 20.0
LINE_LIMIT = 8 * 1024 * 1024
HOST = "127.0.0.1"
BENCH = (sys.executable, "-m", "hil.cli")
AGENT = (sys.executable, "-m", "agent.main")


class ChildProcess:
    """One process of the station; what it says on standard error goes to a file."""

    def __init__(self, command: tuple[str, ...], errors: Path) -> None:
        self._command = command
        self._errors = errors
        self.process: asyncio.subprocess.Process | None = None

    @property
    def running(self) -> bool:
        """True until it has ended."""
        return self.process is not None and self.process.returncode is None

    async def start(self, *, speaks: bool) -> Json:
        """Start it; `speaks`: wait for the JSON line that says it is ready, and give that."""
        with self._errors.open("ab") as errors:
            self.process = await asyncio.create_subprocess_exec(
                *self._command, stdout=asyncio.subprocess.PIPE, stderr=errors, limit=LINE_LIMIT
            )
        if not speaks:
            return {}
        assert self.process.stdout is not None
        async with asyncio.timeout(LIMIT_S):
            line = await self.process.stdout.readline()
        assert line, self.complaints()
        ready: Json = json.loads(line)
        return ready

    async def end(self, number: signal.Signals) -> int:
        """Send a signal and wait for the end; gives the exit code."""
        if self.process is None:
            return 0
        if self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(LIMIT_S):
            return await self.process.wait()

    def complaints(self) -> str:
        """Return the end of what it has said on standard error."""
        return self._errors.read_text("utf-8", "replace")[-4000:]


class ControlClient:
    """One connection to a control socket: requests, and the stream of events."""

    def __init__(self, saw: Callable[[Json], None]) -> None:
        self._saw = saw
        self._answers: dict[int, asyncio.Future[Json]] = {}
        self._number = 0
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    async def open(self, path: Path) -> None:
        """Connect and subscribe."""
        reader, self._writer = await asyncio.open_unix_connection(str(path), limit=LINE_LIMIT)
        self._reading = asyncio.create_task(self._read(reader), name=f"control {path.name}")
        await self.ask("subscribe")

    async def ask(self, operation: str, **fields: Any) -> Json:
        """Carry out one operation. Raises: AssertionError with the refusal."""
        assert self._writer is not None
        self._number += 1
        answer: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._answers[self._number] = answer
        self._writer.write(json.dumps({"id": self._number, "op": operation, **fields}).encode() + b"\n")
        async with asyncio.timeout(LIMIT_S * 2):
            said = await answer
        assert said["ok"], f"{operation}: {said.get('error')}"
        result: Json = said["result"]
        return result

    async def close(self) -> None:
        """Hang up."""
        if self._writer is not None:
            self._writer.close()
        if self._reading is not None:
            self._reading.cancel()
            with suppress(asyncio.CancelledError):
                await self._reading

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with suppress(ConnectionError):
            while line := await reader.readline():
                said = json.loads(line)
                answer = self._answers.pop(said["id"], None) if "id" in said else None
                if answer is not None and not answer.done():
                    answer.set_result(said)
                elif "event" in said:
                    self._saw(said)


class Relay:
    """A TCP relay that can be closed: then nothing gets through and nobody is let in."""

    def __init__(self) -> None:
        self.port = 0
        self._target: tuple[str, int] = (HOST, 0)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self, target_port: int | None = None) -> None:
        """Let everybody through to the target, on the same port as before."""
        if target_port is not None:
            self._target = (HOST, target_port)
        self._server = await asyncio.start_server(self._serve, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Cut every connection and let nobody in."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _serve(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        try:
            far, onward = await asyncio.open_connection(*self._target)
        except OSError:
            back.transport.abort()
            return
        both = {back, onward}
        self._writers |= both
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_pump(near, onward))
                group.create_task(_pump(far, back))
        finally:
            self._writers -= both
            for writer in both:
                writer.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await source.read(65_536):
            sink.write(data)
            await sink.drain()
    sink.close()


@dataclass
class RealStation:
    """The three processes and the ways to operate them."""

    directory: Path
    version: str
    evses: int
    extra_toml: str = ""
    board: str = "rapi"
    """A kind, or a kind and a profile as in "safety:socket"."""
    relay: Relay = field(default_factory=Relay)
    saw_event: Callable[[Json], None] = lambda _event: None
    saw_frame: Callable[[Json], None] = lambda _frame: None

    def __post_init__(self) -> None:
        bench = self.directory / "bench"
        self.config = bench / "agent.toml"
        self._sockets = {"bench": self.directory / "b.sock", "csms": self.directory / "c.sock"}
        self.agent = ChildProcess((*AGENT, "--config", str(self.config), "--bench"), self._errors("agent"))
        state = str(self.directory / "csms.state")
        self.csms_process = ChildProcess(
            (*BENCH, "csms", "--control", str(self._sockets["csms"]), "--state", state), self._errors("csms")
        )
        self.bench_process = ChildProcess((), self._errors("bench"))
        self.bench = ControlClient(self._event)
        self.csms = ControlClient(self._frame)

    def _errors(self, name: str) -> Path:
        return self.directory / f"{name}.log"

    def _event(self, event: Json) -> None:
        self.saw_event(event)

    def _frame(self, frame: Json) -> None:
        self.saw_frame(frame)

    async def open(self) -> None:
        """Start back-end and bench; the agent is started by itself."""
        await self.start_csms()
        command = (*BENCH, "serve", "--evses", str(self.evses), "--dir", str(self.config.parent))
        kind, _, profile = self.board.partition(":")
        board = ("--board", kind, *(("--board-profile", profile) if profile else ()))
        options = ("--control", str(self._sockets["bench"]), "--ocpp", self.version)
        url = ("--csms-url", f"ws://{HOST}:{self.relay.port}/")
        self.bench_process = ChildProcess((*command, *board, *options, *url), self._errors("bench"))
        await self.start_bench()
        drop_ins = self.config.parent / "conf.d"
        drop_ins.mkdir(exist_ok=True)
        (drop_ins / "story.toml").write_text(self.extra_toml)

    async def start_csms(self) -> None:
        """Start the back-end over its ledger, and let the station reach it."""
        ready = await self.csms_process.start(speaks=True)
        await self.csms.open(self._sockets["csms"])
        await self.relay.open(urlsplit(ready["url"]).port)

    async def start_bench(self) -> None:
        """Start the bench over its state."""
        await self.bench_process.start(speaks=True)
        await self.bench.open(self._sockets["bench"])

    async def start_agent(self) -> None:
        """Start the agent over its store."""
        await self.agent.start(speaks=False)

    async def end_bench(self, number: signal.Signals) -> None:
        """End the bench; its state stays."""
        await self.bench.close()
        await self.bench_process.end(number)

    async def end_csms(self, number: signal.Signals) -> None:
        """End the back-end; its ledger stays."""
        await self.relay.cut()
        await self.csms.close()
        await self.csms_process.end(number)

    async def close(self) -> None:
        """End everything that still runs."""
        await self.relay.cut()
        await self.csms.close()
        await self.bench.close()
        for child in (self.agent, self.bench_process, self.csms_process):
            await child.end(signal.SIGKILL)


@asynccontextmanager
async def real_station(
    directory: Path, *, version: str, evses: int = 1, toml: str = "", board: str = "rapi"
) -> AsyncIterator[RealStation]:
    """Run bench and back-end; the agent is not started."""
    station = RealStation(directory, version, evses, toml, board)
    try:
        await station.open()
        yield station
    finally:
        await station.close()
