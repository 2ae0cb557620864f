"""The table of samples that the end of an open transaction tells once more; it ends with its transaction.

A sample is stored in the commit of the fact that tells it, and thinned by the numbers of `agent.domain.kept_samples`.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import cast

from agent.domain.facts import Fact, Sample, TransactionEnded, TransactionStarted, TransactionUpdated
from agent.domain.kept_samples import KeptSample, KeptSamples, stride
from agent.store.errors import StoreError
from agent.store.json_codec import decode, encode
from hal.value import dataclass

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Row:
    transaction_id: str
    context: str
    number: int
    text: str


def changes(facts: Sequence[Fact]) -> Callable[[sqlite3.Connection], None]:
    """Return what these facts do to the table; harmless if done twice. Raises: StoreError if a sample is no text."""
    rows = [row for fact in facts for row in _rows(fact)]
    over = [(fact.transaction_id,) for fact in facts if isinstance(fact, TransactionEnded)]

    def change(connection: sqlite3.Connection) -> None:
        for row in rows:
            _put(connection, row)
        if over:
            connection.executemany("DELETE FROM transaction_samples WHERE transaction_id = ?", over)

    return change


def load(connection: sqlite3.Connection) -> dict[str, KeptSamples]:
    """Return the samples of each transaction that has not ended, and delete all others."""
    connection.execute(
        "DELETE FROM transaction_samples WHERE transaction_id NOT IN"
        " (SELECT transaction_id FROM transactions WHERE ended = 0)"
    )
    found: dict[str, list[KeptSample]] = {}
    for transaction_id, number, text in connection.execute(
        "SELECT transaction_id, number, sample FROM transaction_samples"
    ):
        try:
            sample = cast("Sample", decode(text, Sample))
        except StoreError as error:
            logger.warning("sample cannot be read transaction=%s number=%d error=%s", transaction_id, number, error)
            continue
        found.setdefault(transaction_id, []).append(KeptSample(number, sample))
    return {transaction_id: KeptSamples(samples) for transaction_id, samples in found.items()}


def _rows(fact: Fact) -> Iterable[_Row]:
    match fact:
        case TransactionStarted(samples=samples):
            number: int | None = 0
        case TransactionUpdated(samples=samples, kept_as=number):
            pass
        case _:
            return
    if number is not None:
        for sample in samples:
            yield _Row(fact.transaction_id, sample.context.value, number, encode(sample))


def _put(connection: sqlite3.Connection, row: _Row) -> None:
    connection.execute(
        "DELETE FROM transaction_samples WHERE transaction_id = ? AND context = ? AND number % ? != 0",
        (row.transaction_id, row.context, stride(row.number + 1)),
    )
    connection.execute(
        "INSERT OR REPLACE INTO transaction_samples (transaction_id, context, number, sample) VALUES (?, ?, ?, ?)",
        (row.transaction_id, row.context, row.number, row.text),
    )
