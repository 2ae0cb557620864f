"""Bench, back-end and agent as processes of their own, the network between them, and the control sockets (runner)."""

import shutil
import signal
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hil.agent_toml import BENCH_PASSWORD
from hil.control_client import ControlClient, Json, socket_directory
from hil.network import Network
from hil.processes import ChildProcess

Add = Callable[[Coroutine[Any, Any, None]], object]
"""Runs work beside everything else until the owner cancels it; what it raises ends the owner's work."""
CSMS_ANSWER_LIMIT_S = 60.0
"""A back-end's `send` waits for the station."""
CLEAN_EXITS = {0, None, -signal.SIGTERM}
"""As systemd counts them; the last is one that had not come to its handler yet."""


@dataclass(frozen=True, slots=True)
class ProcessPlan:
    """What the processes are started with."""

    directory: Path
    version: str
    """OCPP version."""
    serve_words: tuple[str, ...] = ()
    """Further options of `pilotline-bench serve`."""
    csms_words: tuple[str, ...] = ()
    """Further options of `pilotline-bench csms`."""
    drop_ins: tuple[tuple[str, str], ...] = ()
    """Further configuration of the agent: file names and TOML."""


class StationProcesses:
    """`open` starts bench and back-end, `agent` is started by the owner; `end` in any case."""

    def __init__(self, plan: ProcessPlan, on_event: Callable[[Json], None], on_frame: Callable[[Json], None]) -> None:
        self.plan = plan
        self.network = Network()
        self.sockets = socket_directory(plan.directory)
        self.bench = ControlClient("bench", self.sockets / "bench.sock", on_event)
        self.csms = ControlClient("back-end", self.sockets / "csms.sock", on_frame, CSMS_ANSWER_LIMIT_S)
        self.config = plan.directory / "bench" / "agent.toml"
        self.agent = self._process("agent", ["agent.main", "--config", str(self.config), "--bench"])
        self._bench = self._process("bench", [])
        self._started: list[ChildProcess] = []

    async def open(self, add: Add) -> None:
        """Start bench and back-end and join their control sockets. Raises: StationError, OSError."""
        station_url = await self.network.open()
        csms = self._process("back-end", ["hil.cli", "csms", *self._csms_words()])
        ready = await self._start(csms, add)
        self.network.reach(ready["url"])
        await _join(self.csms, add)
        words = ["--dir", str(self.config.parent), "--control", str(self.sockets / "bench.sock")]
        words += ["--csms-url", station_url, "--ocpp", self.plan.version, *self.plan.serve_words]
        self._bench = self._process("bench", ["hil.cli", "serve", *words])
        await self._start(self._bench, add)
        await _join(self.bench, add)
        self._write_drop_ins()

    async def restart_bench(self, add: Add) -> None:
        """Kill the bench and start it over its state; not before `open`. Raises: StationError, OSError."""
        self.bench.close()
        await self._bench.kill()
        self._started.remove(self._bench)
        await self._start(self._bench, add)
        await _join(self.bench, add)

    async def end(self, limit_s: float) -> list[str]:
        """End everything, the agent first, each within `limit_s`; gives what went wrong, in sentences."""
        self.bench.close()
        self.csms.close()
        problems = []
        for process in (self.agent, *reversed(self._started)):
            was_killed = process.was_ended and not process.running
            code = await process.end(limit_s)
            if not was_killed and code not in CLEAN_EXITS:
                problems.append(f"the {process.name} ended with exit code {code}")
        await self.network.close()
        if self.sockets != self.plan.directory:
            shutil.rmtree(self.sockets, ignore_errors=True)
        return problems

    def _csms_words(self) -> list[str]:
        directory, version = self.plan.directory, self.plan.version
        words = ["--control", str(self.sockets / "csms.sock"), "--log", str(directory / "ocpp.log")]
        words += ["--versions", version, *self.plan.csms_words]
        if version == "1.6":
            return words
        password_file = directory / "password"
        password_file.write_text(BENCH_PASSWORD + "\n", "utf-8")
        return [*words, "--password-file", str(password_file)]

    async def _start(self, process: ChildProcess, add: Add) -> Json:
        self._started.append(process)
        ready = await process.start_until_ready()
        add(fail_when_ended(process))
        return ready

    def _process(self, name: str, words: list[str]) -> ChildProcess:
        return ChildProcess(name, words, self.plan.directory / f"{name}.log")

    def _write_drop_ins(self) -> None:
        directory = self.config.parent / "conf.d"
        directory.mkdir(exist_ok=True)
        for name, text in self.plan.drop_ins:
            (directory / name).write_text(text, "utf-8")


async def fail_when_ended(process: ChildProcess) -> None:
    """Wait for an end that nobody ordered. Raises: StationError."""
    error = await process.ended()
    if not process.was_ended:
        raise error


async def _join(client: ControlClient, add: Add) -> None:
    await client.open()
    add(client.run())
    await client.ask("subscribe")
