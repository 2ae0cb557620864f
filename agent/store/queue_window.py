"""The oldest queued rows in memory, the rest on disk: memory stays flat however long the queue is.

Rules kept here:
* Only committed rows come in, oldest first; each row id comes in once.
* Outcomes of the database arrive in the order of its commits, so a refill that found the end of the queue has seen
  everything that was announced before it, and nothing that will be announced after it.
"""

import asyncio
import logging
import sqlite3
from collections import OrderedDict
from collections.abc import Sequence

from agent.domain.facts import JournalRow
from agent.store import journal_rows
from agent.store.database import Database
from agent.store.errors import StoreError
from agent.store.journal_rows import StoredRow

logger = logging.getLogger(__name__)

WINDOW_ROWS = 256
RETRY_S = 1.0


class QueueWindow:
    """Feeds the outbox."""

    def __init__(self, database: Database, size: int = WINDOW_ROWS) -> None:
        self._database = database
        self._size = size
        self._rows: OrderedDict[int, StoredRow | JournalRow] = OrderedDict()
        self._highest = 0
        self._whole = True
        """True: every queued committed row is in the window."""
        self._refill_under_way = False
        self._retry: asyncio.TimerHandle | None = None
        self._filled = asyncio.Event()
        self._stopped = False
        self._restarting = False
        self._left: set[int] = set()
        """Rows that left while others were being read: what is read of them is out of date."""
        self._apart: frozenset[int] = frozenset()
        """Rows that a restart put behind others which are not read yet; one of them may be under way."""
        self._generation = 0

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, row_id: int) -> bool:
        return row_id in self._rows or row_id in self._apart

    def start(self, rows: Sequence[StoredRow], *, whole: bool) -> None:
        """Begin with the oldest rows; `whole` if there are no others."""
        self._whole = whole
        self._take(rows)

    def announce(self, rows: Sequence[JournalRow]) -> None:
        """Rows were committed behind all others."""
        if self._whole and len(self._rows) + len(rows) <= self._size:
            self._take(rows)
        else:
            self._whole = False
            self._refill()

    def head(self) -> JournalRow | StoredRow | None:
        """Return the oldest row; a StoredRow is one that this firmware cannot read."""
        if not self._rows:
            return None
        row_id, row = next(iter(self._rows.items()))
        if isinstance(row, StoredRow):
            try:
                row = row.journal_row()
            except StoreError as error:
                logger.warning("journal row unreadable row=%d error=%s", row_id, error)
            else:
                self._rows[row_id] = row
        return row

    async def wait(self) -> None:
        """Wait until there is a head."""
        await self._filled.wait()

    def replace(self, row: JournalRow) -> None:
        """Keep the newer value of a row that is here."""
        if row.row_id in self._rows:
            self._rows[row.row_id] = row

    def watch_removals(self) -> None:
        """Rows are going to be queued again behind our back; `restart` follows."""
        self._restarting = True
        self._left.clear()

    def restart(self, oldest: Sequence[StoredRow], *, whole: bool) -> None:
        """Begin anew with the oldest rows as they were read after `watch_removals`; `whole` if there were no others."""
        found: dict[int, StoredRow | JournalRow] = {row.row_id: row for row in oldest if row.row_id not in self._left}
        kept = self._rows if whole else {key: row for key, row in self._rows.items() if key in found}
        self._apart = frozenset(self._rows) - kept.keys() if not whole else frozenset()
        self._rows = OrderedDict(sorted((found | kept).items()))
        last_found = oldest[-1].row_id if oldest else 0
        self._highest = max(self._highest, last_found) if whole else last_found
        self._whole = whole and self._whole
        self._generation += 1
        self._restarting = False
        if self._rows:
            self._filled.set()
        self._refill()

    def remove(self, row_id: int) -> None:
        """Take a settled row out."""
        if self._refill_under_way or self._restarting:
            self._left.add(row_id)
        self._apart -= {row_id}
        self._rows.pop(row_id, None)
        if not self._rows:
            self._filled.clear()
        self._refill()

    def stop(self) -> None:
        """Refill no more."""
        self._stopped = True
        if self._retry is not None:
            self._retry.cancel()

    def _take(self, rows: Sequence[StoredRow | JournalRow]) -> None:
        for row in rows:
            if row.row_id > self._highest:  # A refill may have found it before it was announced.
                self._rows[row.row_id] = row
                self._highest = row.row_id
        if self._rows:
            self._filled.set()

    def _refill(self) -> None:
        wanted = self._size - len(self._rows)
        if self._whole or self._stopped or self._refill_under_way or wanted < self._size // 2:
            return
        self._refill_under_way = True
        if not self._restarting:
            self._left.clear()
        highest, generation = self._highest, self._generation

        def load(connection: sqlite3.Connection) -> list[StoredRow]:
            return journal_rows.queued_after(connection, highest, wanted)

        def loaded(rows: list[StoredRow]) -> None:
            self._refill_under_way = False
            if generation == self._generation:
                self._whole = len(rows) < wanted
                self._take([row for row in rows if row.row_id not in self._left])
                self._apart -= {row.row_id for row in rows}
            self._refill()

        self._database.submit(load, self._refill_failed, loaded)

    def _refill_failed(self, error: StoreError) -> None:
        logger.warning("journal rows cannot be read, trying again error=%s", error)
        if self._stopped:
            return

        def again() -> None:
            self._refill_under_way = False
            self._refill()

        self._retry = asyncio.get_running_loop().call_later(RETRY_S, again)
