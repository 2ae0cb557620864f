"""Writes that must all reach the disk, in order, whatever the disk does meanwhile.

Rules kept here:
* `write` never waits. All writes of one turn of the loop share a commit, and so do all that gather during a commit;
  a write that is wanted at once takes those before it along and leaves those behind it to the next commit.
* One commit at a time: a write is never durable before an earlier one.
* A commit that fails keeps its writes here and is tried again every `retry_s`; each write's `on_failure` is told once.
"""

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from agent.store.database import Database
from agent.store.errors import StoreError

logger = logging.getLogger(__name__)

MAX_COMMIT = 500
"""Writes in one commit."""

Function = Callable[[sqlite3.Connection], object]


@dataclass(slots=True, eq=False)
class Write:
    """One write; its function may be replaced as long as it is waiting. It may be called more than once."""

    function: Function
    on_stored: Callable[[], None] | None = None
    on_failure: Callable[[StoreError], None] | None = None
    waiting: bool = True


class OrderedWriter:
    """The order-keeping way into a database."""

    def __init__(self, database: Database, retry_s: float = 1.0) -> None:
        self._database = database
        self._retry_s = retry_s
        self._writes: deque[Write] = deque()
        self._under_way = 0
        self._scheduled: asyncio.Handle | None = None
        self._health_listeners: list[Callable[[bool], None]] = []
        self._progress = asyncio.Event()
        self._written = self._stored = self._failed_rounds = 0
        self._kept_until = 0
        """Healthy again once this many are stored: all that a failure kept here."""
        self._stopped = False
        self.healthy = True

    @property
    def unstored_count(self) -> int:
        """How many writes are not durable yet."""
        return len(self._writes)

    def on_health(self, callback: Callable[[bool], None]) -> None:
        """Call back on the loop with False when a commit fails and True when all that was kept is stored."""
        self._health_listeners.append(callback)

    def write(
        self,
        function: Function,
        on_stored: Callable[[], None] | None = None,
        on_failure: Callable[[StoreError], None] | None = None,
        *,
        at_once: bool = False,
    ) -> Write:
        """Queue one write; after `stop` it only fails.

        `at_once`: let the disk begin now, unless it is busy or has failed, and not after this turn of the loop.
        """
        write = Write(function, on_stored, on_failure)
        if self._stopped:
            self._refuse(write)
            return write
        self._writes.append(write)
        self._written += 1
        if at_once and self.healthy and self._under_way == 0:
            self._commit_now()
        elif self._scheduled is None and self._under_way == 0:
            self._scheduled = asyncio.get_running_loop().call_soon(self._commit)
        return write

    async def flush(self) -> None:
        """Wait until all written so far is durable.

        Raises: StoreError if a commit fails meanwhile; the writes are kept and tried again.
        """
        failures, goal = self._failed_rounds, self._written
        while self._stored < goal:
            if self._scheduled is not None:
                self._commit_now()
            self._progress.clear()
            await self._progress.wait()
            if self._failed_rounds != failures:
                raise StoreError(f"{len(self._writes)} writes could not be stored")

    def stop(self) -> None:
        """Try no more; whatever comes later fails."""
        self._stopped = True
        if self._scheduled is not None:
            self._scheduled.cancel()
            self._scheduled = None

    def _refuse(self, write: Write) -> None:
        logger.error("store write refused, the store is closed")
        if write.on_failure is not None:
            asyncio.get_running_loop().call_soon(write.on_failure, StoreError("the store is closed"))

    def _commit_now(self) -> None:
        if self._scheduled is not None:
            self._scheduled.cancel()
        self._commit()

    def _commit(self) -> None:
        self._scheduled = None
        batch = [self._writes[index] for index in range(min(len(self._writes), MAX_COMMIT))]
        for write in batch:
            write.waiting = False
        self._under_way = len(batch)

        def perform(connection: sqlite3.Connection) -> None:
            for write in batch:
                write.function(connection)

        self._database.submit(perform, self._commit_failed, lambda _: self._committed(batch))

    def _committed(self, batch: list[Write]) -> None:
        for _ in batch:
            self._writes.popleft()
        self._stored += len(batch)
        self._under_way = 0
        if self._writes and not self._stopped:
            self._commit()
        self._progress.set()
        for write in batch:
            if write.on_stored is not None:
                write.on_stored()
        if not self.healthy and self._stored >= self._kept_until:
            self._set_healthy(healthy=True)

    def _commit_failed(self, error: StoreError) -> None:
        batch = [self._writes[index] for index in range(self._under_way)]
        self._under_way = 0
        self._failed_rounds += 1
        self._kept_until = self._written
        if not self._stopped:
            self._scheduled = asyncio.get_running_loop().call_later(self._retry_s, self._commit)
        if self.healthy:
            logger.error("store write failed, kept in memory writes=%d error=%s", len(self._writes), error)
            self._set_healthy(healthy=False)
        for write in batch:
            write.waiting = True
            on_failure, write.on_failure = write.on_failure, None
            if on_failure is not None:
                on_failure(error)
        self._progress.set()

    def _set_healthy(self, *, healthy: bool) -> None:
        self.healthy = healthy
        if healthy:
            logger.warning("store writes again, nothing was lost")
        for callback in self._health_listeners:
            callback(healthy)
