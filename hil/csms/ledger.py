"""Rule: the ledger of a back-end, which recognises logical transactions however often their messages arrive.

It counts arrivals, also of messages whose answer was scripted to be lost or an error: the back-end has seen them.
"""

from typing import Any

from hil.csms.ledger_v16 import Ledger16, StartReceipt
from hil.csms.ledger_v201 import Ledger201
from hil.csms.ledger_values import Anomaly, LogicalTransaction, Payload

TRANSACTION_ACTIONS = frozenset({"StartTransaction", "StopTransaction", "MeterValues", "TransactionEvent"})


class Ledger:
    """All transactions of all stations, both versions."""

    def __init__(self, *, reuse_ids: bool = True, first_id: int = 1) -> None:
        """`reuse_ids`: answer a repeated 1.6 StartTransaction with the id of the first."""
        self.anomalies: list[Anomaly] = []
        self._v16 = Ledger16(self.anomalies, reuse_ids=reuse_ids, first_id=first_id)
        self._v201 = Ledger201(self.anomalies)

    @property
    def reuses_ids(self) -> bool:
        """True while a repeated 1.6 StartTransaction gets the id of the first."""
        return self._v16.reuse_ids

    def reuse_ids(self, *, reuse: bool) -> None:
        """Say whether a repeated 1.6 StartTransaction gets the id of the first from now on."""
        self._v16.reuse_ids = reuse

    def record(
        self, identity: str, action: str, payload: Payload, assigned_id: int | None = None
    ) -> StartReceipt | None:
        """Take one valid request; a StartTransaction gives the id to answer with."""
        match action:
            case "StartTransaction":
                return self._v16.start(identity, payload, assigned_id)
            case "StopTransaction":
                self._v16.stop(identity, payload)
            case "MeterValues" if "connectorId" in payload:
                self._v16.meter_values(identity, payload)
            case "TransactionEvent":
                self._v201.event(identity, payload)
            case _:
                pass
        return None

    @property
    def transactions(self) -> list[LogicalTransaction]:
        """In order of arrival within each version."""
        return [*self._v16.transactions, *self._v201.transactions]

    @property
    def open_transactions(self) -> list[LogicalTransaction]:
        """Not ended yet."""
        return [transaction for transaction in self.transactions if not transaction.ends]

    @property
    def repeats(self) -> int:
        """Physical messages that said nothing new."""
        return sum(transaction.repeats for transaction in self.transactions)

    @property
    def conflicts(self) -> int:
        """Logical messages that came with two contents."""
        return sum(transaction.conflicts for transaction in self.transactions)

    def problems(self) -> list[Anomaly]:
        """Every anomaly, and every transaction with a missing seqNo; an open transaction is no problem."""
        gaps = [
            Anomaly("seq_no_gap", gap.identity, gap.transaction_id, f"missing {gap.missing_seq_nos}")
            for gap in self.transactions
            if gap.missing_seq_nos
        ]
        return [*self.anomalies, *gaps]

    def to_json(self) -> dict[str, Any]:
        """Give the whole ledger as JSON values."""
        return {
            "transactions": [transaction.to_json() for transaction in self.transactions],
            "problems": [problem.to_json() for problem in self.problems()],
            "open": len(self.open_transactions),
            "repeats": self.repeats,
            "conflicts": self.conflicts,
        }
