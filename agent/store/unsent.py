"""What no back-end has acknowledged, read beside a running agent: queued, parked for another back-end, or given up.

Facts are shown as they are journalled, also those that only a newer firmware can read: what is to be billed by hand
must not be lost on the way to whoever bills it.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from pathlib import Path
from typing import Any, Final

from agent.store.errors import StoreError
from agent.store.parked import owner_in
from hal.value import dataclass

_UNSENT: Final = """
SELECT row_id, transaction_id, fact, state, attempts, settled_at, reason FROM journal
WHERE state <> 'sent' OR transaction_id IN (SELECT transaction_id FROM journal WHERE state <> 'sent')
ORDER BY row_id
"""
_NUMBERS: Final = "SELECT transaction_id, csms_transaction_id, owner FROM transactions"
_SHOWN_TOKEN_CHARS: Final = 2


class Waiting(Enum):
    """Why a fact has not been acknowledged."""

    ACKNOWLEDGED = "acknowledged"
    """It has been: shown because others of its transaction have not."""
    QUEUED = "queued"
    PARKED = "parked"
    """It belongs to a back-end or OCPP version that the station is not connected with now."""
    GIVEN_UP = "given up"
    """The back-end refused it as often as was allowed, or its OCPP version has no words for it."""


@dataclass(frozen=True, slots=True)
class UnsentFact:
    """One fact as it is journalled."""

    row_id: int
    waiting: Waiting
    reason: str
    """Of a parked one its owner, of one given up why; else empty."""
    attempts: int
    settled_at: datetime | None
    fact: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class UnsentTransaction:
    """All that the journal still has of a transaction; with `transaction_id` None a fact that belongs to none."""

    transaction_id: str | None
    csms_transaction_id: int | None
    """The number that its back-end gave, if that came (OCPP 1.6)."""
    owner: str
    """Back-end and version that took its start; empty if none did."""
    facts: tuple[UnsentFact, ...]

    @property
    def open_facts(self) -> tuple[UnsentFact, ...]:
        """Those that are not acknowledged."""
        return tuple(fact for fact in self.facts if fact.waiting is not Waiting.ACKNOWLEDGED)

    @property
    def energy_wh(self) -> Decimal | None:
        """From the first register to the last; None if the journal has not both."""
        registers = [self._register(fact) for fact in self.facts]
        begins = bool(self.facts) and self.facts[0].fact.get("kind") == "TransactionStarted"
        if not begins or registers[0] is None:
            return None
        return next(last for last in reversed(registers) if last is not None) - registers[0]

    def first(self, name: str) -> Any:  # noqa: ANN401 - whatever a fact holds
        """Return what the first fact that has it says of `name`; None if none does."""
        return next((fact.fact[name] for fact in self.facts if fact.fact.get(name) is not None), None)

    def last(self, name: str) -> Any:  # noqa: ANN401 - as above
        """Return what the last fact that has it says of `name`; None if none does."""
        return next((fact.fact[name] for fact in reversed(self.facts) if fact.fact.get(name) is not None), None)

    @staticmethod
    def _register(fact: UnsentFact) -> Decimal | None:
        try:
            return Decimal(fact.fact["register_wh"])
        except (KeyError, TypeError, InvalidOperation):
            return None


def unsent(database: Path) -> list[UnsentTransaction]:
    """Read it, in the order in which it happened. Raises: StoreError."""
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            rows = connection.execute(_UNSENT).fetchall()
            numbers = {row[0]: row[1:] for row in connection.execute(_NUMBERS)}
    except sqlite3.Error as error:
        raise StoreError(f"{database} cannot be read: {error}") from error
    facts: dict[str | int, list[UnsentFact]] = {}
    for row_id, transaction_id, *rest in rows:
        facts.setdefault(transaction_id or row_id, []).append(_fact(row_id, *rest))
    return [_transaction(key, numbers, tuple(of_one)) for key, of_one in facts.items()]


def export_lines(transactions: list[UnsentTransaction], *, with_tokens: bool) -> Iterator[str]:
    """Write each as one line of JSON; tokens are shortened to their last two characters unless asked for."""
    for each in transactions:
        energy_wh = each.energy_wh
        facts = [_exported(fact, with_tokens=with_tokens) for fact in each.facts]
        told = {
            "transaction_id": each.transaction_id,
            "csms_transaction_id": each.csms_transaction_id,
            "owner": each.owner or None,
            "energy_wh": None if energy_wh is None else str(energy_wh),
            "facts": facts,
        }
        yield json.dumps(told, ensure_ascii=False) + "\n"


def _exported(fact: UnsentFact, *, with_tokens: bool) -> dict[str, Any]:
    settled_at = None if fact.settled_at is None else fact.settled_at.isoformat().replace("+00:00", "Z")
    return {
        "row_id": fact.row_id,
        "waiting": fact.waiting.value,
        "reason": fact.reason,
        "attempts": fact.attempts,
        "settled_at": settled_at,
        "fact": fact.fact if with_tokens else _without_tokens(fact.fact),
    }


def _without_tokens(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, list):
        return [_without_tokens(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    plain = {name: _without_tokens(each) for name, each in value.items()}
    if value.get("kind") == "IdToken":
        plain["value"] = f"…{str(value.get('value', ''))[-_SHOWN_TOKEN_CHARS:]}"
    return plain


def _fact(row_id: int, text: str, state: str, attempts: int, settled_at: int | None, reason: str | None) -> UnsentFact:
    owner = owner_in(reason)
    waiting = {"sent": Waiting.ACKNOWLEDGED, "queued": Waiting.QUEUED}.get(state)
    if waiting is None:
        waiting = Waiting.GIVEN_UP if owner is None else Waiting.PARKED
    at = None if settled_at is None else datetime.fromtimestamp(settled_at, UTC)
    return UnsentFact(row_id, waiting, owner or reason or "", attempts, at, _plain(text))


def _plain(text: str) -> Mapping[str, Any]:
    try:
        plain = json.loads(text)
    except ValueError:
        plain = None
    return plain if isinstance(plain, dict) else {"unreadable": text}


def _transaction(
    key: str | int, numbers: Mapping[str, tuple[int | None, str | None]], facts: tuple[UnsentFact, ...]
) -> UnsentTransaction:
    if isinstance(key, int):
        return UnsentTransaction(None, None, "", facts)
    number, owner = numbers.get(key, (None, None))
    return UnsentTransaction(key, number, owner or "", facts)
