"""The journal: facts and open transactions, durable before anybody is told.

Rules kept here:
* A fact, the state of its transaction and its register are one commit: no half-written record can exist.
* `record` never waits. What cannot be stored is kept, in order, and tried every second; `healthy` is False meanwhile.
* Rows leave in the order in which they were recorded, and only once durable. A row is settled by an acknowledgement or
  parked as a dead letter; the rows behind it follow either way.
* Answers about the queue count every unsettled row, durable or not.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from sqlite3 import Connection
from typing import TypeVar, cast

from agent.clock import Clock
from agent.domain.delivery import TransactionAtCsms
from agent.domain.evse_memory import EvseMemory
from agent.domain.facts import (
    Fact,
    JournalRow,
    TransactionEnded,
    TransactionFact,
    TransactionStarted,
    UnauthorisedEnergyFound,
)
from agent.domain.kept_samples import KeptSamples
from agent.station.remembered_messages import RememberedMessages
from agent.station.set_aside import SetAside
from agent.store import evse_memory, journal_rows, parked, registers, transaction_samples, transactions
from agent.store.database import Database
from agent.store.deliveries import Deliveries
from agent.store.errors import StoreError
from agent.store.journal_rows import DeadLetter
from agent.store.json_codec import decode, encode
from agent.store.log_room import make_log_room
from agent.store.ordered_writer import OrderedWriter, Write
from agent.store.queue_window import WINDOW_ROWS, QueueWindow
from agent.store.registers import LastRegister
from agent.store.transactions import TransactionRecord

logger = logging.getLogger(__name__)
T = TypeVar("T")

REGISTER_INTERVAL_S = 10.0
"""How often at most a register outside any fact is written, per EVSE: flash wears."""
KEEP_SENT, KEEP_ROWS = timedelta(days=30), 20_000
LOG_ROOM_AFTER_S, PRUNE_FIRST_S = 1.5, 60.0
"""After start-up, which has better things to do."""
PRUNE_INTERVAL_S = 3600.0
PRUNE_STEP = 200
"""Rows deleted in one commit, so that no other waits long."""


class Journal:
    """Keeps what a bill could quote until the back-end has it."""

    def __init__(self, database: Database, clock: Clock, window_rows: int = WINDOW_ROWS) -> None:
        self._database = database
        self._clock = clock
        self._window_rows = window_rows
        self._writer = OrderedWriter(database)
        self._window = QueueWindow(database, window_rows)
        self._deliveries = Deliveries()
        self.set_aside = SetAside(database, self._writer, self._window, self._deliveries, window_rows)
        self.release, self.unsettled_owners = self.set_aside.release, self._deliveries.unsettled_owners
        self._open_states: dict[int, str] = {}
        # The last write of an EVSE's state or register that no fact of it followed: a newer value may take its place.
        self._replaceable: dict[tuple[str, int], Write] = {}
        self._registers: dict[int, LastRegister] = {}
        self._register_written_s: dict[int, float] = {}
        self._register_timers: dict[int, asyncio.TimerHandle] = {}
        self._messages = RememberedMessages()
        self._kept: dict[str, KeptSamples] = {}
        self._last_row_id = 0
        self._recorded: list[Callable[[Fact], None]] = []

    async def open(self) -> None:
        """Load what is needed. Raises: StoreError."""

        def load(connection: Connection) -> None:
            for transaction_id in transactions.sweep(connection):
                logger.error("transaction was left without an end transaction=%s", transaction_id)
            self._last_row_id = journal_rows.last_row_id(connection)
            self._deliveries.load(transactions.load_live(connection), journal_rows.queued_per_transaction(connection))
            self._open_states = transactions.open_states(connection)
            self._registers = registers.load(connection)
            self._kept = transaction_samples.load(connection)
            self.set_aside.owners = parked.owners(connection)

        await self._database.run(load)
        oldest = await self._database.run(
            lambda connection: journal_rows.queued_after(connection, 0, self._window_rows)
        )
        self._window.start(oldest, whole=len(oldest) < self._window_rows)
        for row in oldest:
            self._messages.note(row)

    async def run(self) -> None:
        """Make the disk ready, then delete old sent rows, a few at a time, for ever; returns only on cancellation."""
        await asyncio.sleep(LOG_ROOM_AFTER_S)
        await make_log_room(self._database)
        wait_s = PRUNE_FIRST_S
        while True:
            await asyncio.sleep(wait_s)
            deleted = await self._prune()
            wait_s = 1.0 if deleted >= PRUNE_STEP else PRUNE_INTERVAL_S

    async def flush(self) -> None:
        """Wait until all that was recorded is durable. Raises: StoreError; what failed is kept and tried again."""
        for evse_id in tuple(self._register_timers):
            self._write_register(evse_id)
        await self._writer.flush()

    async def close(self) -> None:
        """Flush and stop; the database is closed by its owner. Raises: StoreError if something could not be stored."""
        try:
            await self.flush()
        finally:
            self._writer.stop()
            self._window.stop()

    @property
    def healthy(self) -> bool:
        """False while what was recorded cannot be stored: no new billed session may begin."""
        return self._writer.healthy

    def on_health(self, callback: Callable[[bool], None]) -> None:
        """Call back on the loop when `healthy` changes."""
        self._writer.on_health(callback)

    def on_recorded(self, listener: Callable[[Fact], None]) -> None:
        """Tell the first of each record's facts, durable or not: for what can be done while the disk works."""
        self._recorded.append(listener)

    def record(
        self,
        evse_id: int,
        facts: Sequence[Fact],
        state: object | None,
        on_failure: Callable[[StoreError], None],
        also: Callable[[Connection], None] | None = None,
        on_stored: Callable[[], None] = lambda: None,
    ) -> None:
        """Store facts and the state of the open transaction of this EVSE (None: none is open) in one commit.

        EVSE 0 is the station, which has no transaction. `also`: goes into the same commit as the facts.
        A state without facts replaces one that still waits. `on_failure` is called at most once, on the loop.
        Raises: StoreError if something here cannot be written as text; nothing is recorded then.
        """
        text = None if state is None else encode(state)
        rows, stored = journal_rows.rows_of(facts, self._last_row_id)
        samples = transaction_samples.changes(facts)
        self._open_states_put(evse_id, text)
        if not facts:
            put = partial(transactions.put_open_state, evse_id=evse_id, state=text)
            self._write_latest("state", evse_id, put, on_failure)
            return
        records, register = self._note_facts(facts), self._note_registers(facts, evse_id)

        def write(connection: Connection) -> None:
            journal_rows.insert(connection, stored)
            samples(connection)
            for record in records:
                transactions.put(connection, record)
            transactions.put_open_state(connection, evse_id, text)
            if register is not None:
                registers.put(connection, evse_id, register)
            if also is not None:
                also(connection)

        self._replace_nothing_later(evse_id)
        self._writer.write(write, partial(self._durable, rows, on_stored), on_failure, at_once=True)
        for listener in self._recorded:
            asyncio.get_running_loop().call_soon(listener, facts[0])

    def _replace_nothing_later(self, evse_id: int) -> None:
        for what in ("state", "register", "memory"):
            self._replaceable.pop((what, evse_id), None)

    def _durable(self, rows: list[JournalRow], on_stored: Callable[[], None]) -> None:
        self._window.announce(rows)
        on_stored()

    def open_transaction(self, evse_id: int, type_: type[T]) -> T | None:
        """Return the state of the transaction that was open here. Raises: StoreError if it cannot be read."""
        text = self._open_states.get(evse_id)
        return None if text is None else cast("T", decode(text, type_))

    def kept_samples(self, transaction_id: str) -> KeptSamples:
        """Return the samples of a transaction that was open here, for its end to tell."""
        return self._kept.pop(transaction_id, KeptSamples())

    def last_register(self, evse_id: int) -> LastRegister | None:
        """Return the last lifetime register noted for this EVSE, in a fact or by itself."""
        return self._registers.get(evse_id)

    def note_register(self, evse_id: int, register_wh: Decimal, at: datetime, *, flush: bool = False) -> None:
        """Keep the register; written at most every `REGISTER_INTERVAL_S` unless `flush`."""
        self._registers[evse_id] = LastRegister(register_wh, at)
        if evse_id in self._register_timers and not flush:
            return
        now_s = self._clock.now().monotonic_s
        due_s = self._register_written_s.get(evse_id, now_s) + REGISTER_INTERVAL_S
        if flush or evse_id not in self._register_written_s or now_s >= due_s:
            self._write_register(evse_id)
        else:
            loop = asyncio.get_running_loop()
            self._register_timers[evse_id] = loop.call_later(due_s - now_s, self._write_register, evse_id)

    def remember(self, evse_id: int, memory: EvseMemory) -> None:
        """Keep what this EVSE is to know after a restart, behind the facts recorded so far."""
        self._write_latest("memory", evse_id, lambda connection: evse_memory.put(connection, evse_id, memory))

    async def next_row(self) -> JournalRow:
        """Wait for and return the oldest durable row that is not settled; the same one until it is."""
        while True:
            row = self._window.head()
            if isinstance(row, JournalRow):
                return row
            if row is None:
                await self._window.wait()
            else:
                self._settle_dead(row.row_id, row.transaction_id, "unreadable to this firmware")

    def attempted(self, row: JournalRow, message_id: str) -> JournalRow:
        """Count one try under this message id; returns the row as it stands now."""
        tried = replace(row, attempts=row.attempts + 1, message_ids=(*row.message_ids, message_id))
        self._window.replace(tried)
        self._messages.note(tried)
        self._writer.write(lambda connection: journal_rows.note_attempt(connection, tried))
        return tried

    def acknowledge(self, row: JournalRow, *, csms_transaction_id: int | None = None) -> None:
        """Note that the back-end has this fact; also of a row parked meanwhile, and harmless if told twice."""
        at = self._clock.now().utc
        self._writer.write(lambda connection: journal_rows.mark_sent(connection, row.row_id, at))
        transaction_id = journal_rows.transaction_of(row.fact)
        known = None if transaction_id is None else self._deliveries.record(transaction_id)
        # 1.6 holds a start back until its token is known: then a later fact brings the back-end's number.
        learnt = known is not None and csms_transaction_id not in {None, known.csms_transaction_id}
        if known is not None and (learnt or isinstance(row.fact, TransactionStarted)):
            self._put_record(
                replace(
                    known,
                    start_acknowledged=True,
                    csms_transaction_id=known.csms_transaction_id
                    if csms_transaction_id is None
                    else csms_transaction_id,
                )
            )
        self._leave_window(row.row_id, transaction_id)

    def park(self, row: JournalRow, reason: str) -> None:
        """Give this fact up; it stays visible as a dead letter."""
        self._settle_dead(row.row_id, journal_rows.transaction_of(row.fact), reason)

    def park_for(self, row: JournalRow, owner: str) -> None:
        """Set this fact aside for the back-end to which it belongs, until `release`."""
        self.set_aside.owners.add(owner)
        self._settle_dead(row.row_id, journal_rows.transaction_of(row.fact), parked.reason_for(owner), logging.INFO)

    async def dead_letters(self, limit: int = 100) -> list[DeadLetter]:
        """Return facts that were given up, newest first. Raises: StoreError."""
        with suppress(StoreError):
            await self._writer.flush()
        return await self._database.run(lambda connection: journal_rows.dead_letters(connection, limit))

    def row_of_message(self, message_id: str) -> JournalRow | None:
        """Return the row that was tried under this message id, settled or not, among the recent ones."""
        return self._messages.row(message_id)

    def at_csms(self, transaction_id: str) -> TransactionAtCsms:
        """Return how far the back-end knows this transaction."""
        record = self._deliveries.record(transaction_id)
        return TransactionAtCsms(record.start_acknowledged, record.csms_transaction_id)

    def claim(self, transaction_id: str, owner: str) -> None:
        """Note whose the transaction is; in the same turn as the acknowledgement of its start it is the same commit."""
        self._put_record(replace(self._deliveries.record(transaction_id), owner=owner))

    def owner_of(self, transaction_id: str) -> str | None:
        """Return the back-end that acknowledged the start of this transaction, if one has."""
        return self._deliveries.record(transaction_id).owner

    def transaction_of_csms_id(self, csms_transaction_id: int, owner: str | None = None) -> str | None:
        """Return our id of the transaction that the back-end calls so; without `owner`, whoever gave the number."""
        return self._deliveries.transaction_of_csms_id(csms_transaction_id, owner)

    def has_queued(self, transaction_id: str | None = None) -> bool:
        """Tell whether facts of this transaction (None: any facts) wait to be acknowledged."""
        return self._deliveries.has_queued(transaction_id)

    @property
    def queued_count(self) -> int:
        """How many facts wait to be acknowledged."""
        return self._deliveries.queued_count

    @property
    def prefetched_count(self) -> int:
        """How many of them are held in memory for sending."""
        return len(self._window)

    def _note_facts(self, facts: Sequence[Fact]) -> list[TransactionRecord]:
        """Count the facts; returns the transaction records that they change."""
        self._last_row_id += len(facts)
        changed: dict[str, TransactionRecord] = {}
        for fact in facts:
            transaction_id = journal_rows.transaction_of(fact)
            self._deliveries.queue(transaction_id)
            if isinstance(fact, TransactionStarted):
                changed[fact.transaction_id] = self._deliveries.record(fact.transaction_id)
            elif isinstance(fact, TransactionEnded):
                changed[fact.transaction_id] = self._deliveries.end(fact.transaction_id)
        for record in changed.values():
            self._deliveries.put(record)
        return list(changed.values())

    def _note_registers(self, facts: Sequence[Fact], evse_id: int) -> LastRegister | None:
        noted = False
        for fact in facts:
            if not isinstance(fact, TransactionFact | UnauthorisedEnergyFound):
                continue
            register_wh = fact.register_now_wh if isinstance(fact, UnauthorisedEnergyFound) else fact.register_wh
            if register_wh is not None:
                self._registers[fact.evse_id] = LastRegister(register_wh, fact.at)
                noted = True
        return self._registers.get(evse_id) if noted else None

    def _open_states_put(self, evse_id: int, text: str | None) -> None:
        if text is None:
            self._open_states.pop(evse_id, None)
        else:
            self._open_states[evse_id] = text

    def _write_register(self, evse_id: int) -> None:
        timer = self._register_timers.pop(evse_id, None)
        if timer is not None:
            timer.cancel()
        self._register_written_s[evse_id] = self._clock.now().monotonic_s
        register = self._registers[evse_id]
        self._write_latest("register", evse_id, lambda connection: registers.put(connection, evse_id, register))

    def _write_latest(
        self,
        what: str,
        evse_id: int,
        function: Callable[[Connection], None],
        on_failure: Callable[[StoreError], None] | None = None,
    ) -> None:
        last = self._replaceable.get((what, evse_id))
        if last is not None and last.waiting:
            last.function, last.on_failure = function, on_failure
        else:
            self._replaceable[what, evse_id] = self._writer.write(function, None, on_failure)

    def _put_record(self, record: TransactionRecord) -> None:
        if not self._deliveries.knows(record.transaction_id):
            return  # Over and forgotten: a record made now would look like an open transaction for ever.
        self._deliveries.put(record)
        self._writer.write(lambda connection: transactions.put(connection, record))

    def _settle_dead(self, row_id: int, transaction_id: str | None, reason: str, level: int = logging.ERROR) -> None:
        at = self._clock.now().utc
        logger.log(level, "fact given up row=%d transaction=%s reason=%s", row_id, transaction_id, reason)
        self._writer.write(lambda connection: journal_rows.mark_dead(connection, row_id, at, reason))
        self._leave_window(row_id, transaction_id)

    def _leave_window(self, row_id: int, transaction_id: str | None) -> None:
        if row_id in self._window:
            self._deliveries.settle(transaction_id)
            self._window.remove(row_id)

    async def _prune(self) -> int:
        now = self._clock.now().utc

        def step(connection: Connection) -> int:
            deleted = journal_rows.prune(connection, now, KEEP_SENT, KEEP_ROWS, PRUNE_STEP)
            return max(deleted, transactions.prune(connection, PRUNE_STEP))

        try:
            return await self._database.run(step)
        except StoreError as error:
            logger.warning("journal cannot be pruned now error=%s", error)
            return 0
