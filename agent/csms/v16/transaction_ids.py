"""Which transaction a back-end means by its integer."""

from typing import Protocol

from agent.domain.delivery import TransactionAtCsms


class TransactionIds(Protocol):
    """What 1.6 needs of the journal."""

    def transaction_of_csms_id(self, csms_transaction_id: int) -> str | None:
        """Return our id of the transaction that the back-end calls so."""

    def at_csms(self, transaction_id: str) -> TransactionAtCsms:
        """Tell how far the back-end knows this transaction."""
