import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.domain.facts import JournalRow
from agent.store import journal_rows
from agent.store.database import Database
from agent.store.executors import InlineExecutor
from agent.store.journal_rows import StoredRow, encode_fact
from agent.store.queue_window import QueueWindow
from hil.virtual_time import run_virtual
from tests.agent.store.samples import updated


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(tmp_path / "store.db", InlineExecutor())
    await database.open()
    yield database
    await database.close()


def rows(first: int, last: int) -> list[StoredRow]:
    return [StoredRow(number, "tx-1", encode_fact(updated(number))) for number in range(first, last + 1)]


async def store(database: Database, stored: list[StoredRow]) -> list[JournalRow]:
    await database.run(lambda connection: journal_rows.insert(connection, stored))
    return [row.journal_row() for row in stored]


async def take_all(window: QueueWindow, count: int) -> list[int]:
    taken = []
    for _ in range(count):
        await window.wait()
        row = window.head()
        assert row is not None
        taken.append(row.row_id)
        window.remove(row.row_id)
    return taken


async def test_what_does_not_fit_is_read_back_later_in_order(database: Database) -> None:
    window = QueueWindow(database, size=4)
    for first in range(1, 40, 3):
        window.announce(await store(database, rows(first, first + 2)))
        assert len(window) <= 4
    assert await take_all(window, 39) == list(range(1, 40))
    assert window.head() is None


async def test_a_row_that_a_refill_found_before_its_announcement_comes_once(database: Database) -> None:
    window = QueueWindow(database, size=4)
    announced = await store(database, rows(1, 6))
    window.start(rows(1, 4), whole=False)
    assert await take_all(window, 6) == [1, 2, 3, 4, 5, 6]
    window.announce(announced[4:])
    assert len(window) == 0


def test_a_refill_that_fails_is_tried_again(tmp_path: Path) -> None:
    async def story() -> list[int]:
        database = Database(tmp_path / "store.db", InlineExecutor())
        await database.open()
        await store(database, rows(1, 6))
        await database.run(lambda connection: connection.execute("ALTER TABLE journal RENAME TO hidden"))
        window = QueueWindow(database, size=4)
        window.start(rows(1, 4), whole=False)
        taken = await take_all(window, 4)

        def unhide(connection: sqlite3.Connection) -> None:
            connection.execute("ALTER TABLE hidden RENAME TO journal")

        await database.run(unhide)
        taken += await take_all(window, 2)
        await database.close()
        return taken

    assert run_virtual(story()) == [1, 2, 3, 4, 5, 6]


async def test_a_stopped_window_leaves_the_database_alone(database: Database) -> None:
    window = QueueWindow(database, size=2)
    window.start(rows(1, 2), whole=False)
    window.stop()
    await database.close()
    window.remove(1)
    window.remove(2)
    assert window.head() is None
