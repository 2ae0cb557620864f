"""The driver of Infypower modules and behaving modules on a bus in memory, in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from hal.api import Fault, FaultCleared, FaultRaised, PortError
from hal.drivers.infypower import InfypowerModules, InfypowerSettings
from hal.power_module import PowerModuleConnected, PowerModuleEvent, VoltageCurrentMeasured
from hal.transports.can_line import CanFilter, CanFrame
from hil.can_bus import BusFrame, CanBus
from hil.devices.infypower import Battery, InfypowerModule, ModuleModel

_E = TypeVar("_E")
PATIENCE_S = 60.0


class BusLine:
    """A `CanLine` on the bus in memory, which can be cut."""

    def __init__(self, bus: CanBus, *filters: CanFilter) -> None:
        self.is_open = False
        self.sent: list[tuple[float, CanFrame]] = []
        self.cut = False
        self._filters = filters
        self._frames: list[CanFrame] = []
        self._arrived = asyncio.Event()
        self._send = bus.attach(self._hear)

    async def open(self) -> None:
        self.close()
        if self.cut:
            raise PortError("adapter is gone")
        self.is_open = True

    def send(self, frame: CanFrame) -> None:
        if not self.is_open or self.cut:
            raise PortError("adapter is gone")
        self.sent.append((now(), frame))
        self._send(BusFrame(frame.arbitration_id, frame.data, frame.extended))

    async def receive(self) -> list[CanFrame]:
        while not self._frames:
            if not self.is_open or self.cut:
                raise PortError("adapter is gone")
            self._arrived.clear()
            await self._arrived.wait()
        frames, self._frames = self._frames, []
        return frames

    def close(self) -> None:
        self.is_open = False
        self._frames.clear()
        self._arrived.set()

    def pull(self) -> None:
        self.cut = True
        self._arrived.set()

    def _hear(self, frame: BusFrame) -> None:
        heard = CanFrame(frame.arbitration_id, frame.data, frame.extended)
        if self.is_open and not self.cut and any(wanted.passes(heard) for wanted in self._filters):
            self._frames.append(heard)
            self._arrived.set()


@dataclass
class Bench:
    line: BusLine
    driver: InfypowerModules
    modules: list[InfypowerModule]
    battery: Battery
    events: list[PowerModuleEvent] = field(default_factory=list)
    seen: list[tuple[float, str, dict[str, Any]]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    renewing: "asyncio.Task[None] | None" = None

    def emit(self, event: PowerModuleEvent) -> None:
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

    def renew(self) -> None:
        """Keep the permission as the loop of an EVSE does."""
        self.renewing = asyncio.create_task(self._renew())

    async def _renew(self) -> None:
        while True:
            self.driver.permit_output(now() + 3.0)
            await asyncio.sleep(1.0)

    def hang(self) -> None:
        assert self.renewing is not None
        self.renewing.cancel()

    async def delivering(self, voltage_v: float = 400.0, current_a: float = 50.0) -> int:
        """Deliver into the battery; returns how many events came until then."""
        await self.expect(PowerModuleConnected)
        self.renew()
        self.driver.set_output(voltage_v, current_a)
        await self.expect(VoltageCurrentMeasured, lambda e: abs(e.current_a - current_a) < 0.1)
        return len(self.events)

    def raised(self) -> list[Fault]:
        return [event.fault for event in self.events if isinstance(event, FaultRaised)]

    def cleared(self) -> list[Fault]:
        return [event.fault for event in self.events if isinstance(event, FaultCleared)]

    def switched(self, name: str) -> list[tuple[float, str]]:
        return [(at_s, fields["why"]) for at_s, seen, fields in self.seen if seen == name]


def now() -> float:
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def bench(
    addresses: tuple[int, ...] = (0,), settings: InfypowerSettings | None = None, model: ModuleModel | None = None
) -> AsyncIterator[Bench]:
    bus = CanBus(asyncio.get_running_loop())
    battery = Battery()
    settings = settings or InfypowerSettings(addresses)
    seen: list[tuple[float, str, dict[str, Any]]] = []

    def note(event: str, fields: dict[str, Any]) -> None:
        seen.append((now(), event, fields))

    base = model or ModuleModel()
    modules = [InfypowerModule(bus, battery, note, replace(base, address=address)) for address in addresses]
    line = BusLine(bus, settings.filter)
    made = Bench(line, InfypowerModules(line, settings), modules, battery, seen=seen)
    running = asyncio.create_task(made.driver.run(made.emit))
    try:
        yield made
    finally:
        tasks = [running] + ([made.renewing] if made.renewing is not None else [])
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for module in modules:
            module.close()
