"""The bench in memory: its devices joined to `MemoryPort` ends, for stories in virtual time.

`async with virtual_bench(evses=2) as lines:` gives the bench and, for each device, the port a driver opens.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from hal.api import PortError
from hal.transports.memory_port import MemoryPort, memory_pipe
from hil.bench import Bench
from hil.boards import AnyBoardModel
from hil.device_line import DeviceLine
from hil.evse_bench import MeterModel


@dataclass
class VirtualLines:
    """The bench and the station's ends of its lines, by EVSE number."""

    bench: Bench
    boards: dict[int, MemoryPort] = field(default_factory=dict)
    meters: dict[int, MemoryPort] = field(default_factory=dict)
    indicators: dict[int, MemoryPort] = field(default_factory=dict)
    cards: dict[int, MemoryPort] = field(default_factory=dict)
    reader: MemoryPort | None = None

    def cable_changed(self, evse: int) -> None:
        """Cut or mend the board's line as the bench says."""
        if self.bench.evses[evse].cable_pulled:
            self.boards[evse].cut()
        else:
            self.boards[evse].mend()


@asynccontextmanager
async def virtual_bench(
    evses: int = 1,
    *,
    board_model: AnyBoardModel | None = None,
    meter_model: MeterModel | None = None,
    powered: bool = True,
    reader: str = "line",
    io: bool = False,
) -> AsyncIterator[VirtualLines]:
    """Make a bench on the running loop, powered unless told otherwise."""
    lines = VirtualLines(Bench(evses, board_model, meter_model, reader=reader, io=io))
    lines.bench.cable_changed = lines.cable_changed
    tasks: list[asyncio.Task[None]] = []
    for number, evse in lines.bench.evses.items():
        lines.boards[number] = _join(evse.board_line, tasks)
        lines.meters[number] = _join(evse.meter_line, tasks)
        lines.indicators[number] = _join(evse.indicator_line, tasks)
        if evse.card_line is not None:
            lines.cards[number] = _join(evse.card_line, tasks)
    lines.reader = _join(lines.bench.reader_line, tasks)
    if powered:
        lines.bench.power_on()
    try:
        yield lines
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _join(line: DeviceLine, tasks: list[asyncio.Task[None]]) -> MemoryPort:
    near, far = memory_pipe()

    def send(data: bytes) -> None:
        try:
            far.write(data)
        except PortError:
            return

    line.output = send
    tasks.append(asyncio.create_task(_pump(line, far), name="bench line"))
    return near


async def _pump(line: DeviceLine, far: MemoryPort) -> None:
    while True:
        try:
            await far.open()
            while True:
                line.receive(await far.read())
        except PortError:
            await asyncio.sleep(0.1)
