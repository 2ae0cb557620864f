"""How much of each transaction is still to be delivered: a rule, in memory, with O(1) answers."""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from agent.domain.delivery import same_owner
from agent.store.transactions import TransactionRecord

REMEMBERED = 256
"""Finished transactions that are still remembered, for answers that come late."""


class Deliveries:
    """Records of live transactions and the number of queued rows of each; None stands for rows outside any."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._records: dict[str, TransactionRecord] = {}
        self._finished: OrderedDict[str, None] = OrderedDict()
        self._queued: Counter[str | None] = Counter()
        self._by_csms_id: dict[int, dict[str, None]] = {}
        """Several back-ends may give the same number."""
        self._total = 0

    def load(self, records: Iterable[TransactionRecord], queued: Mapping[str | None, int]) -> None:
        """Begin with what was stored."""
        self._queued.update(queued)
        self._total = sum(queued.values())
        for record in records:
            self.put(record)

    @property
    def queued_count(self) -> int:
        """Rows that the back-end has not acknowledged and that are not given up."""
        return self._total

    def has_queued(self, transaction_id: str | None) -> bool:
        """Tell whether rows of this transaction (None: any rows) are queued."""
        return self._total > 0 if transaction_id is None else transaction_id in self._queued

    def unsettled_owners(self) -> set[str]:
        """Return to whom transactions belong that are open, or of which rows are queued."""
        return {
            record.owner
            for transaction_id, record in self._records.items()
            if record.owner is not None and (not record.ended or transaction_id in self._queued)
        }

    def record(self, transaction_id: str) -> TransactionRecord:
        """Return what is known of a transaction."""
        return self._records.get(transaction_id) or TransactionRecord(transaction_id)

    def knows(self, transaction_id: str) -> bool:
        """Tell whether this transaction is live or remembered."""
        return transaction_id in self._records

    def transaction_of_csms_id(self, csms_transaction_id: int, owner: str | None = None) -> str | None:
        """Return our id of the transaction that the back-end calls so; without `owner`, whoever gave the number."""
        for transaction_id in reversed(self._by_csms_id.get(csms_transaction_id, {})):
            known = self._records[transaction_id].owner
            if owner is None or known is None or same_owner(known, owner):
                return transaction_id
        return None

    def put(self, record: TransactionRecord) -> None:
        """Keep a changed record."""
        self._records[record.transaction_id] = record
        if record.csms_transaction_id is not None:
            named = self._by_csms_id.setdefault(record.csms_transaction_id, {})
            named.pop(record.transaction_id, None)  # the last one told comes first
            named[record.transaction_id] = None
        self._forget_finished(record.transaction_id)

    def end(self, transaction_id: str) -> TransactionRecord:
        """Note that nothing follows of this transaction; returns the changed record."""
        record = replace(self.record(transaction_id), ended=True)
        self.put(record)
        return record

    def queue(self, transaction_id: str | None) -> None:
        """Count one more row."""
        self._queued[transaction_id] += 1
        self._total += 1

    def settle(self, transaction_id: str | None) -> None:
        """Count one row less."""
        self._queued[transaction_id] -= 1
        self._total -= 1
        if self._queued[transaction_id] <= 0:
            del self._queued[transaction_id]
            if transaction_id is not None:
                self._forget_finished(transaction_id)

    def _forget_finished(self, transaction_id: str) -> None:
        record = self._records.get(transaction_id)
        if record is None or not record.ended or transaction_id in self._queued:
            return
        self._finished[transaction_id] = None
        self._finished.move_to_end(transaction_id)
        while len(self._finished) > self._remembered:
            forgotten, _ = self._finished.popitem(last=False)
            csms_id = self._records.pop(forgotten).csms_transaction_id
            if csms_id is not None:
                self._by_csms_id[csms_id].pop(forgotten, None)
                if not self._by_csms_id[csms_id]:
                    del self._by_csms_id[csms_id]
