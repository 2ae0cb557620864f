import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.store import journal_rows, meta, transactions
from agent.store.database import Database
from agent.store.errors import StoreError
from agent.store.executors import InlineExecutor
from agent.store.schema import MIGRATIONS, bring_up_to_date

NEWER = "-- readable_from: 1\nALTER TABLE meta ADD COLUMN note TEXT;\n"
NEWEST = max(int(file.name.partition("_")[0]) for file in MIGRATIONS.glob("*.sql"))
NEXT, LAST = NEWEST + 1, NEWEST + 2
CLOSED_TO_OLD = f"-- readable_from: {LAST}\nCREATE TABLE entirely_new (a INTEGER);\n"


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MIGRATIONS, tmp_path / "migrations"))


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as connection:
        yield connection


def schema_of(connection: sqlite3.Connection) -> tuple[int, int]:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    return version, connection.execute("SELECT readable_from FROM schema_floor").fetchone()[0]


def test_migrations_apply_in_order_and_keep_what_is_there(
    connection: sqlite3.Connection, migrations: Path, tmp_path: Path
) -> None:
    bring_up_to_date(connection, tmp_path, migrations)
    meta.put(connection, "boot", "7")
    (migrations / f"{NEXT:04}_note.sql").write_text(NEWER)
    (migrations / f"{LAST:04}_table.sql").write_text(CLOSED_TO_OLD)
    bring_up_to_date(connection, tmp_path, migrations)
    assert schema_of(connection) == (LAST, LAST)
    assert connection.execute("SELECT name, value, note FROM meta").fetchall() == [("boot", "7", None)]


def test_a_migration_that_fails_changes_nothing(
    connection: sqlite3.Connection, migrations: Path, tmp_path: Path
) -> None:
    bring_up_to_date(connection, tmp_path, migrations)
    (migrations / f"{NEXT:04}_wrong.sql").write_text(NEWER + "DROP TABLE no_such_table;\n")
    with pytest.raises(sqlite3.OperationalError):
        bring_up_to_date(connection, tmp_path, migrations)
    assert schema_of(connection) == (NEWEST, 1)
    assert [row[1] for row in connection.execute("PRAGMA table_info(meta)")] == ["name", "value"]


def test_a_migration_must_say_what_it_is_readable_from(
    connection: sqlite3.Connection, migrations: Path, tmp_path: Path
) -> None:
    (migrations / f"{NEXT:04}_silent.sql").write_text("CREATE TABLE a (b);")
    with pytest.raises(StoreError, match=rf"{NEXT:04}_silent\.sql"):
        bring_up_to_date(connection, tmp_path, migrations)


async def test_a_newer_database_opens_as_long_as_it_is_readable(
    connection: sqlite3.Connection, migrations: Path, tmp_path: Path
) -> None:
    (migrations / f"{NEXT:04}_note.sql").write_text(NEWER)
    bring_up_to_date(connection, tmp_path, migrations)
    database = Database(tmp_path / "store.db", InlineExecutor())
    await database.open()
    await database.run(lambda connection: meta.put(connection, "boot", "8"))
    assert await database.run(lambda connection: meta.get(connection, "boot")) == "8"
    await database.close()
    assert schema_of(connection) == (NEXT, 1)


async def test_a_database_below_the_floor_is_refused_in_one_sentence(
    connection: sqlite3.Connection, migrations: Path, tmp_path: Path
) -> None:
    (migrations / f"{NEXT:04}_note.sql").write_text(NEWER)
    (migrations / f"{LAST:04}_table.sql").write_text(CLOSED_TO_OLD)
    bring_up_to_date(connection, tmp_path, migrations)
    with pytest.raises(
        StoreError, match=f"newer firmware and needs schema {LAST} or later, this firmware knows {NEWEST}"
    ):
        await Database(tmp_path / "store.db").open()


def test_after_an_outage_a_start_counts_what_waits_from_an_index_and_not_from_the_facts(
    connection: sqlite3.Connection, tmp_path: Path
) -> None:
    """Requirement: 100,000 rows of the journal leave start-up time and memory flat."""
    bring_up_to_date(connection, tmp_path)
    asked: list[str] = []
    connection.set_trace_callback(asked.append)
    journal_rows.queued_per_transaction(connection)
    transactions.load_live(connection)
    connection.set_trace_callback(None)
    for question in asked:
        plan = " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {question}"))
        assert "USING COVERING INDEX journal_waiting" in plan or "USING INDEX journal_waiting" in plan, plan
    assert len(asked) == 2
