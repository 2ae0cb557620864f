"""Ten thousand messages that an outage left in the journal: how fast they go, and what they cost in memory."""

import asyncio
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from agent.assembly import DATABASE_NAME
from agent.domain.facts import Fact, Sample, TransactionEnded, TransactionStarted, TransactionUpdated
from agent.domain.vocabulary import ChargingState, IdToken, ReadingContext, StoppedReason, TriggerReason
from agent.station.journal import Journal
from agent.station.station_clock import StationClock
from agent.store.database import Database
from agent.store.errors import StoreError
from hal.api import MeterReading, Quality
from tests.benchmarks.fast_csms import FastCsms
from tests.benchmarks.figures import Figure
from tests.benchmarks.processes import Measured
from tests.benchmarks.rig import Options, start_bare, station

LIMIT_PER_S = 1000.0
GROWTH_LIMIT_MIB = 4.0
FACTS_PER_TRANSACTION = 100
DRAIN_LIMIT_S = 120.0
MESSAGES = frozenset({"StartTransaction", "MeterValues", "StopTransaction", "TransactionEvent"})
BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def measure(version: str, options: Options) -> list[Figure]:
    """Fill the journal through the agent's own code, start the agent, and count what arrives."""
    rows = options.size(10_000, 3_000, 100)
    bare_per_s = await _bare_per_s(version, max(rows // 10, 100))
    async with station(version) as rig:
        rig.state_directory.mkdir()
        await fill(rig.state_directory / DATABASE_NAME, rows)
        arrivals = _Arrivals(rig.csms, rows)
        await rig.start(options.profile_file("drain", version))
        memory = await arrivals.all(rig.running())
        cpu_s = rig.running().cpu_s()
        rig.end()
        left = _queued(rig.state_directory / DATABASE_NAME)
    if left:
        raise ValueError(f"{left} of {rows} rows are still queued after their messages were answered")
    return [
        Figure(
            f"drain of {rows} queued messages, {version}",
            arrivals.per_s,
            "/s",
            LIMIT_PER_S,
            more_is_better=True,
            baseline=bare_per_s,
            note=f"agent's CPU time in all {cpu_s:.1f} s; the bare client stores nothing",
        ),
        Figure(
            f"growth of resident memory during the drain, {version}",
            max(memory) - memory[0],
            "MiB",
            GROWTH_LIMIT_MIB,
            target="flat",
            note=f"from {memory[0]:.1f} to {memory[-1]:.1f} MiB",
            samples=tuple(round(sample, 2) for sample in memory),
        ),
    ]


class _Arrivals:
    """Counts transaction messages."""

    def __init__(self, csms: FastCsms, rows: int) -> None:
        self._rows = rows
        self._count = 0
        self._first_s = self._last_s = 0.0
        self._complete = asyncio.Event()
        csms.listeners.append(self._take)

    @property
    def per_s(self) -> float:
        """Messages a second between the first and the last."""
        return (self._count - 1) / (self._last_s - self._first_s)

    async def all(self, agent: Measured) -> list[float]:
        """Wait for all; returns resident memory on the way, MiB, from a tenth of the way on."""
        memory: list[float] = []
        async with asyncio.timeout(DRAIN_LIMIT_S):
            while not self._complete.is_set():
                await asyncio.sleep(0.02)
                if self._count >= self._rows // 10:
                    memory.append(agent.rss_mib())
            await asyncio.sleep(1.0)
        return [*memory, agent.rss_mib()]

    def _take(self, at_s: float, action: str, _payload: dict[str, Any]) -> None:
        if action not in MESSAGES:
            return
        self._count += 1
        self._first_s = self._first_s or at_s
        self._last_s = at_s
        if self._count == self._rows:
            self._complete.set()


async def _bare_per_s(version: str, messages: int) -> float:
    """The bare client's messages a second, nothing stored."""
    async with FastCsms(version) as csms:
        arrivals = _Arrivals(csms, messages)
        client, _ = await start_bare(csms, messages)
        try:
            await arrivals.all(client)
        finally:
            client.kill()
    return arrivals.per_s


async def fill(path: Path, rows: int) -> None:
    """Fill a journal through the agent's own code."""
    database = Database(path)
    await database.open()
    journal = Journal(database, StationClock())
    await journal.open()
    for number in range(rows // FACTS_PER_TRANSACTION):
        evse_id = number % 2 + 1
        journal.record(evse_id, list(_transaction(number, evse_id)), None, _refuse)
        await journal.flush()
    await journal.close()
    await database.close()


def _transaction(number: int, evse_id: int) -> Iterator[Fact]:
    name = f"bench-{number:030d}"
    begin = BEGIN + timedelta(hours=number)
    token = IdToken("04A1B2C3D4E5F6")
    charging = ChargingState.CHARGING
    authorized, periodic = TriggerReason.AUTHORIZED, TriggerReason.METER_VALUE_PERIODIC
    register_wh = Decimal(1_000_000 + 10_000 * number)
    yield TransactionStarted(name, evse_id, 0, begin, authorized, charging, register_wh, offline=True, id_token=token)
    last = FACTS_PER_TRANSACTION - 1
    for seq_no in range(1, last):
        sample = _sample(begin + timedelta(minutes=seq_no), register_wh + 100 * seq_no)
        at, wh = sample.reading.at, sample.reading.energy_import_wh
        yield TransactionUpdated(name, evse_id, seq_no, at, periodic, charging, wh, offline=True, samples=(sample,))
    yield TransactionEnded(
        name,
        evse_id,
        last,
        begin + timedelta(minutes=last),
        TriggerReason.STOP_AUTHORIZED,
        ChargingState.EV_CONNECTED,
        register_wh + 100 * last,
        offline=True,
        stopped_reason=StoppedReason.LOCAL,
        register_confirmed=True,
        id_token=token,
    )


def _sample(at: datetime, register_wh: Decimal) -> Sample:
    reading = MeterReading(
        at=at,
        at_s=0.0,
        quality=Quality.GOOD,
        energy_import_wh=register_wh,
        power_w=Decimal(11_040),
        voltage_v=(Decimal("230.1"),) * 3,
        current_a=(Decimal("16.01"),) * 3,
        frequency_hz=Decimal("50.01"),
    )
    return Sample(ReadingContext.SAMPLE_PERIODIC, reading, 16.0)


def _queued(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("SELECT count(*) FROM journal WHERE state = 'queued'").fetchone()[0])
    finally:
        connection.close()


def _refuse(error: StoreError) -> None:
    raise error
