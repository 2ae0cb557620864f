"""A driver and the behaving board of the bench, joined by a line in memory, for tests in virtual time."""

import asyncio
import functools
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hal.api import BoardConnected, BoardEvent, OfferConfirmed, PortError, PowerOn
from hal.drivers.openevse import OpenEvseBoard
from hal.transports.memory_port import MemoryPort, memory_pipe
from hil.devices.openevse_board import OpenEvseBoard as SimulatedBoard
from hil.devices.openevse_board_values import BoardModel, Eeprom
from hil.devices.vehicle import Vehicle, VehicleModel
from hil.virtual_time import run_virtual
from hil.world import EvseWorld

_E = TypeVar("_E")
PATIENCE_S = 400.0


@dataclass
class Bench:
    """One EVSE: `driver` talks to `board` over `line`; `events` is what the driver told."""

    world: EvseWorld
    board: SimulatedBoard
    car: Vehicle
    line: MemoryPort
    far: MemoryPort
    driver: OpenEvseBoard
    heard: list[dict[str, Any]]
    events: list[BoardEvent] = field(default_factory=list)
    react: Callable[[BoardEvent], None] = lambda _event: None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    group: asyncio.TaskGroup = field(default_factory=asyncio.TaskGroup)
    running: asyncio.Task[None] | None = None

    def start_driver(self, driver: OpenEvseBoard) -> None:
        self.driver = driver
        self.running = self.group.create_task(driver.run(self.emit))

    def kill_driver(self) -> None:
        if self.running is not None:
            self.running.cancel()

    def emit(self, event: BoardEvent) -> None:
        self.events.append(event)
        self.react(event)
        self.changed.set()

    def commands(self, since: int = 0) -> list[str]:
        return [heard["text"].split(" :")[0] for heard in self.heard[since:]]

    async def expect(self, kind: type[_E], match: Callable[[_E], bool] = lambda _e: True, since: int = 0) -> _E:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for event in self.events[since:]:
                    if isinstance(event, kind) and match(event):
                        return event
                self.changed.clear()
                await self.changed.wait()

    async def connected(self) -> BoardConnected:
        return await self.expect(BoardConnected)

    async def pump(self) -> None:
        while True:
            with suppress(PortError):
                await self.far.open()
                while True:
                    self.board.receive(await self.far.read())
            await asyncio.sleep(0.05)

    async def heard_command(self, text: str, since: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while text not in self.commands(since):
                self.changed.clear()
                await self.changed.wait()

    async def charge(self, current_a: float = 16.0, until_s: float = 3600.0) -> None:
        """Plug in a car that asks at once, and let it."""
        self.driver.offer_current(current_a)
        self.driver.permit_power(now() + until_s)
        self.car.plug_in(VehicleModel())


async def charging(made: Bench, current_a: float = 16.0) -> int:
    """Let a car charge; returns how many events came until then."""
    await made.connected()
    await made.charge(current_a)
    await made.expect(PowerOn)
    await made.expect(OfferConfirmed, lambda event: event.offered_current_a == current_a)
    return len(made.events)


def now() -> float:
    return asyncio.get_running_loop().time()


def _output(far: MemoryPort) -> Callable[[bytes], None]:
    def send(data: bytes) -> None:
        with suppress(PortError):
            far.write(data)

    return send


@asynccontextmanager
async def bench(eeprom: Eeprom | None = None, model: BoardModel | None = None, **settings: Any) -> AsyncIterator[Bench]:
    loop = asyncio.get_running_loop()
    world = EvseWorld(loop)
    heard: list[dict[str, Any]] = []

    def note(event: str, fields: dict[str, Any]) -> None:
        if event == "command":
            heard.append(fields)
            made.changed.set()

    board = SimulatedBoard(world, note, model, eeprom)
    line, far = memory_pipe()
    board.output = _output(far)
    made = Bench(world, board, Vehicle(world), line, far, OpenEvseBoard(line, **settings), heard)
    board.power_on()
    async with made.group:
        pump = made.group.create_task(made.pump())
        await asyncio.sleep(4.0)
        made.start_driver(made.driver)
        yield made
        pump.cancel()
        made.kill_driver()


def virtual(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an async test in virtual time."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        run_virtual(test(*args, **kwargs))

    del run.__wrapped__  # pytest would take the test for a coroutine
    run.__signature__ = inspect.signature(test)  # type: ignore[attr-defined]  # pytest reads parameters there
    return run
