"""From the making of the process to BootNotification on the wire, and to hardware that obeys."""

import asyncio

from tests.benchmarks.bench_process import BenchProcess, is_command, is_reply
from tests.benchmarks.figures import Figure, median
from tests.benchmarks.rig import Options, Station, start_bare, station

ALLOWED_RATIO = 1.5
MS = 1000.0
CONTACTOR_COMMANDS = ("FS", "FD", "FE")


async def measure(version: str, options: Options) -> list[Figure]:
    """Start both in turn, several times; the first start of each fills the caches and does not count."""
    bare: list[float] = []
    bare_cpu: list[float] = []
    ours: list[_Start] = []
    async with station(version) as rig:
        for run in range(options.size(9, 5) + 1):
            client, boot_s = await start_bare(rig.csms)
            cpu_s = client.cpu_s()
            client.kill()
            started = await _start_once(rig)
            if run > 0 or options.tiny:
                bare.append(boot_s)
                bare_cpu.append(cpu_s)
                ours.append(started)
    return _figures(version, bare, bare_cpu, ours)


class _Start:
    """Times of one start, s."""

    def __init__(self, boot_s: float, cpu_s: float, pilot_s: float, contactor_s: float) -> None:
        self.boot_s = boot_s
        self.cpu_s = cpu_s
        self.pilot_s = pilot_s
        self.contactor_s = contactor_s


async def _start_once(rig: Station) -> _Start:
    await rig.bench.power_cycle()
    boot_s = await rig.start()
    agent = rig.running()
    cpu_s = agent.cpu_s()
    pilots = [await _pilot_read_s(rig.bench, evse, agent.began_s) for evse in rig.bench.evses]
    contactors = [await _commanded_s(rig.bench, evse, agent.began_s) for evse in rig.bench.evses]
    await asyncio.sleep(0.2)
    rig.end()
    return _Start(boot_s, cpu_s, max(pilots), max(contactors))


async def _pilot_read_s(bench: BenchProcess, evse: int, began_s: float) -> float:
    asked = await bench.seen(lambda event: is_command(event, evse, "GS"), began_s)
    replied = await bench.seen(lambda event: is_reply(event, evse), asked["t"])
    return float(replied["t"]) - began_s


async def _commanded_s(bench: BenchProcess, evse: int, began_s: float) -> float:
    event = await bench.seen(lambda event: is_command(event, evse, *CONTACTOR_COMMANDS), began_s)
    return float(event["t"]) - began_s


def _figures(version: str, bare: list[float], bare_cpu: list[float], ours: list[_Start]) -> list[Figure]:
    def of(name: str, values: list[float], limit_s: float | None, base_s: float | None, target: str) -> Figure:
        return Figure(
            f"{name}, {version}",
            median(values) * MS,
            "ms",
            None if limit_s is None else limit_s * MS,
            target=target,
            baseline=None if base_s is None else base_s * MS,
            samples=tuple(round(value * MS, 2) for value in values),
        )

    boot_s = median([start.boot_s for start in ours])
    bare_s = median(bare)
    limit_s = ALLOWED_RATIO * bare_s
    return [
        of("start to BootNotification", [start.boot_s for start in ours], limit_s, bare_s, "1.5 x bare"),
        of("start to pilots read", [start.pilot_s for start in ours], boot_s, None, "our BootNotification"),
        of(
            "start to contactors commanded", [start.contactor_s for start in ours], boot_s, None, "our BootNotification"
        ),
        of("CPU time at BootNotification", [start.cpu_s for start in ours], None, median(bare_cpu), ""),
    ]
