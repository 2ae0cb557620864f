"""Facts that wait for the back-end to which their transaction belongs, for as long as the station is at another one.

They stand in the journal as dead letters whose reason names the owner, so that older firmware keeps them as well.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from agent.store import journal_rows, transactions
from agent.store.journal_rows import StoredRow
from agent.store.transactions import TransactionRecord
from hal.value import dataclass

_REASON = "belongs to "


@dataclass(frozen=True, slots=True)
class ParkedFact:
    """One fact, as it is journalled."""

    row_id: int
    transaction_id: str
    owner: str
    """Back-end and version, as `agent.domain.delivery.owner_name` writes them."""
    parked_at: datetime
    fact_json: str


@dataclass(frozen=True, slots=True)
class Released:
    """What came of a release."""

    queued: Mapping[str, int]
    """How many facts of each transaction are queued again."""
    records: Sequence[TransactionRecord]
    oldest: Sequence[StoredRow]
    """The oldest queued rows now, at most as many as were asked for."""


def reason_for(owner: str) -> str:
    """The reason under which a fact is set aside."""
    return _REASON + owner


def owner_in(reason: str | None) -> str | None:
    """The owner for whom a dead letter waits; None if it was set aside for another reason."""
    return reason.removeprefix(_REASON) if reason is not None and reason.startswith(_REASON) else None


def owners(connection: sqlite3.Connection) -> set[str]:
    """Everybody for whom something is parked."""
    return {row[0] for row in connection.execute("SELECT DISTINCT owner FROM parked")}


def release(connection: sqlite3.Connection, owner: str, limit: int) -> Released:
    """Queue what is parked for this owner again, at its old place."""
    found = connection.execute(
        "SELECT transaction_id, count(*) FROM parked WHERE owner = ? GROUP BY transaction_id", (owner,)
    )
    queued = dict(found.fetchall())
    connection.execute(
        "UPDATE journal SET state = 'queued', settled_at = NULL, reason = NULL, attempts = 0"
        " WHERE state = 'dead' AND reason = ?",
        (reason_for(owner),),
    )
    records = [record for record in transactions.load_live(connection) if record.transaction_id in queued]
    return Released(queued, records, journal_rows.queued_after(connection, 0, limit))


def parked_facts(connection: sqlite3.Connection) -> list[ParkedFact]:
    """Everything that is parked, oldest first."""
    found = connection.execute("SELECT row_id, transaction_id, owner, parked_at, fact FROM parked ORDER BY row_id")
    return [ParkedFact(row[0], row[1], row[2], datetime.fromtimestamp(row[3], UTC), row[4]) for row in found]
