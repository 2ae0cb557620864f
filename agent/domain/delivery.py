"""How far a back-end knows what the journal holds."""

from typing import Protocol

from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class TransactionAtCsms:
    """How far the back-end knows a transaction: 1.6 needs its id before anything else of it can be sent."""

    start_acknowledged: bool = False
    csms_transaction_id: int | None = None


class NumberedTransactions(Protocol):
    """What the journal knows of the numbers that 1.6 back-ends give."""

    def transaction_of_csms_id(self, csms_transaction_id: int, owner: str | None = None) -> str | None:
        """Return our id of the transaction that the back-end calls so."""

    def at_csms(self, transaction_id: str) -> TransactionAtCsms:
        """Tell how far the back-end knows this transaction."""


@dataclass(frozen=True, slots=True)
class OwnedTransactions:
    """The transactions of one back-end: several may give the same number."""

    journal: NumberedTransactions
    owner: str

    def transaction_of_csms_id(self, csms_transaction_id: int) -> str | None:
        """Return our id of the transaction that this back-end calls so."""
        return self.journal.transaction_of_csms_id(csms_transaction_id, self.owner)

    def at_csms(self, transaction_id: str) -> TransactionAtCsms:
        """Tell how far the back-end knows this transaction."""
        return self.journal.at_csms(transaction_id)


def owner_name(back_end: str, subprotocol: str) -> str:
    """Return to whom a transaction belongs: the back-end (its URL without the scheme) and version that took its start.

    The scheme does not count: the security profile of a back-end may be raised from ws:// to wss://.
    """
    return f"{back_end.partition('://')[2] or back_end} {subprotocol}"


def same_owner(owner: str, other: str) -> bool:
    """Compare owners, also those that an older firmware wrote with their scheme."""
    return owner.partition("://")[2] == other or other.partition("://")[2] == owner or owner == other
