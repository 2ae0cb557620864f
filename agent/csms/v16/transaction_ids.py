"""Which transaction a back-end means by its integer."""

import asyncio
from typing import Final, Protocol

from agent.domain.delivery import TransactionAtCsms

PATIENCE_S: Final = 0.2
"""A back-end may ask about a transaction in the same breath in which it gave the number."""
_STEP_S: Final = 0.01
_REMEMBERED: Final = 32


class TransactionIds(Protocol):
    """What 1.6 needs of the journal."""

    def transaction_of_csms_id(self, csms_transaction_id: int) -> str | None:
        """Return our id of the transaction that the back-end calls so."""

    def at_csms(self, transaction_id: str) -> TransactionAtCsms:
        """Tell how far the back-end knows this transaction."""


class GivenNumbers:
    """Numbers as the back-end gives them: known from its answer on, before the journal has the whole row settled."""

    def __init__(self, journal: TransactionIds) -> None:
        self._journal = journal
        self._recent: dict[int, str] = {}
        self.awaited = False
        """A StartTransaction is under way, so a number that is not known yet may be just about to be."""

    def note(self, csms_transaction_id: int, transaction_id: str) -> None:
        """The back-end has just given this number."""
        self.awaited = False
        self._recent[csms_transaction_id] = transaction_id
        if len(self._recent) > _REMEMBERED:
            del self._recent[next(iter(self._recent))]

    async def transaction_of(self, csms_transaction_id: int) -> str | None:
        """Return our id of the transaction that the back-end calls so, None if it never gave that number."""
        waited_s = 0.0
        while True:
            known = self._recent.get(csms_transaction_id) or self._journal.transaction_of_csms_id(csms_transaction_id)
            if known is not None or not self.awaited or waited_s >= PATIENCE_S:
                return known
            await asyncio.sleep(_STEP_S)
            waited_s += _STEP_S
