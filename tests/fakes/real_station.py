"""A whole station as real processes: bench on pseudo-terminals, bench CSMS on a websocket, agent between them.

Each can be ended and started again over what it has stored. Everything is operated through the two control sockets;
the network between agent and back-end can be cut.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hil.background import work_beside
from hil.station_processes import Add, ProcessPlan, StationProcesses

Json = dict[str, Any]

LIMIT_S = 20.0
HASTY_S = 2.0


class RealStation:
    """The three processes and the ways to operate them."""

    def __init__(self, plan: ProcessPlan, add: Add) -> None:
        self.saw_event: Callable[[Json], None] = lambda _event: None
        self.saw_frame: Callable[[Json], None] = lambda _frame: None
        self.directory = plan.directory
        self.processes = StationProcesses(plan, self._event, self._frame)
        self.config = self.processes.config
        self.agent = self.processes.agent
        self.network = self.processes.network
        self.bench = self.processes.bench
        self.csms = self.processes.csms
        self._add = add

    def _event(self, event: Json) -> None:
        self.saw_event(event)

    def _frame(self, frame: Json) -> None:
        self.saw_frame(frame)

    async def start_agent(self) -> None:
        """Start the agent over its store."""
        await self.agent.start()

    async def stop_agent(self) -> int | None:
        """End it by SIGTERM; gives the exit code."""
        return await self.agent.end(LIMIT_S)

    async def restart_bench(self) -> None:
        """Kill the bench and start it over its state."""
        await self.processes.restart_bench(self._add)


@asynccontextmanager
async def real_station(
    directory: Path, *, version: str, evses: int = 1, toml: str = "", board: str = "rapi"
) -> AsyncIterator[RealStation]:
    """Run bench and back-end; the agent is not started. `board`: a kind, or one with its profile: "modbus:NAME"."""
    kind, _, profile = board.partition(":")
    words = ("--evses", str(evses), "--board", kind, *(("--board-profile", profile) if profile else ()))
    state = ("--state", str(directory / "csms.state"))
    plan = ProcessPlan(directory, version, words, state, (("story.toml", toml),))
    async with work_beside() as add:
        station = RealStation(plan, add)
        try:
            await station.processes.open(add)
            yield station
        finally:
            await station.agent.kill()
            await station.processes.end(HASTY_S)
