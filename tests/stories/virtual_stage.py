"""The stage in memory, in virtual time: the real agent, simulated hardware and the bench CSMS in one loop."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from hil.control import Control
from hil.csms.control_operations import Operations
from hil.csms.frames import Frame
from hil.csms.websocket_server import Door
from tests.fakes.virtual_station import VirtualStation, loosely, virtual_station
from tests.stories.stage import Json, Plan


class VirtualStage:
    """Implements `Stage` over `VirtualStation`; an agent that asks for a restart is started again."""

    def __init__(self, station: VirtualStation) -> None:
        self.events: list[Json] = []
        self.frames: list[Json] = []
        self.agent_starts = 0
        self.station = self._station = station
        self.state_dir = station.directory / "state"
        self._control = Control(station.lines.bench)
        self._operations = Operations(station.csms, Door(), asyncio.Event())
        self._news = asyncio.Event()
        self._failure: BaseException | None = None
        self._watch: asyncio.Task[None] | None = None
        station.lines.bench.subscribers.append(self._saw_event)
        station.csms.log.listeners.append(self._saw_frame)

    def _saw_event(self, event: Json) -> None:
        self.events.append(event)
        self._news.set()

    def _saw_frame(self, frame: Frame) -> None:
        self.frames.append(frame.to_json())
        self._news.set()

    async def bench(self, operation: str, **fields: Any) -> Json:
        answer, _ = self._control.handle_line(json.dumps({"id": 1, "op": operation, **fields}).encode())
        assert answer["ok"], answer
        result: Json = answer["result"]
        return result

    async def csms(self, operation: str, **fields: Any) -> Json:
        result = await self._operations.perform(operation, json.loads(json.dumps(fields)))
        assert isinstance(result, dict)
        return result

    async def start_agent(self) -> None:
        await self._station.start()
        self.agent_starts += 1
        self._watch = asyncio.create_task(self._start_again(self._station.restarts), name="supervisor")

    async def _start_again(self, restarts: int) -> None:
        task = self._station._task
        assert task is not None
        await asyncio.wait([task])
        if self._station.restarts > restarts and task.exception() is None:
            self._station.agent = None
            await self.start_agent()
        elif not task.cancelled():
            self._failure = task.exception()
            self._news.set()

    async def stop_agent(self) -> None:
        await self._unwatch()
        await self._station.stop()
        self._station.drop()

    async def kill_agent(self) -> None:
        await self._unwatch()
        await self._station.kill()

    async def _unwatch(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch

    async def restart_bench(self) -> None:
        """The supply of everything goes and comes back: in memory nothing else is lost with a bench."""
        await self.bench("power_cut")
        await self.bench("power_on")

    async def set_reachable(self, *, reachable: bool) -> None:
        self._station.reachable = reachable
        if not reachable:
            self._station.drop()

    async def news(self, timeout_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        self._news.clear()

    async def pass_time(self, seconds: float, *, scaled: bool) -> None:  # noqa: ARG002 - virtual time is free
        await asyncio.sleep(seconds)

    def scaled(self, seconds: float) -> float:
        return seconds

    def now_s(self) -> float:
        return asyncio.get_running_loop().time()

    def check(self) -> None:
        if self._failure is not None:
            raise self._failure

    async def close(self) -> None:
        await self._unwatch()
        self.check()


@asynccontextmanager
async def virtual_stage(plan: Plan, directory: Path) -> AsyncIterator[VirtualStage]:
    """Make the whole stage on the running (virtual) loop."""
    async with virtual_station(
        directory,
        version=plan.version,
        evses=plan.evses,
        board=plan.board,
        extra_toml=plan.link_toml + plan.toml,
        timing=loosely() if plan.hours else None,
        poll_interval_s=10.0 if plan.hours else 1.0,
        started=False,
    ) as station:
        stage = VirtualStage(station)
        try:
            yield stage
        finally:
            await stage.close()
