"""How far a back-end knows what the journal holds."""

from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class TransactionAtCsms:
    """How far the back-end knows a transaction: 1.6 needs its id before anything else of it can be sent."""

    start_acknowledged: bool = False
    csms_transaction_id: int | None = None
