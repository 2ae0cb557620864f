"""The meta table: single named values, the boot id for instance."""

import sqlite3


def put(connection: sqlite3.Connection, name: str, value: str) -> None:
    """Keep a value."""
    connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))


def get(connection: sqlite3.Connection, name: str) -> str | None:
    """Return the value of this name, None if there is none."""
    found = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if found is None else str(found[0])
