import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from agent.store import meta, ordered_writer
from agent.store.database import Database
from agent.store.errors import StoreError
from agent.store.executors import WriterThread
from agent.store.ordered_writer import OrderedWriter


class Disk:
    """Says whether writes work at present."""

    def __init__(self) -> None:
        self.works = True
        self.written: list[int] = []

    def put(self, number: int) -> Callable[[sqlite3.Connection], None]:
        def function(connection: sqlite3.Connection) -> None:
            if not self.works:
                raise sqlite3.OperationalError("disk I/O error")
            meta.put(connection, "last", str(number))
            self.written.append(number)

        return function


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(tmp_path / "store.db", WriterThread())
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def disk() -> Disk:
    return Disk()


async def test_writes_are_stored_in_order_and_each_is_told(database: Database, disk: Disk) -> None:
    writer = OrderedWriter(database)
    stored: list[int] = []
    for number in range(ordered_writer.MAX_COMMIT + 10):
        writer.write(disk.put(number), lambda number=number: stored.append(number))  # type: ignore[misc]  # a default
    await writer.flush()
    assert disk.written == stored == list(range(ordered_writer.MAX_COMMIT + 10))
    assert writer.unstored_count == 0


async def test_a_later_write_is_never_durable_before_a_failed_one(database: Database, disk: Disk) -> None:
    writer = OrderedWriter(database)
    failed: list[StoreError] = []
    disk.works = False
    writer.write(disk.put(1), None, failed.append)
    with pytest.raises(StoreError):
        await writer.flush()
    disk.works = True
    writer.write(disk.put(2), None, failed.append)
    await writer.flush()
    assert disk.written == [1, 2]
    assert len(failed) == 1


async def test_health_returns_once_what_failed_is_stored_though_more_keeps_coming(
    database: Database, disk: Disk
) -> None:
    writer = OrderedWriter(database)
    told: list[bool] = []
    writer.on_health(told.append)
    disk.works = False
    writer.write(disk.put(0))
    with pytest.raises(StoreError):
        await writer.flush()
    disk.works = True

    def one_more() -> None:
        if not writer.healthy:
            writer.write(disk.put(1), one_more)

    writer.write(disk.put(1), one_more)
    writer.write(disk.put(1), one_more)
    await writer.flush()
    assert told == [False, True]
    await writer.flush()


async def test_flush_does_not_wait_for_what_comes_after_it(database: Database, disk: Disk) -> None:
    writer = OrderedWriter(database)
    stored = asyncio.Event()

    def endless() -> None:
        if not stored.is_set():
            writer.write(disk.put(1), endless)

    endless()
    await asyncio.wait_for(writer.flush(), timeout=5)
    assert disk.written
    stored.set()
    await writer.flush()


async def test_a_write_wanted_at_once_is_with_the_disk_before_the_loop_turns(database: Database, disk: Disk) -> None:
    writer = OrderedWriter(database)
    writer.write(disk.put(1))
    writer.write(disk.put(2), at_once=True)
    deadline_s = time.monotonic() + 5.0
    while disk.written != [1, 2] and time.monotonic() < deadline_s:
        time.sleep(0.001)  # noqa: ASYNC251 - the loop is to stand still
    writer.write(disk.put(3))
    assert disk.written == [1, 2]
    await writer.flush()
    assert disk.written == [1, 2, 3]


async def test_a_disk_that_failed_is_tried_no_sooner_for_a_write_wanted_at_once(database: Database, disk: Disk) -> None:
    writer = OrderedWriter(database, retry_s=3600)
    disk.works = False
    writer.write(disk.put(1))
    with pytest.raises(StoreError):
        await writer.flush()
    disk.works = True
    writer.write(disk.put(2), at_once=True)
    await database.run(lambda _: None)
    assert disk.written == []
    await writer.flush()
    assert disk.written == [1, 2]


async def test_a_stopped_writer_fails_what_comes_and_says_so(database: Database, disk: Disk) -> None:
    writer = OrderedWriter(database)
    writer.stop()
    told: asyncio.Queue[StoreError] = asyncio.Queue()
    writer.write(disk.put(1), None, told.put_nowait)
    assert "closed" in str(await told.get())
    assert disk.written == []
