"""A Modbus charge controller's driver and the behaving controller of the bench, joined in memory, in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hal.api import BoardConnected, BoardEvent, OfferConfirmed, PortError, PowerOn
from hal.controllers.profile import load_profile
from hal.drivers.modbus_bus import ModbusBus
from hal.drivers.modbus_controller import ControllerSettings, ModbusController
from hal.transports.memory_port import MemoryPort, memory_pipe
from hil.devices.modbus_controller import ModbusController as SimulatedController
from hil.devices.modbus_controller_values import ModbusControllerModel
from hil.devices.vehicle import Vehicle, VehicleModel
from hil.world import EvseWorld

_E = TypeVar("_E")
PATIENCE_S = 60.0
KINDS = ("evse_wb", "phoenix_ev_cc", "heidelberg", "phoenix_charx")


@dataclass
class Rig:
    """One EVSE: `driver` talks to `board` over `line`; `events` is what the driver told."""

    world: EvseWorld
    board: SimulatedController
    car: Vehicle
    line: MemoryPort
    far: MemoryPort
    bus: ModbusBus
    driver: ModbusController
    seen: list[tuple[float, str, dict[str, Any]]]
    """What the bench saw: time, event, fields."""
    events: list[BoardEvent] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    group: asyncio.TaskGroup = field(default_factory=asyncio.TaskGroup)
    running: asyncio.Task[None] | None = None

    def start_driver(self, driver: ModbusController) -> None:
        self.driver = driver
        self.running = self.group.create_task(driver.run(self.emit))

    def kill_driver(self) -> None:
        if self.running is not None:
            self.running.cancel()

    def new_driver(self) -> ModbusController:
        settings = ControllerSettings(charging_point=self.board.model.charging_point)
        return ModbusController(self.bus, load_profile(self.board.model.kind), settings)

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

    async def until(self, condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> float:
        """Wait until this is so; returns how long that took, s."""
        start_s = now()
        async with asyncio.timeout(patience_s):
            while not condition():  # noqa: ASYNC110 - the world tells no event of everything that is asked here
                await asyncio.sleep(0.005)
        return now() - start_s

    async def connected(self) -> BoardConnected:
        return await self.expect(BoardConnected)

    async def charge(self, current_a: float = 16.0, until_s: float = 3600.0, **model: Any) -> int:
        """Plug in a car, let it charge; returns how many events came until then."""
        await self.connected()
        self.driver.offer_current(current_a)
        self.driver.permit_power(now() + until_s)
        self.car.plug_in(VehicleModel(**model))
        await self.expect(PowerOn)
        await self.expect(OfferConfirmed, lambda event: event.offered_current_a == current_a)
        await self.until(lambda: self.world.contactor_closed)
        return len(self.events)

    def commands(self) -> list[str]:
        return [fields["text"] for _, event, fields in self.seen if event == "command"]

    async def pump(self) -> None:
        while True:
            with suppress(PortError):
                await self.far.open()
                while True:
                    self.board.receive(await self.far.read())
            await asyncio.sleep(0.05)


def now() -> float:
    return asyncio.get_running_loop().time()


def _output(far: MemoryPort) -> Callable[[bytes], None]:
    def send(data: bytes) -> None:
        with suppress(PortError):
            far.write(data)

    return send


@asynccontextmanager
async def rig(kind: str, *, started: bool = True, **model: Any) -> AsyncIterator[Rig]:  # Any: the model's keywords
    loop = asyncio.get_running_loop()
    seen: list[tuple[float, str, dict[str, Any]]] = []
    world = EvseWorld(loop, lambda event, fields: seen.append((loop.time(), event, fields)))
    simulated = ModbusControllerModel(kind=kind, **model)  # type: ignore[arg-type]  # a parametrised name
    board = SimulatedController(world, world.emit, simulated)
    line, far = memory_pipe()
    board.output = _output(far)
    bus = ModbusBus(line, simulated.framing)
    driver = ModbusController(bus, load_profile(kind), ControllerSettings(charging_point=simulated.charging_point))
    made = Rig(world, board, Vehicle(world), line, far, bus, driver, seen)
    board.power_on()
    async with made.group:
        tasks = [made.group.create_task(made.pump()), made.group.create_task(bus.run())]
        await asyncio.sleep(1.0)
        if started:
            made.start_driver(driver)
        yield made
        made.kill_driver()
        for task in tasks:
            task.cancel()
