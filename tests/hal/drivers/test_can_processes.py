"""Drivers on a CAN bus of another process: a safety controller and a power module behind one slcan adapter."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from hal.api import BoardConnected, BoardLost, Fault, FaultRaised, PilotChanged, PilotState, PowerOff, PowerOn
from hal.drivers.infypower import InfypowerModules, InfypowerSettings
from hal.drivers.safety_board import SafetyBoard
from hal.drivers.safety_can_line import FILTER, CanSafetyLine
from hal.power_module import PowerModuleConnected, VoltageCurrentMeasured
from hal.transports.can_line import CanSettings
from hal.transports.can_port import CanPort

_E = TypeVar("_E")
PATIENCE_S = 30.0
FAR_SIDE = "tests.hal.drivers.can_far_side"


@dataclass
class Station:
    """Both drivers on one port; `events` is what they told."""

    far: asyncio.subprocess.Process
    port: CanPort
    board: SafetyBoard
    module: InfypowerModules
    events: list[object] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def emit(self, event: object) -> None:
        self.events.append(event)
        self.changed.set()

    async def expect(self, kind: type[_E], match: Callable[[_E], bool] = lambda _e: True, since: int = 0) -> _E:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for event in self.events[since:]:
                    if isinstance(event, kind) and match(event):
                        return event
                self.changed.clear()
                await self.changed.wait()

    def tell(self, order: str) -> None:
        assert self.far.stdin is not None
        self.far.stdin.write(order.encode() + b"\n")

    async def state(self) -> dict[str, Any]:
        assert self.far.stdout is not None
        self.tell("state")
        async with asyncio.timeout(PATIENCE_S):
            state: dict[str, Any] = json.loads(await self.far.stdout.readline())
            return state

    async def charging(self) -> int:
        await self.expect(BoardConnected)
        self.board.offer_current(16.0)
        self.board.permit_power(now() + 3600.0)
        self.tell("C")
        await self.expect(PowerOn)
        return len(self.events)


def now() -> float:
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def station(directory: Path) -> AsyncIterator[Station]:
    path = directory / "can"
    pipe = asyncio.subprocess.PIPE
    far = await asyncio.create_subprocess_exec(sys.executable, "-m", FAR_SIDE, str(path), stdin=pipe, stdout=pipe)
    assert far.stdin is not None
    assert far.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        assert await far.stdout.readline() == b"ready\n"
    port = CanPort(CanSettings("slcan", str(path), 125_000))
    settings = InfypowerSettings()
    board = SafetyBoard(CanSafetyLine(port.line(FILTER)))
    made = Station(far, port, board, InfypowerModules(port.line(settings.filter), settings))
    tasks = [asyncio.create_task(made.board.run(made.emit)), asyncio.create_task(made.module.run(made.emit))]
    try:
        yield made
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        far.stdin.close()
        await far.wait()


async def test_a_safety_controller_charges_a_car_over_can(tmp_path: Path) -> None:
    async with station(tmp_path) as made:
        since = await made.charging()
        assert (await made.state())["closed"] is True
        made.tell("B")
        assert (await made.expect(PilotChanged, since=since)).state is PilotState.B
        await made.expect(PowerOff, since=since)
        assert (await made.state())["board"]["bad_frames"] == 0


async def test_a_power_module_beside_it_on_the_same_bus_delivers(tmp_path: Path) -> None:
    async with station(tmp_path) as made:
        await made.expect(PowerModuleConnected)
        made.module.permit_output(now() + 30.0)
        made.module.set_output(400.0, 20.0)
        await made.expect(VoltageCurrentMeasured, lambda event: event.current_a > 19.9)
        await made.charging()
        assert await made.module.switch_off()
        state = await made.state()
        assert not state["module"]["on"]
        assert state["closed"] is True


async def test_a_bus_away_for_three_seconds_is_no_fault_of_the_board(tmp_path: Path) -> None:
    async with station(tmp_path) as made:
        since = await made.charging()
        made.tell("pull")
        await asyncio.sleep(3.0)
        made.tell("plug")
        await made.expect(PowerOn, since=since)
        assert not [event for event in made.events[since:] if isinstance(event, FaultRaised | BoardLost)]
        assert PilotState.A not in [event.state for event in made.events[since:] if isinstance(event, PilotChanged)]


@pytest.mark.slow
async def test_a_bus_away_for_thirty_seconds_costs_no_processor_time_and_comes_back(tmp_path: Path) -> None:
    async with station(tmp_path) as made:
        since = await made.charging()
        made.tell("pull")
        used_s = time.process_time()
        await asyncio.sleep(30.0)
        assert time.process_time() - used_s < 1.0
        faults = [event.fault for event in made.events[since:] if isinstance(event, FaultRaised)]
        assert faults == [Fault.BOARD_SILENT]
        made.tell("plug")
        await made.expect(BoardConnected, since=since)
        await made.expect(PowerModuleConnected, since=since)
        assert (await made.state())["closed"] is False
