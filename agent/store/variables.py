"""The variable table: device-model values that differ from their default. No configuration file's value stands here."""

import sqlite3

from agent.domain.variable import VariableKey

_ACTUAL = "Actual"
_NO_ID = 0
"""EVSE and connector ids start at 1; a key column cannot be NULL."""


def put(connection: sqlite3.Connection, key: VariableKey, value: str) -> None:
    """Keep a value."""
    connection.execute(
        "INSERT OR REPLACE INTO variables (component, component_instance, evse_id, connector_id, variable, instance,"
        " attribute, value) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (*_columns(key), value),
    )


def load(connection: sqlite3.Connection) -> dict[VariableKey, str]:
    """Every kept value."""
    found = connection.execute(
        "SELECT component, variable, instance, component_instance, evse_id, connector_id, value"
        " FROM variables WHERE attribute = ?",
        (_ACTUAL,),
    )
    return {
        VariableKey(row[0], row[1], row[2] or None, row[3] or None, row[4] or None, row[5] or None): row[6]
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
        _ACTUAL,
    )
