"""A journal over one database, which can be closed and opened again as a restart would."""

import sqlite3
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from agent.domain.facts import Fact, JournalRow
from agent.station.journal import Journal
from agent.station.station_clock import StationClock
from agent.store.database import Database, Operation
from agent.store.errors import StoreError
from agent.store.executors import Executor, InlineExecutor
from hil.virtual_time import run_virtual
from tests.agent.store.samples import OpenState

MakeExecutor = Callable[[], Executor[Operation]]


class JournalRig:
    def __init__(self, path: Path, make_executor: MakeExecutor, window_rows: int = 256) -> None:
        self._path = path
        self._make_executor = make_executor
        self._window_rows = window_rows
        self.failures: list[StoreError] = []

    async def start(self) -> Journal:
        self.database = Database(self._path, self._make_executor())
        await self.database.open()
        self.journal = Journal(self.database, StationClock(), self._window_rows)
        await self.journal.open()
        return self.journal

    async def stop(self) -> None:
        await self.journal.close()
        await self.database.close()

    async def restart(self) -> Journal:
        await self.stop()
        return await self.start()

    def record(self, facts: list[Fact], state: OpenState | None = None, evse_id: int = 1) -> None:
        self.journal.record(evse_id, facts, state, self.failures.append)

    async def take(self) -> JournalRow:
        row = await self.journal.next_row()
        self.journal.acknowledge(row)
        return row

    async def drain(self) -> list[Fact]:
        return [(await self.take()).fact for _ in range(self.journal.queued_count)]

    async def limit_pages(self, pages: int | None) -> None:
        def limit(connection: sqlite3.Connection) -> None:
            now = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count={now if pages is None else pages}").fetchone()

        await self.database.run(limit)


def in_virtual_time(tmp_path: Path, story: Callable[[JournalRig], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        station = JournalRig(tmp_path / "store.db", InlineExecutor[Operation])
        await station.start()
        await story(station)
        await station.stop()

    run_virtual(whole())
