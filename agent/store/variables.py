"""The variable table: device-model values that differ from their default. No configuration file's value stands here."""

import sqlite3
from dataclasses import dataclass

_NO_ID = 0
"""EVSE and connector ids start at 1; a key column cannot be NULL."""


@dataclass(frozen=True, slots=True)
class VariableKey:
    """Which attribute of which variable of which component."""

    component: str
    variable: str
    instance: str | None = None
    """Of the variable."""
    component_instance: str | None = None
    evse_id: int | None = None
    connector_id: int | None = None
    attribute: str = "Actual"


def put(connection: sqlite3.Connection, key: VariableKey, value: str) -> None:
    """Keep a value."""
    connection.execute(
        "INSERT OR REPLACE INTO variables (component, component_instance, evse_id, connector_id, variable, instance,"
        " attribute, value) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (*_columns(key), value),
    )


def delete(connection: sqlite3.Connection, key: VariableKey) -> None:
    """Go back to the default."""
    connection.execute(
        "DELETE FROM variables WHERE component = ? AND component_instance = ? AND evse_id = ? AND connector_id = ?"
        " AND variable = ? AND instance = ? AND attribute = ?",
        _columns(key),
    )


def load(connection: sqlite3.Connection) -> dict[VariableKey, str]:
    """Every kept value."""
    found = connection.execute(
        "SELECT component, variable, instance, component_instance, evse_id, connector_id, attribute, value"
        " FROM variables"
    )
    return {
        VariableKey(row[0], row[1], row[2] or None, row[3] or None, row[4] or None, row[5] or None, row[6]): row[7]
        for row in found
    }


def _columns(key: VariableKey) -> tuple[str, str, int, int, str, str, str]:
    return (
        key.component,
        key.component_instance or "",
        key.evse_id or _NO_ID,
        key.connector_id or _NO_ID,
        key.variable,
        key.instance or "",
        key.attribute,
    )
