"""What 100,000 rows in the journal, waiting or told long ago, cost a start and its memory."""

import asyncio
import shutil
import sqlite3
import tempfile
from pathlib import Path

from agent.assembly import DATABASE_NAME
from tests.benchmarks import drain
from tests.benchmarks.figures import Figure, median
from tests.benchmarks.rig import Options, Station, station

MS = 1000.0
ALLOWED_RATIO, ALLOWED_MORE_S = 1.1, 0.02
GROWTH_LIMIT_MIB = 4.0
AFTER_BOOT_S = 0.2
"""Early, before the drain of what waits has gone far."""


async def measure(version: str, options: Options) -> list[Figure]:
    """Start with an empty journal, a full one and one that was told, in turn; the first round does not count."""
    rows = options.size(100_000, 20_000, 100)
    with tempfile.TemporaryDirectory(prefix="pilotline-rows-") as name:
        waiting, told = Path(name) / "waiting", Path(name) / "told"
        await drain.fill(waiting, rows)
        shutil.copy(waiting, told)
        _tell_all(told)
        starts: dict[Path | None, list[tuple[float, float]]] = {None: [], waiting: [], told: []}
        async with station(version) as rig:
            for run in range(options.size(7, 3) + 1):
                for database, measured in starts.items():
                    start = await _start_with(rig, database)
                    if run or options.tiny:
                        measured.append(start)
    empty = starts[None]
    return [
        figure
        for kind, database in (("waiting", waiting), ("told", told))
        for figure in _figures(f"{rows} journal rows {kind}, {version}", starts[database], empty)
    ]


async def _start_with(rig: Station, database: Path | None) -> tuple[float, float]:
    """Return the time to BootNotification, s, and the resident memory soon after, MiB."""
    shutil.rmtree(rig.state_directory, ignore_errors=True)
    rig.state_directory.mkdir()
    if database is not None:
        shutil.copy(database, rig.state_directory / DATABASE_NAME)
    await rig.bench.power_cycle()
    boot_s = await rig.start()
    await asyncio.sleep(AFTER_BOOT_S)
    memory_mib = rig.running().rss_mib()
    rig.running().kill()
    rig.agent = None
    return boot_s, memory_mib


def _tell_all(path: Path) -> None:
    """Make every row one that its back-end has acknowledged, just now: nothing is old enough to be pruned."""
    connection = sqlite3.connect(path)
    try:
        with connection:
            connection.execute("UPDATE journal SET state = 'sent', settled_at = unixepoch()")
            connection.execute("UPDATE transactions SET start_acknowledged = 1, ended = 1")
    finally:
        connection.close()


def _figures(what: str, full: list[tuple[float, float]], empty: list[tuple[float, float]]) -> list[Figure]:
    full_s, full_mib = (median(list(each)) for each in zip(*full, strict=True))
    empty_s, empty_mib = (median(list(each)) for each in zip(*empty, strict=True))
    return [
        Figure(
            f"start to BootNotification with {what}",
            full_s * MS,
            "ms",
            (ALLOWED_RATIO * empty_s + ALLOWED_MORE_S) * MS,
            target="1.1 x empty + 20 ms",
            note=f"with an empty journal {empty_s * MS:.1f} ms",
            samples=tuple(round(boot_s * MS, 2) for boot_s, _ in full),
        ),
        Figure(
            f"memory soon after that with {what}",
            full_mib,
            "MiB",
            empty_mib + GROWTH_LIMIT_MIB,
            target="flat",
            note=f"with an empty journal {empty_mib:.1f} MiB",
            samples=tuple(round(memory_mib, 2) for _, memory_mib in full),
        ),
    ]
