"""The register table: the last energy register known of each EVSE."""

import sqlite3
from datetime import datetime
from decimal import Decimal

from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class LastRegister:
    """What the lifetime register said, Wh, and when (UTC)."""

    register_wh: Decimal
    at: datetime


def put(connection: sqlite3.Connection, evse_id: int, register: LastRegister) -> None:
    """Keep the register of this EVSE."""
    connection.execute(
        "INSERT OR REPLACE INTO registers (evse_id, register_wh, at) VALUES (?, ?, ?)",
        (evse_id, str(register.register_wh), register.at.isoformat()),
    )


def load(connection: sqlite3.Connection) -> dict[int, LastRegister]:
    """Return registers by EVSE."""
    found = connection.execute("SELECT evse_id, register_wh, at FROM registers")
    return {row[0]: LastRegister(Decimal(row[1]), datetime.fromisoformat(row[2])) for row in found}
