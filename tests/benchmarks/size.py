"""Resident memory after start and after a session; CPU time while nothing happens but polling."""

import asyncio
from collections.abc import Callable

from tests.benchmarks.bench_process import is_command
from tests.benchmarks.fast_csms import FastCsms
from tests.benchmarks.figures import Figure
from tests.benchmarks.processes import Measured
from tests.benchmarks.remote_start import OCCUPIED, TOKEN
from tests.benchmarks.rig import Options, Station, start_bare, station

MEMORY_LIMIT_MIB = 60.0
IDLE_LIMIT_PERCENT = 2.0
SETTLE_S = 5.0
CHARGE_S = 5.0


async def measure(version: str, options: Options) -> list[Figure]:
    """Take all of one agent's life."""
    idle_s = float(options.size(30, 10, 1))
    async with station(version) as rig, FastCsms(version) as bare_csms:
        client, _ = await start_bare(bare_csms)
        await rig.start()
        agent = rig.running()
        await asyncio.sleep(SETTLE_S)
        after_start, bare = _Memory(agent), _Memory(client)
        (idle_percent, bare_percent) = await _idle(idle_s, agent, client)
        client.kill()
        for evse in rig.bench.evses:
            await _charge(rig, evse)
        after_session = _Memory(agent)
        rig.end()
    return [
        *after_start.figures("after start", version, bare),
        *after_session.figures("after a session at each EVSE", version, bare),
        Figure(
            f"idle CPU, 2 boards, 2 meters and 2 indicators, {version}",
            idle_percent,
            "%",
            IDLE_LIMIT_PERCENT,
            baseline=bare_percent,
            note=f"CPU time within {idle_s:.0f} s; the bare client polls nothing",
        ),
    ]


class _Memory:
    """What a process holds now, MiB."""

    def __init__(self, process: Measured) -> None:
        self._rss_mib = process.rss_mib()
        self._pss_mib = process.pss_mib()

    def figures(self, when: str, version: str, bare: "_Memory") -> list[Figure]:
        """Beside the bare client's."""
        return [
            Figure(
                f"resident memory {when}, {version}", self._rss_mib, "MiB", MEMORY_LIMIT_MIB, baseline=bare._rss_mib
            ),
            Figure(f"proportional memory {when}, {version}", self._pss_mib, "MiB", baseline=bare._pss_mib),
        ]


async def _idle(seconds: float, *processes: Measured) -> list[float]:
    """CPU time of each within so many seconds, percent of one core."""
    clock: Callable[[], float] = asyncio.get_running_loop().time
    began_s, before = clock(), [process.cpu_s() for process in processes]
    await asyncio.sleep(seconds)
    lasted_s = clock() - began_s
    return [100 * (process.cpu_s() - cpu_s) / lasted_s for process, cpu_s in zip(processes, before, strict=True)]


async def _charge(rig: Station, evse: int) -> None:
    occupied = rig.expect_status(evse, OCCUPIED[rig.version])
    await rig.bench.operate("plug_in", evse=evse, delay_s=0.5, current_a=16)
    await occupied
    began_s = await rig.bench.now_s()
    await rig.bench.operate("swipe", token=TOKEN)
    await rig.bench.seen(lambda event: is_command(event, evse, "FE"), began_s)
    await asyncio.sleep(CHARGE_S)
    available = rig.expect_status(evse, "Available")
    await rig.bench.operate("plug_out", evse=evse)
    await available
