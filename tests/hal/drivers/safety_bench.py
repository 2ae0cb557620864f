"""The safety controller's driver and the behaving board of the bench, joined by a line in memory, in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from hal.api import BoardConnected, BoardEvent, Fault, FaultCleared, FaultRaised, PilotState, PortError, PowerOn
from hal.codecs.safety_frame import SafetyFrameDecoder
from hal.codecs.safety_values import ChargeControl, Com
from hal.drivers.safety_board import SafetyBoard
from hal.drivers.safety_line import SerialSafetyLine
from hal.drivers.safety_steering import SafetySettings
from hal.transports.memory_port import MemoryPort, memory_pipe
from hil.devices.safety_board import SafetyBoard as SimulatedBoard
from hil.devices.safety_board_values import SafetyBoardModel
from hil.world import EvseWorld, PilotLoad, Wiring

_E = TypeVar("_E")
PATIENCE_S = 60.0


@dataclass
class Bench:
    """One EVSE: `driver` talks to `board` over `line`; `events` is what the driver told, `seen` what the bench saw."""

    world: EvseWorld
    board: SimulatedBoard
    line: MemoryPort
    far: MemoryPort
    frames: SerialSafetyLine
    driver: SafetyBoard
    events: list[BoardEvent] = field(default_factory=list)
    seen: list[tuple[float, str, dict[str, Any]]] = field(default_factory=list)
    controls: list[tuple[float, ChargeControl]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    running: "asyncio.Task[None] | None" = None
    _decoder: SafetyFrameDecoder = field(default_factory=SafetyFrameDecoder)

    def start(self) -> None:
        self.running = asyncio.create_task(self.driver.run(self.emit), name="driver")

    async def kill(self) -> None:
        assert self.running is not None
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)
        self.running = None

    async def restart_driver(self, settings: SafetySettings | None = None) -> None:
        """Begin anew as the next process does."""
        self.events.clear()
        self.driver = SafetyBoard(self.frames, settings)
        self.start()

    def emit(self, event: BoardEvent) -> None:
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

    async def connected(self) -> BoardConnected:
        return await self.expect(BoardConnected)

    async def charging(self, current_a: float = 16.0) -> int:
        """Let a car charge; returns how many events came until then."""
        await self.connected()
        self.driver.offer_current(current_a)
        self.driver.permit_power(now() + 3600.0)
        self.car(PilotLoad.C)
        await self.expect(PowerOn)
        await asyncio.sleep(1.0)
        return len(self.events)

    def car(self, load: PilotLoad) -> None:
        self.world.change(load=load)

    def wire(self, wiring: Wiring, *, present: bool = True) -> None:
        self.world.set_wiring(wiring, present=present)

    def surround(self, **fields: Any) -> None:
        self.world.change(surroundings=replace(self.world.surroundings, **fields))

    async def pump(self) -> None:
        while True:
            with suppress(PortError):
                await self.far.open()
                while True:
                    data = await self.far.read()
                    for frame in self._decoder.feed(data):
                        if frame.com == Com.CHARGE_CONTROL:
                            self.controls.append((now(), ChargeControl.from_data(frame.data)))
                    self.board.receive(data)
            await asyncio.sleep(0.01)

    def raised(self, since: int = 0) -> list[Fault]:
        return [event.fault for event in self.events[since:] if isinstance(event, FaultRaised)]

    def cleared(self, since: int = 0) -> list[Fault]:
        return [event.fault for event in self.events[since:] if isinstance(event, FaultCleared)]

    def count(self, kind: type[BoardEvent], since: int = 0) -> int:
        return sum(isinstance(event, kind) for event in self.events[since:])

    def pilots(self, since: int = 0) -> list[PilotState]:
        return [event.state for event in self.events[since:] if hasattr(event, "state")]

    def contactor_moves(self, since_s: float = 0.0) -> list[tuple[float, bool]]:
        return [(at_s, f["closed"]) for at_s, name, f in self.seen if name == "contactor" and at_s >= since_s]


def now() -> float:
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def bench(
    model: SafetyBoardModel | None = None, settings: SafetySettings | None = None, *, booted: bool = True
) -> AsyncIterator[Bench]:
    near, far = memory_pipe()
    seen: list[tuple[float, str, dict[str, Any]]] = []

    def note(event: str, fields: dict[str, Any]) -> None:
        seen.append((now(), event, fields))

    def send(data: bytes) -> None:
        with suppress(PortError):
            far.write(data)

    world = EvseWorld(asyncio.get_running_loop(), note)
    board = SimulatedBoard(world, note, model)
    board.output = send
    frames = SerialSafetyLine(near)
    made = Bench(world, board, near, far, frames, SafetyBoard(frames, settings), seen=seen)
    pump = asyncio.create_task(made.pump(), name="pump")
    board.power_on()
    await asyncio.sleep(0.5 if booted else 0.0)
    made.start()
    try:
        yield made
        if made.running is not None and made.running.done():
            made.running.result()
    finally:
        if made.running is not None:
            await made.kill()
        pump.cancel()
        await asyncio.gather(pump, return_exceptions=True)
        board.power_off()
