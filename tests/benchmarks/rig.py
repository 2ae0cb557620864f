"""A station to measure: bench process, agent process, back-end in this process, all over real lines (runner)."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.bench_process import BenchProcess
from tests.benchmarks.fast_csms import LIMIT_S, FastCsms
from tests.benchmarks.processes import ROOT, Measured, agent_command, bare_command

EVSES = 2
BUILD = ROOT / "build"
COMPLAINT_CHARS = 4000
SETTLE_S = 2.0
BOOT = "BootNotification"


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for."""

    quick: bool = False
    tiny: bool = False
    """Sizes that prove that a benchmark runs, and nothing else."""
    profile: bool = False
    versions: tuple[str, ...] = ("1.6", "2.0.1")

    def profile_file(self, what: str, version: str) -> Path | None:
        """Where the agent's profile goes, if one is wanted: a profiled agent is slower."""
        return BUILD / f"bench-{what}-{version}.prof" if self.profile else None

    def size(self, whole: int, quick: int, tiny: int = 1) -> int:
        """Choose a number of repetitions."""
        return tiny if self.tiny else quick if self.quick else whole


@dataclass
class Station:
    """The running pieces."""

    bench: BenchProcess
    csms: FastCsms
    directory: Path
    version: str
    board: str = "rapi"
    agent: Measured | None = field(default=None)

    @property
    def state_directory(self) -> Path:
        """Where the agent's database lies."""
        return self.directory / "state"

    async def start(self, profile: Path | None = None) -> float:
        """Start the agent; returns when its BootNotification came, s after the process was made."""
        booted = self.csms.expect(lambda action, _: action == BOOT)
        self.agent = Measured.start(agent_command(self.directory / "agent.toml", profile), self.directory / "agent.log")
        return await _first(booted, self.agent)

    async def start_settled(self, profile: Path | None = None) -> None:
        """Start the agent and let it have told all that a start tells."""
        await self.start(profile)
        await asyncio.sleep(SETTLE_S)

    def running(self) -> Measured:
        """The agent's process. Raises: ChildProcessError if it ended."""
        if self.agent is None:
            raise ChildProcessError("the agent was not started")
        self.agent.check_alive()
        return self.agent

    def expect_status(self, evse: int, wanted: str) -> "asyncio.Task[tuple[float, dict[str, Any]]]":
        """Listen from now on for this status of an EVSE's connector."""
        return self.csms.expect(lambda action, payload: _tells(action, payload, evse, wanted))

    def complain(self) -> None:
        """Show the end of the agent's log."""
        log = self.directory / "agent.log"
        if log.exists():
            sys.stderr.write(log.read_text("utf-8", "replace")[-COMPLAINT_CHARS:])

    def end(self) -> None:
        """End the agent in order; kill it if it does not."""
        if self.agent is not None:
            self.agent.stop()
            self.agent = None


@asynccontextmanager
async def station(
    version: str,
    more_toml: str = "",
    replaced: dict[str, str] | None = None,
    *,
    evses: int = EVSES,
    board: str = "rapi",
) -> AsyncIterator[Station]:
    """Serve bench and back-end; the agent is not started yet. `replaced`: text in agent.toml."""
    with tempfile.TemporaryDirectory(prefix="pilotline-bench-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        async with FastCsms(version) as csms, BenchProcess(directory, evses, csms.url, version, board) as bench:
            config = directory / "agent.toml"
            text = config.read_text("utf-8")
            for old, new in (replaced or {}).items():
                text = text.replace(old, new)
            config.write_text(text, "utf-8")
            (directory / "conf.d").mkdir()
            (directory / "conf.d" / "benchmark.toml").write_text(more_toml, "utf-8")
            made = Station(bench, csms, directory, version, board)
            try:
                yield made
            except BaseException:
                made.complain()
                raise
            finally:
                if made.agent is not None:
                    made.agent.kill()


async def start_bare(csms: FastCsms, messages: int = 0) -> tuple[Measured, float]:
    """Start the bare client; returns it and when its BootNotification came, s after the process was made."""
    booted = csms.expect(lambda action, _: action == BOOT)
    client = Measured.start(bare_command(csms.version, csms.url, messages))
    return client, await _first(booted, client)


async def _first(booted: "asyncio.Task[tuple[float, dict[str, Any]]]", process: Measured) -> float:
    """Wait for the boot, looking now and then whether the process still lives."""
    for _ in range(int(LIMIT_S)):
        done, _ = await asyncio.wait([booted], timeout=1.0)
        if done:
            return booted.result()[0] - process.began_s
        try:
            process.check_alive()
        except ChildProcessError:
            booted.cancel()
            raise
    booted.cancel()
    raise TimeoutError("no BootNotification came")


def _tells(action: str, payload: dict[str, Any], evse: int, wanted: str) -> bool:
    if action != "StatusNotification":
        return False
    number = payload.get("evseId", payload.get("connectorId"))
    return number == evse and payload.get("connectorStatus", payload.get("status")) == wanted
