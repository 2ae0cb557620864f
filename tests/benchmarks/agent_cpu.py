"""CPU of the agent's process with 1, 2, 4 and 8 EVSEs, and what each further EVSE adds."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

from tests.benchmarks.bench_process import is_command
from tests.benchmarks.figures import Figure, median
from tests.benchmarks.forbid import FREE_VEND
from tests.benchmarks.processes import Measured
from tests.benchmarks.rig import Options, Station, station

COUNTS = (1, 2, 4, 8)
ENDS = (COUNTS[0], COUNTS[-1])
GROWTH_LIMIT_PERCENT = 1.0
SETTLE_S = 3.0
KINDS = {"rapi": "OpenEVSE", "safety": "safety"}
PLUG_IN = {"delay_s": 0.0, "current_a": 16}


async def measure(version: str, options: Options) -> list[Figure]:
    """Measure the stations of one kind of board at once; what is counted is CPU time, which nobody shares."""
    figures = await _openevse(version, options)
    return figures + await _safety(version, options)


async def _openevse(version: str, options: Options) -> list[Figure]:
    async with AsyncExitStack() as stack:
        rigs = [await stack.enter_async_context(station(version, FREE_VEND, evses=count)) for count in COUNTS]
        idle = await _settled(rigs, options)
        charging = await _charging(rigs[-1], options)
        for rig in rigs:
            rig.end()
    note = f"{COUNTS[-1]} boards, meters and indicators; one transaction at each EVSE"
    name = f"CPU of the agent, {COUNTS[-1]} OpenEVSE boards, all charging, {version}"
    return [
        *_idle_figures("rapi", COUNTS, idle, version),
        Figure(name, median(charging), "%", note=note, samples=tuple(charging)),
    ]


async def _safety(version: str, options: Options) -> list[Figure]:
    async with AsyncExitStack() as stack:
        rigs = [
            await stack.enter_async_context(station(version, FREE_VEND, evses=count, board="safety")) for count in ENDS
        ]
        idle = await _settled(rigs, options)
        for rig in rigs:
            rig.end()
    return _idle_figures("safety", ENDS, idle, version)


def _idle_figures(board: str, counts: Sequence[int], cpu: Sequence[Sequence[float]], version: str) -> list[Figure]:
    kind = KINDS[board]
    medians = [median(samples) for samples in cpu]
    growth = (medians[-1] - medians[0]) / (counts[-1] - counts[0])
    return [
        *(
            Figure(f"CPU of the agent, {count} {kind} board{'s' * (count > 1)}, idle, {version}", percent, "%")
            for count, percent in zip(counts, medians, strict=True)
        ),
        Figure(
            f"CPU of the agent per further EVSE, {kind} boards, {version}",
            growth,
            "%",
            GROWTH_LIMIT_PERCENT,
            note=f"from {counts[0]} to {counts[-1]}, of one core; each has its meter, read every second",
            samples=tuple(medians),
        ),
    ]


async def _settled(rigs: Sequence[Station], options: Options) -> list[list[float]]:
    """Start the agents one after another and measure all of them at once while nothing happens but polling."""
    for rig in rigs:
        await rig.start(options.profile_file(f"cpu{len(rig.bench.evses)}", rig.version))
    await asyncio.sleep(SETTLE_S)
    return await _cpu_percent([rig.running() for rig in rigs], options)


async def _charging(rig: Station, options: Options) -> list[float]:
    began_s = await rig.bench.now_s()
    for evse in rig.bench.evses:
        await rig.bench.operate("plug_in", evse=evse, **PLUG_IN)
    for evse in rig.bench.evses:
        await rig.bench.seen(lambda event, evse=evse: is_command(event, evse, "FE"), began_s)  # type: ignore[misc]  # a default
    await asyncio.sleep(SETTLE_S)
    return (await _cpu_percent([rig.running()], options))[0]


async def _cpu_percent(agents: Sequence[Measured], options: Options) -> list[list[float]]:
    """CPU time of each within some windows, percent of one core."""
    clock = asyncio.get_running_loop().time
    percent: list[list[float]] = [[] for _ in agents]
    for _ in range(options.size(3, 1)):
        began_s, before = clock(), [agent.cpu_s() for agent in agents]
        await asyncio.sleep(options.size(10, 5, 1))
        lasted_s = clock() - began_s
        for samples, agent, cpu_s in zip(percent, agents, before, strict=True):
            samples.append(100 * (agent.cpu_s() - cpu_s) / lasted_s)
    return percent
