"""The file_jobs table: the last update of the firmware and the last upload of a log, over or under way.

A state holds the location, and with it perhaps a password; the database is readable by its owner alone.
"""

import logging
import sqlite3
from typing import Final, TypeVar, cast

from agent.store.errors import StoreError
from agent.store.json_codec import decode

logger = logging.getLogger(__name__)
T = TypeVar("T")

FIRMWARE_UPDATE: Final = "firmware_update"
LOG_UPLOAD: Final = "log_upload"


def put(connection: sqlite3.Connection, name: str, text: str) -> None:
    """Keep an encoded state, in place of the one before."""
    connection.execute("INSERT OR REPLACE INTO file_jobs (name, state) VALUES (?, ?)", (name, text))


def load(connection: sqlite3.Connection, name: str, type_: type[T]) -> T | None:
    """Return the state; None if there is none, or none that can be read, which is said."""
    found = connection.execute("SELECT state FROM file_jobs WHERE name = ?", (name,)).fetchone()
    if found is None:
        return None
    try:
        return cast("T", decode(str(found[0]), type_))
    except StoreError:
        logger.exception("file job cannot be read, it is not gone on with name=%s", name)
        return None
