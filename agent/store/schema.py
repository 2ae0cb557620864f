"""Numbered migrations, each in one transaction, expand-only.

Every database records the oldest schema that can still read it (`readable_from` in a migration's first line), so that
the older firmware can open it after a fallback; only below that floor is it refused.
"""

import sqlite3
from pathlib import Path

from agent.store.errors import StoreError

MIGRATIONS = Path(__file__).parent / "migrations"
_FLOOR_MARK = "-- readable_from: "


def bring_up_to_date(connection: sqlite3.Connection, path: Path, migrations: Path = MIGRATIONS) -> None:
    """Apply what is missing. Raises: StoreError if a newer firmware's database is not readable by this one."""
    files = sorted(migrations.glob("[0-9]*.sql"))
    newest = _number(files[-1])
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > newest:
        _check_floor(connection, path, newest)
        return
    for file in files:
        if _number(file) > version:
            _apply(connection, file)


def _number(file: Path) -> int:
    return int(file.name.partition("_")[0])


def _check_floor(connection: sqlite3.Connection, path: Path, newest: int) -> None:
    floor = connection.execute("SELECT readable_from FROM schema_floor").fetchone()[0]
    if floor > newest:
        raise StoreError(
            f"{path} was written by a newer firmware and needs schema {floor} or later, this firmware knows {newest}: "
            "install the newer firmware again"
        )


def _apply(connection: sqlite3.Connection, file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    first_line = text.partition("\n")[0]
    if not first_line.startswith(_FLOOR_MARK):
        raise StoreError(f"migration {file.name} does not say in its first line what it is readable from")
    floor = int(first_line.removeprefix(_FLOOR_MARK))
    number = _number(file)
    try:
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{text}\n"
            "DELETE FROM schema_floor;\n"
            f"INSERT INTO schema_floor (readable_from) VALUES ({floor});\n"
            f"PRAGMA user_version = {number};\nCOMMIT;"
        )
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
