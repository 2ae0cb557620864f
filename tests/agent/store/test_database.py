import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest

from agent.store import meta
from agent.store.database import Database, Operation
from agent.store.errors import StoreError
from agent.store.executors import Executor, InlineExecutor, WriterThread
from tests.agent.store.disk_limits import file_size_limit

MakeExecutor = Callable[[], Executor[Operation]]


@pytest.fixture(params=[WriterThread[Operation], InlineExecutor[Operation]], ids=["thread", "inline"])
def make_executor(request: pytest.FixtureRequest) -> MakeExecutor:
    made: MakeExecutor = request.param
    return made


@pytest.fixture
async def database(tmp_path: Path, make_executor: MakeExecutor) -> AsyncIterator[Database]:
    database = Database(tmp_path / "store.db", make_executor())
    await database.open()
    yield database
    await database.close()


def put(value: int) -> Callable[[sqlite3.Connection], None]:
    return lambda connection: meta.put(connection, f"{value:04}", str(value))


def all_values(connection: sqlite3.Connection) -> list[int]:
    return [int(row[0]) for row in connection.execute("SELECT value FROM meta ORDER BY name")]


def fail(connection: sqlite3.Connection) -> None:
    meta.put(connection, "trace", "1")
    raise LookupError("of its own")


def fail_in_sql(connection: sqlite3.Connection) -> None:
    meta.put(connection, "trace", "1")
    connection.execute("INSERT INTO no_such_table VALUES (1)")


def unexpected(error: StoreError) -> None:
    raise AssertionError(error)


async def test_the_file_is_in_wal_mode_with_full_synchronisation_and_private(
    tmp_path: Path, database: Database
) -> None:
    def pragmas(connection: sqlite3.Connection) -> list[object]:
        wanted = ("journal_mode", "synchronous", "foreign_keys")
        return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in wanted]

    assert await database.run(pragmas) == ["wal", 2, 1]
    assert stat.S_IMODE((tmp_path / "store.db").stat().st_mode) == 0o600


async def test_operations_run_in_the_order_in_which_they_were_queued(database: Database) -> None:
    performed: list[int] = []
    done: list[int] = []

    def perform(number: int, _: sqlite3.Connection) -> int:
        performed.append(number)
        return number

    for number in range(100):
        database.submit(partial(perform, number), unexpected, done.append)
    await database.run(lambda _: None)
    assert performed == done == list(range(100))


async def test_what_is_queued_together_shares_one_commit(database: Database) -> None:
    starts: list[str] = []
    await database.run(lambda connection: connection.set_trace_callback(starts.append))
    database.submit(lambda _: None, unexpected)
    for number in range(50):
        database.submit(put(number), unexpected)
    await database.run(lambda connection: connection.set_trace_callback(None))
    assert starts.count("COMMIT") <= 3


async def test_nothing_is_acknowledged_before_its_commit(tmp_path: Path, database: Database) -> None:
    seen: list[list[int]] = []

    def look(_: None) -> None:
        with sqlite3.connect(tmp_path / "store.db") as other:
            seen.append(all_values(other))
        other.close()

    for number in range(3):
        database.submit(put(number), unexpected, look)
    await database.run(lambda _: None)
    assert all(index in values for index, values in enumerate(seen))


@pytest.mark.parametrize("failing", [fail, fail_in_sql])
async def test_an_operation_that_raises_leaves_no_trace_and_its_neighbours_alone(
    database: Database, failing: Callable[[sqlite3.Connection], None]
) -> None:
    errors: list[StoreError] = []
    database.submit(put(1), unexpected)
    database.submit(failing, errors.append)
    database.submit(put(2), unexpected)
    assert await database.run(all_values) == [1, 2]
    assert len(errors) == 1


async def test_an_alone_failing_operation_leaves_no_trace(database: Database) -> None:
    with pytest.raises(LookupError, match="of its own"):
        await database.run(fail)
    with pytest.raises(StoreError, match="no such table"):
        await database.run(fail_in_sql)
    assert await database.run(all_values) == []


async def test_close_performs_what_is_queued(tmp_path: Path, make_executor: MakeExecutor) -> None:
    database = Database(tmp_path / "store.db", make_executor())
    await database.open()
    for number in range(20):
        database.submit(put(number), unexpected)
    await database.close()
    again = Database(tmp_path / "store.db", make_executor())
    await again.open()
    assert await again.run(all_values) == list(range(20))
    await again.close()


async def test_a_closed_database_refuses_by_name(tmp_path: Path) -> None:
    database = Database(tmp_path / "store.db")
    with pytest.raises(StoreError, match="not open"):
        await database.run(all_values)


async def test_a_cancelled_caller_does_not_stop_the_operation(database: Database) -> None:
    task = asyncio.ensure_future(database.run(put(7)))
    await asyncio.sleep(0)
    task.cancel()
    assert await database.run(all_values) == [7]


async def test_a_full_disk_reaches_the_caller_and_later_operations_are_tried(database: Database) -> None:
    pages = await database.run(lambda connection: connection.execute("PRAGMA page_count").fetchone()[0])
    await database.run(lambda connection: connection.execute(f"PRAGMA max_page_count={pages}").fetchone())
    errors: list[StoreError] = []
    database.submit(put(1), unexpected)
    database.submit(lambda connection: meta.put(connection, "big", "9" * 50_000), errors.append)
    database.submit(put(2), unexpected)
    assert await database.run(all_values) == [1, 2]
    assert "full" in str(errors[0])
    await database.run(lambda connection: connection.execute("PRAGMA max_page_count=1000000").fetchone())
    await database.run(lambda connection: meta.put(connection, "big", "9" * 50_000))


async def test_a_connection_that_became_read_only_is_opened_anew(database: Database) -> None:
    await database.run(lambda connection: connection.execute("PRAGMA query_only=1"))
    with pytest.raises(StoreError, match="readonly"):
        await database.run(put(1))
    await database.run(put(2))
    assert await database.run(all_values) == [2]


async def test_an_input_output_error_reaches_the_caller_and_the_disk_is_tried_again(database: Database) -> None:
    await database.run(put(1))
    with file_size_limit(0):
        with pytest.raises(StoreError):
            await database.run(put(2))
        with pytest.raises(StoreError):
            await database.run(put(3))
    await database.run(put(4))
    assert await database.run(all_values) == [1, 4]


async def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(
    tmp_path: Path, make_executor: MakeExecutor
) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"not a database, but perhaps somebody's transactions" * 100)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="left as it is"):
        await Database(path, make_executor()).open()
    assert path.read_bytes() == before
    assert not any((tmp_path / f"store.db{suffix}").exists() for suffix in ("-wal", "-shm", "-journal"))


async def test_an_empty_file_is_a_new_database(tmp_path: Path, make_executor: MakeExecutor) -> None:
    (tmp_path / "store.db").touch()
    database = Database(tmp_path / "store.db", make_executor())
    await database.open()
    assert await database.run(all_values) == []
    await database.close()


async def test_a_missing_folder_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"nowhere/store.db cannot be opened: No such file"):
        await Database(tmp_path / "nowhere" / "store.db").open()
