"""The reservations table: those that were neither used, cancelled nor over when last seen."""

import logging
import sqlite3
from typing import cast

from agent.domain.reservation import Reservation
from agent.store.errors import StoreError
from agent.store.json_codec import decode, encode

logger = logging.getLogger(__name__)


def put(connection: sqlite3.Connection, reservation: Reservation) -> None:
    """Keep a reservation, in place of the one with the same id."""
    connection.execute(
        "INSERT OR REPLACE INTO reservations (reservation_id, reservation) VALUES (?, ?)",
        (reservation.reservation_id, encode(reservation)),
    )


def delete(connection: sqlite3.Connection, reservation_id: int) -> None:
    """Forget a reservation."""
    connection.execute("DELETE FROM reservations WHERE reservation_id = ?", (reservation_id,))


def load(connection: sqlite3.Connection) -> list[Reservation]:
    """Every reservation; one that cannot be read is said so and left out."""
    found = []
    for reservation_id, text in connection.execute(
        "SELECT reservation_id, reservation FROM reservations ORDER BY reservation_id"
    ):
        try:
            found.append(cast("Reservation", decode(text, Reservation)))
        except StoreError:
            logger.exception("reservation cannot be read, it is not kept id=%d", reservation_id)
    return found
