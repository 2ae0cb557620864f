"""The journal table: facts in order, each queued, sent or dead (given up, and kept to be seen)."""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

from agent.domain.facts import Fact, JournalRow, StationFact
from agent.store.errors import StoreError
from agent.store.json_codec import decode, encode
from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A queued row as it stands in the table: not decoded yet."""

    row_id: int
    transaction_id: str | None
    text: str
    attempts: int = 0
    message_ids: tuple[str, ...] = ()

    def journal_row(self) -> JournalRow:
        """Decode. Raises: StoreError."""
        return JournalRow(self.row_id, decode_fact(self.text), self.attempts, self.message_ids)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A fact that was given up."""

    row_id: int
    transaction_id: str | None
    fact: Fact | None
    """None if this firmware cannot read it."""
    attempts: int
    reason: str
    at: datetime


def transaction_of(fact: Fact) -> str | None:
    """Return the transaction that a fact belongs to."""
    return None if isinstance(fact, StationFact) else fact.transaction_id


def rows_of(facts: Sequence[Fact], last_row_id: int) -> tuple[list[JournalRow], list[StoredRow]]:
    """Number facts and write them as the table keeps them. Raises: StoreError."""
    stored = [
        StoredRow(last_row_id + index, transaction_of(fact), encode_fact(fact))
        for index, fact in enumerate(facts, start=1)
    ]
    return [JournalRow(row.row_id, fact) for row, fact in zip(stored, facts, strict=True)], stored


def encode_fact(fact: Fact) -> str:
    """Write a fact as the table keeps it. Raises: StoreError."""
    return encode(fact)


def decode_fact(text: str) -> Fact:
    """Read a fact. Raises: StoreError."""
    return cast("Fact", decode(text, Fact))


def insert(connection: sqlite3.Connection, rows: Sequence[StoredRow]) -> None:
    """Queue rows; one that is there already stays as it is.

    A commit whose fdatasync failed counts as failed, yet may be found done once the file is opened again: the second
    try must not stumble over the first.
    """
    connection.executemany(
        "INSERT OR IGNORE INTO journal (row_id, transaction_id, fact, state) VALUES (?, ?, ?, 'queued')",
        [(row.row_id, row.transaction_id, row.text) for row in rows],
    )


def queued_after(connection: sqlite3.Connection, row_id: int, limit: int) -> list[StoredRow]:
    """Queued rows behind this one, oldest first."""
    found = connection.execute(
        "SELECT row_id, transaction_id, fact, attempts, message_ids FROM journal INDEXED BY journal_queued"
        " WHERE state = 'queued' AND row_id > ? ORDER BY row_id LIMIT ?",
        (row_id, limit),
    )
    return [StoredRow(row[0], row[1], row[2], row[3], tuple(row[4].split())) for row in found]


def queued_per_transaction(connection: sqlite3.Connection) -> dict[str | None, int]:
    """How many rows of each transaction are queued; None: outside any."""
    return dict(
        connection.execute(
            "SELECT transaction_id, count(*) FROM journal WHERE state = 'queued' GROUP BY transaction_id"
        )
    )


def last_row_id(connection: sqlite3.Connection) -> int:
    """Return the highest id so far, 0 if there is none. Pruning leaves the newest row, so ids are never used again."""
    return int(connection.execute("SELECT coalesce(max(row_id), 0) FROM journal").fetchone()[0])


def note_attempt(connection: sqlite3.Connection, row: JournalRow) -> None:
    """Keep the number of tries and the message ids that were used."""
    connection.execute(
        "UPDATE journal SET attempts = ?, message_ids = ? WHERE row_id = ?",
        (row.attempts, " ".join(row.message_ids), row.row_id),
    )


def mark_sent(connection: sqlite3.Connection, row_id: int, at: datetime) -> None:
    """Note that the back-end has it; also of a row that had been given up and was answered late."""
    connection.execute(
        "UPDATE journal SET state = 'sent', settled_at = ?, reason = NULL WHERE row_id = ?", (_seconds(at), row_id)
    )


def mark_dead(connection: sqlite3.Connection, row_id: int, at: datetime, reason: str) -> None:
    """Give a queued row up."""
    connection.execute(
        "UPDATE journal SET state = 'dead', settled_at = ?, reason = ? WHERE row_id = ? AND state = 'queued'",
        (_seconds(at), reason, row_id),
    )


def dead_letters(connection: sqlite3.Connection, limit: int) -> list[DeadLetter]:
    """Rows given up, newest first."""
    found = connection.execute(
        "SELECT row_id, transaction_id, fact, attempts, reason, settled_at FROM journal"
        " WHERE state = 'dead' ORDER BY row_id DESC LIMIT ?",
        (limit,),
    )
    return [
        DeadLetter(row[0], row[1], _readable(row[2]), row[3], row[4], datetime.fromtimestamp(row[5], UTC))
        for row in found
    ]


def prune(connection: sqlite3.Connection, now: datetime, keep: timedelta, keep_rows: int, step: int) -> int:
    """Delete at most `step` sent rows that are older than `keep` or beyond the newest `keep_rows`; returns how many.

    Dead rows stay until they number more than `keep_rows`; queued ones stay whatever happens.
    """
    oldest = _seconds(now - keep)
    last = last_row_id(connection)
    deleted = 0
    for state, before in (("sent", oldest), ("dead", 0)):
        deleted += connection.execute(
            "DELETE FROM journal WHERE row_id IN (SELECT row_id FROM journal WHERE state = :state AND row_id < :last"
            " AND (settled_at < :before OR row_id <= coalesce((SELECT row_id FROM journal WHERE state = :state"
            " ORDER BY row_id DESC LIMIT 1 OFFSET :keep_rows), 0)) ORDER BY row_id LIMIT :step)",
            {"state": state, "last": last, "before": before, "keep_rows": keep_rows, "step": step},
        ).rowcount
    return deleted


def _readable(text: str) -> Fact | None:
    try:
        return decode_fact(text)
    except StoreError:
        return None


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
