"""CPU of the agent's process with 1, 2, 4 and 8 EVSEs, and what each further EVSE adds."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from tests.benchmarks.bench_process import is_command
from tests.benchmarks.figures import Figure, median
from tests.benchmarks.forbid import FREE_VEND
from tests.benchmarks.processes import Measured
from tests.benchmarks.rig import Options, Station, station

STATIONS = (("rapi", 1), ("rapi", 2), ("rapi", 4), ("rapi", 8), ("safety", 1), ("safety", 8))
"""Boards by their name on the command line of the bench, and how many."""
CHARGING = ("rapi", 8)
GROWTH_LIMIT_PERCENT = 1.0
SETTLE_S = 3.0
KINDS = {"rapi": "OpenEVSE", "safety": "safety"}
PLUG_IN = {"delay_s": 0.0, "current_a": 16}


async def measure(version: str, options: Options) -> list[Figure]:
    """Measure all stations at once; what is counted is CPU time, which nobody shares."""
    async with AsyncExitStack() as stack:
        made = (station(version, FREE_VEND, evses=evses, board=board) for board, evses in STATIONS)
        rigs = await asyncio.gather(*map(stack.enter_async_context, made))
        await asyncio.gather(*(rig.start(_profile_file(rig, options)) for rig in rigs))
        await asyncio.sleep(SETTLE_S)
        idle = await _cpu_percent([rig.running() for rig in rigs], options)
        charging = await _charging(rigs[STATIONS.index(CHARGING)], options)
        await asyncio.gather(*(asyncio.to_thread(rig.end) for rig in rigs))
    found = dict(zip(STATIONS, idle, strict=True))
    board, evses = CHARGING
    return [
        *(figure for board in KINDS for figure in _idle_figures(board, found, version)),
        Figure(
            f"CPU of the agent, {evses} {KINDS[board]} boards, all charging, {version}",
            median(charging),
            "%",
            note="one transaction at each EVSE",
            samples=_rounded(charging),
        ),
    ]


def _profile_file(rig: Station, options: Options) -> Path | None:
    """Of the one that charges in the end."""
    is_wanted = len(rig.bench.evses) == CHARGING[1] and rig.board == CHARGING[0]
    return options.profile_file("cpu", rig.version) if is_wanted else None


def _idle_figures(board: str, found: Mapping[tuple[str, int], Sequence[float]], version: str) -> Iterator[Figure]:
    idle = {evses: samples for (kind, evses), samples in found.items() if kind == board}
    least, most = min(idle), max(idle)
    for evses, samples in idle.items():
        name = f"CPU of the agent, {evses} {KINDS[board]} board{'s' * (evses > 1)}, idle, {version}"
        yield Figure(name, median(samples), "%", samples=_rounded(samples))
    yield Figure(
        f"CPU of the agent per further EVSE, {KINDS[board]} boards, {version}",
        (median(idle[most]) - median(idle[least])) / (most - least),
        "%",
        GROWTH_LIMIT_PERCENT,
        note=f"of one core, from {least} EVSE to {most}; each has its meter, read every second",
    )


async def _charging(rig: Station, options: Options) -> list[float]:
    began_s = await rig.bench.now_s()
    for evse in rig.bench.evses:
        await rig.bench.operate("plug_in", evse=evse, **PLUG_IN)
    for evse in rig.bench.evses:
        await rig.bench.seen(lambda event, evse=evse: is_command(event, evse, "FE"), began_s)  # type: ignore[misc]  # a default
    await asyncio.sleep(SETTLE_S)
    for evse in rig.bench.evses:
        if not (await rig.bench.operate("state", evse=evse))["contactor_closed"]:
            raise ValueError(f"EVSE {evse} does not charge")
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


def _rounded(samples: Sequence[float]) -> tuple[float, ...]:
    return tuple(round(percent, 3) for percent in samples)
