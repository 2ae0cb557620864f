"""Security events from all over the station: filtered, written to the security log, and told where they are critical.

Rules kept here:
* `raise_event` never waits and never fails. What cannot be written is kept, in order, and tried again.
* What the back-end is told is a fact in the journal: it survives a restart and keeps its place among all other facts.
  The line comes first, then the fact, then the log's anchor: whenever power goes, what is in the log gets told.
* A disk that takes no log stops no car: only the journal decides about that.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from sqlite3 import Connection
from typing import Final

from agent.clock import Clock
from agent.domain.facts import Fact, SecurityEventRaised, UnauthorisedEnergyFound
from agent.domain.refused_tokens import RefusedTokens
from agent.domain.security_event import SecurityEvent, SecurityEventType, clipped_info, clock_quality
from agent.domain.security_event_filter import SecurityEventFilter
from agent.station.journal import Journal
from agent.store.database import Database
from agent.store.errors import StoreError
from agent.store.security_log import Entry, Opened, SecurityLogFiles
from agent.store.security_log_lines import Link
from hal.value import dataclass

logger = logging.getLogger(__name__)

RETRY_S: Final = 5.0
MAX_KEPT: Final = 1_000
"""Entries that wait for a disk; the oldest stay, and how many were lost is told once it works again."""
STATION: Final = 0

Raise = Callable[[SecurityEventType, str], None]
"""`raise_security_event(type, tech_info)`, for whoever finds something; tech_info carries no secret."""


class SecurityEvents:
    """What the station has to say about its security."""

    def __init__(
        self, database: Database, folder: Path, journal: Journal, clock: Clock, taught: Callable[[], bool]
    ) -> None:
        """`taught`: whether a back-end has set the clock."""
        self.folder = folder
        self._database = database
        self._files = SecurityLogFiles(folder)
        self._journal = journal
        self._clock = clock
        self._taught = taught
        self._filter = SecurityEventFilter()
        self._refused = RefusedTokens()
        self._kept: deque[Entry] = deque()
        self._number = 0
        self._lost = 0
        self._told = 0
        """The number of the last entry that was recorded for the back-end."""
        self._unstored = 0
        """Records for the back-end that are not durable yet."""
        self._writing = self._failing = False
        self._retry: asyncio.TimerHandle | None = None
        self._wake = asyncio.Event()
        self._closed = False
        self.head: Link | None = None
        """Where the log stands; None before it could be opened."""

    async def open(self) -> None:
        """Find where the log stands and note what was found amiss; a log that cannot be opened is tried again later."""
        try:
            opened = await self._database.run(self._files.open)
        except (StoreError, OSError) as error:
            logger.error("security log cannot be opened error=%s", error)  # noqa: TRY400 - no surprise in the stack
            return
        self.head = opened.head
        self._take(opened)
        self._move_anchor()

    def raise_event(self, type_: SecurityEventType, tech_info: str = "") -> None:
        """Note a security event of now; repeated ones are counted. Nothing secret may be in `tech_info`."""
        now = self._clock.now()
        quality = clock_quality(now.utc, taught=self._taught())
        event = SecurityEvent(type_, now.utc, clipped_info(tech_info), quality)
        if self._filter.take(event, now.monotonic_s):
            self._note([event])
        self._wake.set()

    def raise_named(self, type_: str, tech_info: str) -> None:
        """Raise one by the name of its type in OCPP 2.0.1 (part 2, appendix 1)."""
        self.raise_event(SecurityEventType(type_), tech_info)

    def recorded(self, fact: Fact) -> None:
        """Note what a fact that was recorded says about security."""
        if isinstance(fact, UnauthorisedEnergyFound):
            told = f"evse={fact.evse_id} energy_wh={fact.energy_wh}"
            self.raise_event(SecurityEventType.UNAUTHORISED_ENERGY_FOUND, told)

    def token_refused(self) -> None:
        """Count a token that was not accepted; many within a short time are an event."""
        many = self._refused.refused(self._clock.now().monotonic_s)
        if many is not None:
            self.raise_event(SecurityEventType.TOKENS_REPEATEDLY_REFUSED, many)

    async def run(self) -> None:
        """Write what was counted when its time is over, for ever; returns only on cancellation."""
        while True:
            due_s = self._filter.next_due_s
            self._wake.clear()
            if due_s is None:
                await self._wake.wait()
                continue
            wait_s = due_s - self._clock.now().monotonic_s
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            self._note(self._filter.due(self._clock.now().monotonic_s))

    async def close(self) -> None:
        """Write what was counted and what is kept; before the journal and the database close. Raises: StoreError."""
        self._note(self._filter.all_counts(self._clock.now().monotonic_s))
        self._closed = True
        if self._retry is not None:
            self._retry.cancel()
        self._written(await self._database.run(partial(self._write_entries, tuple(self._kept))))
        await self._journal.flush()
        if self.head is not None:
            await self._database.run(partial(self._files.anchor, self.head))

    def _note(self, events: list[SecurityEvent]) -> None:
        for event in events:
            logger.warning("security event type=%s info=%s", event.type.value, event.tech_info)
            self._number += 1
            entry = Entry(self._number, event)
            if len(self._kept) < MAX_KEPT:
                self._kept.append(entry)
            else:
                self._lost += 1
                self._tell([event])
        self._write()

    def _tell_kept(self, until: int) -> None:
        """Tell those that were not told yet, in order."""
        untold = [entry for entry in self._kept if self._told < entry.number <= until]
        if untold:
            self._told = untold[-1].number
            self._tell([entry.event for entry in untold])

    def _tell(self, events: Iterable[SecurityEvent]) -> None:
        facts = [
            SecurityEventRaised(event.type, event.at, event.tech_info) for event in events if event.type.is_critical
        ]
        if not facts:
            return
        self._unstored += 1
        try:
            self._journal.record(STATION, facts, None, _log_failure, on_stored=self._facts_stored)
        except StoreError as error:
            _log_failure(error)
            self._unstored -= 1

    def _facts_stored(self) -> None:
        self._unstored -= 1
        self._move_anchor()

    def _move_anchor(self) -> None:
        """Only when everything is told: what the anchor leaves behind is told at the next start."""
        if self.head is not None and self._unstored == 0 and not self._closed:
            self._database.submit(partial(self._files.anchor, self.head), _log_failure)

    def _take(self, opened: Opened) -> None:
        self._tell(opened.untold)
        for type_, info in opened.incidents:
            self.raise_event(type_, info)

    def _write(self) -> None:
        if self._kept and not self._writing and self._retry is None and not self._closed:
            self._writing = True
            self._database.submit(partial(self._write_entries, tuple(self._kept)), self._failed, self._written)

    def _write_entries(self, entries: tuple[Entry, ...], connection: Connection) -> "_Written":
        """On the writer."""
        opened = self._files.append(connection, entries)
        return _Written(entries[-1].number if entries else 0, opened, self._files.note_start(connection))

    def _written(self, result: "_Written") -> None:
        self.head = result.opened.head
        self._writing = self._failing = False
        self._tell_kept(result.number)
        while self._kept and self._kept[0].number <= result.number:
            self._kept.popleft()
        if result.has_surplus:  # and the commit that anchored where the rest begins is done
            self._database.submit(self._files.drop_surplus, self._not_dropped)
        self._take(result.opened)
        self._move_anchor()
        if self._lost:
            lost, self._lost = self._lost, 0
            self.raise_event(SecurityEventType.SECURITY_LOG_REPAIRED, f"{lost} entries were lost for want of a disk")
        self._write()

    def _failed(self, error: StoreError) -> None:
        self._writing = False
        level = logging.DEBUG if self._failing else logging.ERROR  # once: a dead disk is not to fill the journal
        logger.log(level, "security log not written, trying again error=%s", error)
        self._failing = True
        self._tell_kept(self._number)  # the back-end is to know all the same
        if not self._closed:
            self._retry = asyncio.get_running_loop().call_later(RETRY_S, self._again)

    def _not_dropped(self, error: StoreError) -> None:
        logger.warning("old security log not deleted, trying again later error=%s", error)

    def _again(self) -> None:
        self._retry = None
        self._write()


@dataclass(frozen=True, slots=True)
class _Written:
    number: int
    opened: Opened
    has_surplus: bool


def _log_failure(error: StoreError) -> None:
    logger.error("security event not journalled error=%s", error)
