"""The stage of real processes, in real time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from tests.fakes.real_station import RealStation, real_station
from tests.stories.stage import Json, Plan

SCALED_S = 3.0
"""The longest that scaled time takes here."""


class RealStage:
    """Implements `Stage` over `RealStation`."""

    def __init__(self, station: RealStation) -> None:
        self.events: list[Json] = []
        self.frames: list[Json] = []
        self.agent_starts = 0
        self._station = station
        self.state_dir = station.config.parent / "state"
        self._news = asyncio.Event()
        self._wanted = False
        station.saw_event, station.saw_frame = self._saw_event, self._saw_frame

    def _saw_event(self, event: Json) -> None:
        self.events.append(event)
        self._news.set()

    def _saw_frame(self, frame: Json) -> None:
        self.frames.append(frame)
        self._news.set()

    async def bench(self, operation: str, **fields: Any) -> Json:
        return await self._station.bench.ask(operation, **fields)

    async def csms(self, operation: str, **fields: Any) -> Json:
        return await self._station.csms.ask(operation, **fields)

    async def start_agent(self) -> None:
        await self._station.start_agent()
        self.agent_starts += 1
        self._wanted = True

    async def stop_agent(self) -> None:
        self._wanted = False
        code = await self._station.stop_agent()
        assert code == 0, self._station.agent.complaints()

    async def kill_agent(self) -> None:
        self._wanted = False
        await self._station.agent.kill()

    async def restart_bench(self) -> None:
        await self._station.restart_bench()

    async def set_reachable(self, *, reachable: bool) -> None:
        if reachable:
            self._station.network.restore()
        else:
            self._station.network.cut()

    async def news(self, timeout_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        self._news.clear()

    async def pass_time(self, seconds: float, *, scaled: bool) -> None:
        await asyncio.sleep(self.scaled(seconds) if scaled else seconds)

    def scaled(self, seconds: float) -> float:
        return min(seconds, SCALED_S)

    def now_s(self) -> float:
        return asyncio.get_running_loop().time()

    def check(self) -> None:
        if self._wanted and not self._station.agent.running:
            raise AssertionError(f"the agent has ended by itself:\n{self._station.agent.complaints()}")


@asynccontextmanager
async def real_stage(plan: Plan, directory: Path) -> AsyncIterator[RealStage]:
    """Run bench and back-end as processes; the agent is not started."""
    toml = plan.link_toml + plan.toml
    async with real_station(directory, version=plan.version, evses=plan.evses, toml=toml, board=plan.board) as station:
        stage = RealStage(station)
        yield stage
        stage.check()
