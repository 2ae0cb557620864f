"""The transaction tables: the open transaction of each EVSE, and how far a back-end knows each transaction."""

import sqlite3

from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class TransactionRecord:
    """What is kept of a transaction beside its facts."""

    transaction_id: str
    ended: bool = False
    start_acknowledged: bool = False
    csms_transaction_id: int | None = None
    owner: str | None = None
    """URL and version of the back-end that acknowledged its start."""


def put_open_state(connection: sqlite3.Connection, evse_id: int, state: str | None) -> None:
    """Keep the state of the transaction that is open at this EVSE; None: none is."""
    if state is None:
        connection.execute("DELETE FROM open_transactions WHERE evse_id = ?", (evse_id,))
    else:
        connection.execute("INSERT OR REPLACE INTO open_transactions VALUES (?, ?)", (evse_id, state))


def open_states(connection: sqlite3.Connection) -> dict[int, str]:
    """State of every open transaction by EVSE."""
    return dict(connection.execute("SELECT evse_id, state FROM open_transactions"))


def put(connection: sqlite3.Connection, record: TransactionRecord) -> None:
    """Keep this record in place of any older one."""
    connection.execute(
        "INSERT OR REPLACE INTO transactions (transaction_id, ended, start_acknowledged, csms_transaction_id, owner)"
        " VALUES (?, ?, ?, ?, ?)",
        (
            record.transaction_id,
            record.ended,
            record.start_acknowledged,
            record.csms_transaction_id,
            record.owner,
        ),
    )


def load_live(connection: sqlite3.Connection) -> list[TransactionRecord]:
    """Transactions that have not ended or still have facts to send."""
    found = connection.execute(
        "SELECT transaction_id, ended, start_acknowledged, csms_transaction_id, owner FROM transactions"
        " WHERE ended = 0 OR EXISTS (SELECT 1 FROM journal"
        " WHERE state = 'queued' AND journal.transaction_id = transactions.transaction_id)"
    )
    return [TransactionRecord(row[0], bool(row[1]), bool(row[2]), row[3], row[4]) for row in found]


def sweep(connection: sqlite3.Connection) -> list[str]:
    """Close the record of transactions that are neither ended nor open at any EVSE; returns their ids.

    One commit holds a fact and the state that goes with it, so there is none unless somebody edited the file.
    """
    found = connection.execute(
        "SELECT transaction_id FROM transactions WHERE ended = 0"
        " AND NOT EXISTS (SELECT 1 FROM open_transactions WHERE instr(state, transaction_id) > 0)"
    ).fetchall()
    if found:
        connection.executemany("UPDATE transactions SET ended = 1 WHERE transaction_id = ?", found)
    return [row[0] for row in found]


def prune(connection: sqlite3.Connection, step: int) -> int:
    """Delete at most `step` ended transactions of which the journal holds nothing any more; returns how many."""
    return connection.execute(
        "DELETE FROM transactions WHERE transaction_id IN (SELECT transaction_id FROM transactions WHERE ended = 1"
        " AND transaction_id NOT IN (SELECT transaction_id FROM journal WHERE transaction_id IS NOT NULL) LIMIT ?)",
        (step,),
    ).rowcount
