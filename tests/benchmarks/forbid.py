"""From a pilot change on the wire to the command that forbids power, while the station is busy.

Real unplugs on the simulated board are few, since its debounce and cables take their time; a scripted board
(`scripted_board`) gives the many that a 99th percentile needs.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.benchmarks.answering import REQUESTS
from tests.benchmarks.bench_process import Event, is_command
from tests.benchmarks.fast_csms import FastCsms
from tests.benchmarks.figures import Figure, median, percentile
from tests.benchmarks.remote_start import OCCUPIED, TOKEN
from tests.benchmarks.rig import EVSES, Options, Station, station

LIMIT_MS = 5.0
MS = 1000.0
ASKED_EVERY_S = 0.005
CHARGE_S = 3.0
CYCLES_LIMIT_S = 600.0
FREE_VEND = '[authorization]\nfree_vend = true\nfree_vend_token = "FREE"\n'


async def measure(version: str, options: Options) -> list[Figure]:
    """Measure both boards under the same load: the back-end asks 200 times a second, meters are polled."""
    real = await _real(version, options.size(8, 2, 1))
    tried = await _scripted(version, options.size(60, 10, 1), options)
    scripted = [seconds for seconds in tried if seconds is not None]
    early = len(tried) - len(scripted)
    return [
        Figure(
            f"unplug to forbid, simulated board, {version}",
            max(real) * MS,
            "ms",
            LIMIT_MS,
            note=f"worst of {len(real)} unplugs under current, median {median(real) * MS:.1f} ms",
            samples=_milliseconds(real),
        ),
        Figure(
            f"unplug to forbid, scripted boards, p99, {version}",
            percentile(scripted, 99) * MS,
            "ms",
            LIMIT_MS,
            note=f"of {len(scripted)}, {early} more were forbidden before; median {median(scripted) * MS:.1f} ms,"
            f" worst {max(scripted) * MS:.1f} ms",
            samples=_milliseconds(scripted),
        ),
    ]


async def _real(version: str, cycles: int) -> list[float]:
    async with station(version) as rig:
        await rig.start_settled()
        async with _load(rig.csms):
            taken = [await _unplug(rig, cycle % EVSES + 1) for cycle in range(cycles)]
        rig.end()
    return taken


async def _unplug(rig: Station, evse: int) -> float:
    occupied = rig.expect_status(evse, OCCUPIED[rig.version])
    await rig.bench.operate("plug_in", evse=evse, delay_s=0.5, current_a=16)
    await occupied
    began_s = await rig.bench.now_s()
    await rig.bench.operate("swipe", token=f"{TOKEN[:-2]}{evse:02d}")
    await rig.bench.seen(lambda event: is_command(event, evse, "FE"), began_s)
    await asyncio.sleep(CHARGE_S)
    pulled_s = await rig.bench.now_s()
    available = rig.expect_status(evse, "Available")
    await rig.bench.operate("plug_out", evse=evse)
    reported = await rig.bench.seen(lambda event: _reports_unplugged(event, evse), pulled_s)
    forbidden = await rig.bench.seen(lambda event: is_command(event, evse, "FD"), reported["t"])
    await available
    return float(forbidden["t"]) - float(reported["t"])


def _reports_unplugged(event: Event, evse: int) -> bool:
    return event["event"] == "message" and event.get("evse") == evse and str(event["text"]).startswith("AT 01 01")


async def _scripted(version: str, cycles: int, options: Options) -> list[float | None]:
    replaced = {f"evse{evse}/board": f"scripted{evse}" for evse in range(1, EVSES + 1)}
    async with station(version, FREE_VEND, replaced) as rig:
        boards = [await _board(rig.directory / f"scripted{evse}", cycles) for evse in rig.bench.evses]
        try:
            await rig.start_settled(options.profile_file("forbid", version))
            async with _load(rig.csms), asyncio.timeout(CYCLES_LIMIT_S):
                lines = [await _line(board) for board in boards]
            rig.end()
        finally:
            for board in boards:
                with suppress(ProcessLookupError):
                    board.kill()
                await board.wait()
    return [seconds for line in lines for seconds in json.loads(line)]


async def _board(link: Path, cycles: int) -> asyncio.subprocess.Process:
    board = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.benchmarks.scripted_board", str(link), str(cycles)),
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    await _line(board)
    return board


async def _line(board: asyncio.subprocess.Process) -> bytes:
    assert board.stdout is not None
    line = await board.stdout.readline()
    if not line:
        raise ChildProcessError("a scripted board gave up; its complaint stands above")
    return line


@asynccontextmanager
async def _load(csms: FastCsms) -> AsyncIterator[None]:
    """Let the back-end ask all the time."""

    async def ask_on() -> None:
        action, payload = REQUESTS[csms.version]
        number = 0
        while True:
            number += 1
            csms.station().send(f'[2,"load{number}","{action}",{payload}]')
            await asyncio.sleep(ASKED_EVERY_S)

    asking = asyncio.create_task(ask_on())
    try:
        yield
    finally:
        asking.cancel()


def _milliseconds(samples: list[float]) -> tuple[float, ...]:
    return tuple(round(sample * MS, 3) for sample in samples)
