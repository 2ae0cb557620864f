"""A link and a scripted back-end, wired together for a test."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from agent.csms.adapter import Adapter, TransactionAtCsms
from agent.csms.back_off import BackOffRange
from agent.csms.client import CsmsClient
from agent.csms.connection import Dialler, Endpoint, WebsocketDialler
from agent.csms.frame_log import FrameSink
from agent.csms.settings import LinkTiming
from agent.domain.facts import (
    Fact,
    JournalRow,
    StationFact,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from agent.domain.session_state import EvseStatus, SessionState
from agent.domain.vocabulary import (
    ChargingState,
    ConnectorStatus,
    IdToken,
    StoppedReason,
    TriggerReason,
)
from hal.api import Fault
from tests.agent.csms.plain_security import PlainSecurity, one_back_end
from tests.fakes.plain_adapter import LearningClock, PlainAdapter
from tests.fakes.scripted_csms import ScriptedCsms, scripted_csms

QUICK = LinkTiming(
    call_timeout_s=5.0,
    liveness_s=30.0,
    settle_s=0.0,
    reconnect=BackOffRange(0.02, 0.1, 0.0),
    boot_retry=BackOffRange(0.05, 0.1, 0.0),
)
IMPATIENT = replace(QUICK, call_timeout_s=0.4)
"""For a back-end that leaves something unanswered."""
AT = datetime(2030, 1, 1, tzinfo=UTC)
TOKEN = IdToken("04A2B3C4")


@dataclass
class MemoryJournal:
    """Behaves as the journal does, without a disk."""

    rows: list[JournalRow] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)
    parked: list[tuple[int, str]] = field(default_factory=list)
    set_aside: dict[str, list[JournalRow]] = field(default_factory=dict)
    """Rows by the owner for whom they wait."""
    ids: dict[str, TransactionAtCsms] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    listeners: list[Callable[[Fact], None]] = field(default_factory=list)

    def on_recorded(self, listener: Callable[[Fact], None]) -> None:
        self.listeners.append(listener)

    def put(self, *facts: Fact) -> None:
        for fact in facts:
            self.rows.append(JournalRow(len(self.rows) + len(self.acknowledged) + len(self.parked) + 1, fact))
        self.changed.set()

    async def next_row(self) -> JournalRow:
        while not self.rows:
            self.changed.clear()
            await self.changed.wait()
        return self.rows[0]

    def attempted(self, row: JournalRow, message_id: str) -> JournalRow:
        tried = replace(row, attempts=row.attempts + 1, message_ids=(*row.message_ids, message_id))
        self.rows[0] = tried
        return tried

    def acknowledge(self, row: JournalRow, *, csms_transaction_id: int | None = None) -> None:
        self.acknowledged.append(row.row_id)
        learnt = isinstance(row.fact, TransactionStarted) or csms_transaction_id is not None
        if learnt and not isinstance(row.fact, StationFact):
            self.ids[row.fact.transaction_id] = TransactionAtCsms(True, csms_transaction_id)
        self._settle()

    def park(self, row: JournalRow, reason: str) -> None:
        self.parked.append((row.row_id, reason))
        self._settle()

    def park_for(self, row: JournalRow, owner: str) -> None:
        self.set_aside.setdefault(owner, []).append(row)
        self._settle()

    async def release(self, owner: str) -> int:
        rows = self.set_aside.pop(owner, [])
        self.rows[:] = sorted([*rows, *self.rows], key=lambda row: row.row_id)
        self.changed.set()
        return len(rows)

    def claim(self, transaction_id: str, owner: str) -> None:
        self.owners[transaction_id] = owner

    def owner_of(self, transaction_id: str) -> str | None:
        return self.owners.get(transaction_id)

    def at_csms(self, transaction_id: str) -> TransactionAtCsms:
        return self.ids.get(transaction_id, TransactionAtCsms())

    async def until_empty(self) -> None:
        async with asyncio.timeout(10):
            while self.rows:
                self.settled.clear()
                await self.settled.wait()

    def _settle(self) -> None:
        del self.rows[0]
        self.settled.set()


@dataclass
class House:
    csms: ScriptedCsms
    client: CsmsClient
    adapter: PlainAdapter
    journal: MemoryJournal
    clock: LearningClock
    deauthorized: list[str]

    async def until_online(self) -> None:
        async with asyncio.timeout(10):
            await self.client.link.online.wait()


def _set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@asynccontextmanager
async def house(
    csms: ScriptedCsms,
    *,
    timing: LinkTiming = QUICK,
    adapter: PlainAdapter | None = None,
    adapters: Mapping[str, Callable[[], Adapter]] | None = None,
    dial: Dialler | None = None,
    frames: FrameSink | None = None,
    ready: asyncio.Event | None = None,
) -> AsyncIterator[House]:
    adapter = adapter or PlainAdapter()
    journal, clock, deauthorized = MemoryJournal(), LearningClock(), list[str]()

    async def deauthorize(transaction_id: str) -> None:
        deauthorized.append(transaction_id)

    def plain() -> Adapter:
        return adapter

    endpoint = Endpoint(f"ws://127.0.0.1:{csms.port}/ocpp", "CP 1", ping_interval_s=0)
    known = adapters or {"1.6": plain}
    security = PlainSecurity(
        [one_back_end(endpoint, *known)], dial=WebsocketDialler if dial is None else lambda _endpoint: dial
    )
    client = CsmsClient(
        security.station,
        known,
        journal,
        clock,
        deauthorize=deauthorize,
        timing=lambda: timing,
        frames=frames,
        ready=(ready or _set()).wait,
    )
    task = asyncio.create_task(client.run())
    try:
        yield House(csms, client, adapter, journal, clock, deauthorized)
    finally:
        task.cancel()
        await asyncio.wait([task])


@asynccontextmanager
async def online_house(timing: LinkTiming = QUICK) -> AsyncIterator[House]:
    async with scripted_csms() as csms, house(csms, timing=timing) as home:
        await home.until_online()
        yield home


def started(transaction_id: str = "t1") -> TransactionStarted:
    return TransactionStarted(
        transaction_id, 1, 0, AT, TriggerReason.AUTHORIZED, ChargingState.EV_CONNECTED, None, False, id_token=TOKEN
    )


def updated(seq_no: int = 1, transaction_id: str = "t1") -> TransactionUpdated:
    return TransactionUpdated(
        transaction_id, 1, seq_no, AT, TriggerReason.METER_VALUE_PERIODIC, ChargingState.CHARGING, None, False
    )


def ended(seq_no: int = 2, transaction_id: str = "t1") -> TransactionEnded:
    return TransactionEnded(
        transaction_id, 1, seq_no, AT, TriggerReason.EV_DEPARTED, ChargingState.IDLE, None, False,
        stopped_reason=StoppedReason.EV_DISCONNECTED, register_confirmed=True,
    )  # fmt: skip


def status(
    connector_status: ConnectorStatus = ConnectorStatus.AVAILABLE, evse_id: int = 1, fault: Fault | None = None
) -> EvseStatus:
    return EvseStatus(evse_id, connector_status, SessionState.AVAILABLE, ChargingState.IDLE, AT, fault)
