"""From a pilot change on the wire of a safety board to the frame that opens its contactor, idle and under load.

The board opens by itself, too. It filters the pilot for 30 ms and reports every 100 ms, and neither is Linux's doing:
what is judged is Linux's command, counted from the report on the wire.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.benchmarks.figures import Figure, median, percentile
from tests.benchmarks.forbid import FREE_VEND, MS
from tests.benchmarks.processes import Measured, Strangers, bare_host_command
from tests.benchmarks.rig import Options, station
from tests.benchmarks.safety_boards import Opening

BOARDS = 8
IDLE_LIMIT_MS, LOADED_LIMIT_MS = 5.0, 20.0
CYCLES_LIMIT_S = 900.0
LINE_LIMIT_BYTES = 1 << 22
BUSY = "while True: pass"


async def measure(version: str, options: Options) -> list[Figure]:
    """Measure one station first idle, then with a core taken."""
    replaced = {f"evse{number}/board": f"safety{number}" for number in range(1, BOARDS + 1)} | {
        'driver = "openevse"': 'driver = "safety"',
        '"sType2"': '"cType2"',
        "[evse.meter]": "[evse.contactor]\nmin_off_s = 0\nmin_on_s = 0\n\n[evse.meter]",
    }
    cycles = options.size(125, 13, 1)
    async with station(version, FREE_VEND, replaced, evses=BOARDS) as rig, _Boards(rig.directory) as boards:
        await rig.start_settled(options.profile_file("opening", version))
        idle = await boards.openings(cycles)
        async with _busy_core() as core:
            loaded = await boards.openings(cycles)
        rig.end()
    return [
        *_commanded("idle", idle, IDLE_LIMIT_MS, f"{BOARDS} EVSEs in turn"),
        *_commanded("a core loaded", loaded, LOADED_LIMIT_MS, f"a busy loop on core {core} of {os.cpu_count()}"),
        *_around([opening for opening in idle.openings if opening is not None]),
    ]


@dataclass(frozen=True, slots=True)
class _Run:
    """What was seen."""

    openings: Sequence[Opening | None]
    """None: the host commanded it before the board had reported."""
    bare_s: Sequence[float]
    """What a bare host took to answer, in the same time on the same machine."""
    foreign_cores: float
    """Cores that processes took which have nothing to do with this."""


class _Boards:
    """The process of the simulated boards."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: asyncio.subprocess.Process | None = None
        self._bare_host: Measured | None = None

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.benchmarks.safety_boards", str(self._directory), str(BOARDS)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_LIMIT_BYTES,
        )
        await self._line()
        self._bare_host = Measured.start(bare_host_command(self._directory / "bare"))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._bare_host is not None:
            self._bare_host.kill()
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def openings(self, cycles: int) -> _Run:
        """Let every board charge and open so many times. Raises: ChildProcessError, TimeoutError."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"{cycles}\n".encode())
        strangers = Strangers()
        async with asyncio.timeout(CYCLES_LIMIT_S):
            found = json.loads(await self._line())
        openings = [None if fields is None else Opening(**fields) for fields in found["openings"]]
        return _Run(openings, found["bare_s"], strangers.cores())

    async def _line(self) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise ChildProcessError("the simulated boards gave up; their complaint stands above")
        return line


@asynccontextmanager
async def _busy_core() -> AsyncIterator[int]:
    """Keep the last core busy at normal priority; who else runs where is the kernel's choice, as in the field."""
    core = max(os.sched_getaffinity(0))
    busy = await asyncio.create_subprocess_exec(sys.executable, "-c", BUSY)
    try:
        os.sched_setaffinity(busy.pid, {core})
        yield core
    finally:
        busy.kill()
        await busy.wait()


def _commanded(when: str, run: _Run, limit_ms: float, note: str) -> Iterator[Figure]:
    seen = [opening for opening in run.openings if opening is not None]
    taken = [opening.commanded_s - opening.reported_s for opening in seen]
    shorted = sum(opening.shorted for opening in seen)
    early = len(run.openings) - len(seen)
    yield Figure(
        f"pilot change to open command, safety board, {when}, p99",
        percentile(taken, 99) * MS,
        "ms",
        limit_ms,
        baseline=percentile(run.bare_s, 99) * MS,
        note=f"p50 {median(taken) * MS:.2f}, max {max(taken) * MS:.2f} ms of {len(taken)}"
        f" ({len(taken) - shorted} unplugs, {shorted} pilot shorts, {early} commanded before); {note};"
        f" strangers took {run.foreign_cores:.1f} cores",
        samples=_milliseconds(taken),
    )


def _around(openings: Sequence[Opening]) -> Iterator[Figure]:
    opened = [opening.opened_s - opening.changed_s for opening in openings]
    whole = [opening.commanded_s - opening.changed_s for opening in openings]
    yield Figure(
        "plug pulled to contactor open, by the safety board itself, p99",
        percentile(opened, 99) * MS,
        "ms",
        note=f"p50 {median(opened) * MS:.1f}, max {max(opened) * MS:.1f} ms; it filters the pilot for 30 ms",
        samples=_milliseconds(opened),
    )
    yield Figure(
        "plug pulled to open command, safety board, p99",
        percentile(whole, 99) * MS,
        "ms",
        note=f"p50 {median(whole) * MS:.1f}, max {max(whole) * MS:.1f} ms; it reports every 100 ms",
        samples=_milliseconds(whole),
    )


def _milliseconds(samples: Sequence[float]) -> tuple[float, ...]:
    return tuple(round(sample * MS, 3) for sample in samples)
