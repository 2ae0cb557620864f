import sqlite3
from pathlib import Path

from agent.store import meta
from agent.store.database import LOG_PAGES, Database
from agent.store.log_room import PAGE_BYTES, make_log_room
from tests.agent.store.disk_limits import file_size_limit

COMMITS = 300


def log_bytes(database_file: Path) -> int:
    return Path(f"{database_file}-wal").stat().st_size


def tables(connection: sqlite3.Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


async def test_the_log_does_not_grow_once_it_has_its_room(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    database = Database(file)
    await database.open()
    before = await database.run(tables)
    await make_log_room(database)
    roomy = log_bytes(file)
    assert roomy > LOG_PAGES * PAGE_BYTES
    for number in range(COMMITS):
        await database.run(lambda connection, number=number: meta.put(connection, "value", str(number)))  # type: ignore[misc]
    assert log_bytes(file) == roomy
    assert await database.run(lambda connection: meta.get(connection, "value")) == str(COMMITS - 1)
    assert await database.run(tables) == before
    await database.close()


async def test_a_disk_without_room_for_the_log_keeps_what_it_holds(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    database = Database(file)
    await database.open()
    await database.run(lambda connection: meta.put(connection, "value", "kept"))
    with file_size_limit(log_bytes(file) + 100_000):
        await make_log_room(database)
    assert await database.run(lambda connection: meta.get(connection, "value")) == "kept"
    await database.run(lambda connection: meta.put(connection, "value", "new"))
    await database.close()
    again = Database(file)
    await again.open()
    assert await again.run(lambda connection: meta.get(connection, "value")) == "new"
    await again.close()
