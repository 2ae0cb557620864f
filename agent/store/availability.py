"""The availability table: what the back-end last ordered of each EVSE (0: the station)."""

import sqlite3


def put(connection: sqlite3.Connection, evse_id: int, *, operative: bool) -> None:
    """Keep the order for this EVSE."""
    connection.execute("INSERT OR REPLACE INTO availability (evse_id, operative) VALUES (?, ?)", (evse_id, operative))


def load(connection: sqlite3.Connection) -> dict[int, bool]:
    """Operative or not, by EVSE id; one that was never ordered is missing."""
    return {row[0]: bool(row[1]) for row in connection.execute("SELECT evse_id, operative FROM availability")}
