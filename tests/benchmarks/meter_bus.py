"""Readings of eight meters on one Modbus line, beside the bare pymodbus client that reads the same registers.

The meters live in a process of their own on a pseudo-terminal, which knows no baud rate: what is measured is the host.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pymodbus.client import AsyncModbusSerialClient
from pymodbus.pdu.register_message import ReadInputRegistersRequest

from hal.api import Quality
from hal.codecs.modbus_frame import Exchange, ReadRequest
from hal.drivers.modbus_bus import BITS_PER_CHARACTER, SHORTEST_SILENCE_S, SILENT_CHARACTERS, ModbusBus
from hal.drivers.modbus_meter import ModbusMeter
from hal.drivers.register_reading import Block, plan_reads
from hal.meters.register_map import RegisterMap, load_register_map
from hal.transports.serial_port import SerialPort
from hil.devices.modbus_meter import SimulatedMeter
from hil.lines.pty_line import PtyLine
from tests.benchmarks.figures import Figure, median
from tests.benchmarks.rig import Options

MAP = "eastron_sdm630"
UNITS = range(1, 9)
BAUDRATE = 115_200
USUAL_BAUDRATE = 9600
REPLY_OVERHEAD_BYTES = 5
READY = "ready"
Round = Callable[[], Awaitable[None]]
"""Reads every meter once."""


async def measure(_version: str, options: Options) -> list[Figure]:
    """Read in turn with both; the driver's own silence between frames is kept, as on a real line."""
    rounds, runs = options.size(100, 20, 1), options.size(5, 3, 1)
    with tempfile.TemporaryDirectory(prefix="pilotline-bench-") as name:
        line = Path(name) / "meters"
        meters = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.benchmarks.meter_bus", str(line)), stdout=asyncio.subprocess.PIPE
        )
        try:
            assert meters.stdout is not None
            if not await meters.stdout.readline():
                raise ChildProcessError("the simulated meters gave up; their complaint stands above")
            ours, bare = [], []
            for _ in range(runs):
                ours.append(await _ours(line, rounds))
                bare.append(await _bare(line, rounds))
        finally:
            with suppress(ProcessLookupError):
                meters.kill()
            await meters.wait()
    return _figures(ours, bare)


@dataclass(frozen=True, slots=True)
class _Run:
    """What one run gave."""

    rate: float
    """Readings in a second."""
    cpu_ms: float
    """CPU time of the host per reading."""


def _figures(ours: Sequence[_Run], bare: Sequence[_Run]) -> list[Figure]:
    blocks = plan_reads(load_register_map(MAP))
    silence_ms = 1000 * len(blocks) * SHORTEST_SILENCE_S
    return [
        Figure(
            f"readings of {len(UNITS)} meters on one bus",
            median([run.rate for run in ours]),
            "/s",
            more_is_better=True,
            baseline=median([run.rate for run in bare]),
            note=f"{MAP}, {len(blocks)} requests each; {silence_ms:.1f} ms of a reading are the silence between frames,"
            f" which the bare client does not keep; a line of {USUAL_BAUDRATE} baud carries {_line_rate(blocks):.1f}/s",
            samples=tuple(round(run.rate, 1) for run in ours),
        ),
        Figure(
            "CPU of a reading",
            median([run.cpu_ms for run in ours]),
            "ms",
            baseline=median([run.cpu_ms for run in bare]),
            note="of the host; bare: registers as they came, neither values nor their judgement",
            samples=tuple(round(run.cpu_ms, 3) for run in ours),
        ),
    ]


def _line_rate(blocks: Sequence[Block]) -> float:
    """Readings in a second that the usual line can carry at most, silence included."""
    request = len(Exchange("rtu", ReadRequest(1, 4, 0, 1), 0).frame)
    characters = sum(request + REPLY_OVERHEAD_BYTES + 2 * block.count + 2 * SILENT_CHARACTERS for block in blocks)
    return USUAL_BAUDRATE / (characters * BITS_PER_CHARACTER)


async def _ours(line: Path, rounds: int) -> _Run:
    bus = ModbusBus(SerialPort(str(line), BAUDRATE), "rtu", baudrate=BAUDRATE)
    running = asyncio.create_task(bus.run())
    meters = [ModbusMeter(bus, unit, load_register_map(MAP), clock=lambda: datetime.now(UTC)) for unit in UNITS]

    async def read() -> None:
        readings = await asyncio.gather(*(meter.read() for meter in meters))
        if any(reading.quality is not Quality.GOOD for reading in readings):
            raise ValueError("a meter was not believed")

    try:
        return await _timed(read, rounds)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def _bare(line: Path, rounds: int) -> _Run:
    client = AsyncModbusSerialClient(str(line), baudrate=BAUDRATE)
    register_map = load_register_map(MAP)
    blocks = plan_reads(register_map)
    if not await client.connect():
        raise ConnectionError("the bare client does not open the line")
    ask = client.read_input_registers if _reads_input(register_map) else client.read_holding_registers

    async def read() -> None:
        for unit in UNITS:
            for block in blocks:
                answer = await ask(block.address, count=block.count, device_id=unit)
                if answer.isError() or len(answer.registers) != block.count:
                    raise ValueError(f"unit {unit} answered {answer}")

    try:
        return await _timed(read, rounds)
    finally:
        client.close()


def _reads_input(register_map: RegisterMap) -> bool:
    return register_map.function == ReadInputRegistersRequest.function_code


async def _timed(read: Round, rounds: int) -> _Run:
    """The first round opens the line and does not count."""
    await read()
    readings = rounds * len(UNITS)
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    for _ in range(rounds):
        await read()
    lasted_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
    return _Run(readings / lasted_s, 1000 * cpu_s / readings)


async def serve(path: Path) -> None:
    """Serve the meters until killed."""
    meters = [SimulatedMeter(MAP, unit) for unit in UNITS]

    def hear(data: bytes) -> None:
        for meter in meters:
            meter.receive(data)
            meter.requests.clear()

    line = PtyLine(path, hear)
    for meter in meters:
        meter.output = line.write
    line.open()
    sys.stdout.write(READY + "\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
