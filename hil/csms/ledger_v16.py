"""Rule: OCPP 1.6 transactions. 1.6 has no idempotency key, so a start is known by what only it can say.

A start is (connector, idTag, timestamp, meterStart); a stop is its transactionId; meter values are what was sampled
when.
"""

from dataclasses import dataclass
from decimal import Decimal

from hil.csms.ledger_values import (
    Anomaly,
    Arrival,
    LogicalTransaction,
    Memory,
    Payload,
    registers,
    shape,
    signed_values,
)

VERSION = "1.6"


@dataclass(frozen=True, slots=True)
class StartReceipt:
    """The id that answers a StartTransaction."""

    transaction_id: int
    arrival: Arrival


class Ledger16:
    """Starts, stops and meter values of all stations on 1.6."""

    def __init__(self, anomalies: list[Anomaly], *, reuse_ids: bool, first_id: int) -> None:
        self.transactions: list[LogicalTransaction] = []
        self._anomalies = anomalies
        self.reuse_ids = reuse_ids
        self._next_ids: dict[str, int] = {}
        self._first_id = first_id
        self._memory = Memory()
        self._by_start: dict[tuple[object, ...], LogicalTransaction] = {}
        self._by_id: dict[tuple[str, int], LogicalTransaction] = {}
        self._open: dict[tuple[str, int], LogicalTransaction] = {}

    def start(self, identity: str, payload: Payload, assigned_id: int | None = None) -> StartReceipt:
        """Recognise or open a transaction; `assigned_id` replays what was answered before a restart."""
        key = (identity, *(payload.get(name) for name in ("connectorId", "idTag", "timestamp", "meterStart")))
        arrival = self._memory.arrival(("start", *key), payload)
        if arrival is Arrival.FIRST:
            transaction_id = self._new_id(identity, assigned_id)
            self._begin(key, transaction_id, payload)
            return StartReceipt(transaction_id, arrival)
        transaction = self._by_start[key]
        self._count_again(transaction, arrival, "start")
        transaction_id = int(transaction.transaction_id)
        if not self.reuse_ids:
            transaction_id = self._new_id(identity, assigned_id)
            self._by_id[identity, transaction_id] = transaction
        return StartReceipt(transaction_id, arrival)

    def stop(self, identity: str, payload: Payload) -> Arrival:
        """Close a transaction once."""
        transaction = self._by_id.get((identity, payload.get("transactionId", -1)))
        if transaction is None:
            self._report("stop_without_start", identity, str(payload.get("transactionId")), "no such transaction")
            return Arrival.FIRST
        canonical = {**payload, "transactionId": transaction.transaction_id}
        arrival = self._memory.arrival(("stop", identity, transaction.transaction_id), canonical)
        if arrival is not Arrival.FIRST:
            self._count_again(transaction, arrival, "stop")
            return arrival
        transaction.messages += 1
        transaction.ends += 1
        transaction.ended_at = payload.get("timestamp")
        transaction.stop_reason = payload.get("reason", "Local")
        transaction.signed_values += signed_values(payload.get("transactionData"))
        transaction.energy_stop_wh = Decimal(payload.get("meterStop", 0))
        self._see_register(transaction, transaction.energy_stop_wh)
        self._close(transaction)
        return arrival

    def meter_values(self, identity: str, payload: Payload) -> Arrival | None:
        """Attach samples to their transaction; None for samples outside any."""
        transaction_id = payload.get("transactionId")
        if transaction_id is None:
            return None
        transaction = self._by_id.get((identity, transaction_id))
        if transaction is None:
            self._report("meter_values_without_start", identity, str(transaction_id), "no such transaction")
            return None
        samples = payload.get("meterValue")
        canonical = {**payload, "transactionId": transaction.transaction_id}
        arrival = self._memory.arrival(("meter", identity, transaction.transaction_id, shape(samples)), canonical)
        if arrival is not Arrival.FIRST:
            self._count_again(transaction, arrival, "meter_values")
            return arrival
        transaction.messages += 1
        transaction.meter_values += 1
        if transaction.ends:
            self._report("meter_values_after_stop", identity, transaction.transaction_id, "first seen after the stop")
            return arrival
        for register in registers(samples):
            self._see_register(transaction, register.energy_wh)
        return arrival

    def _begin(self, key: tuple[object, ...], transaction_id: int, payload: Payload) -> None:
        identity = str(key[0])
        energy_wh = Decimal(payload.get("meterStart", 0))
        transaction = LogicalTransaction(
            identity,
            VERSION,
            str(transaction_id),
            evse_id=payload.get("connectorId"),
            id_token=payload.get("idTag"),
            started_at=payload.get("timestamp"),
            energy_start_wh=energy_wh,
            energy_last_wh=energy_wh,
            starts=1,
            messages=1,
        )
        connector = (identity, payload.get("connectorId", 0))
        self._complain_of_open(self._open.get(connector), transaction)
        self.transactions.append(transaction)
        self._by_start[key] = self._by_id[identity, transaction_id] = self._open[connector] = transaction

    def _complain_of_open(self, earlier: LogicalTransaction | None, started: LogicalTransaction) -> None:
        if earlier is None:
            return
        same_moment = earlier.started_at == started.started_at
        if same_moment:
            earlier.conflicts += 1
        kind = "start_conflict" if same_moment else "start_while_open"
        self._report(kind, started.identity, started.transaction_id, f"transaction {earlier.transaction_id} is open")

    def _close(self, transaction: LogicalTransaction) -> None:
        connector = (transaction.identity, transaction.evse_id or 0)
        if self._open.get(connector) is transaction:
            del self._open[connector]

    def _see_register(self, transaction: LogicalTransaction, energy_wh: Decimal) -> None:
        last_wh = transaction.energy_last_wh
        if last_wh is not None and energy_wh < last_wh:
            detail = f"{energy_wh} Wh after {last_wh} Wh"
            self._report("energy_backwards", transaction.identity, transaction.transaction_id, detail)
        transaction.energy_last_wh = energy_wh

    def _count_again(self, transaction: LogicalTransaction, arrival: Arrival, what: str) -> None:
        transaction.messages += 1
        if arrival is Arrival.REPEAT:
            transaction.repeats += 1
            return
        transaction.conflicts += 1
        detail = "came again with different content"
        self._report(f"{what}_conflict", transaction.identity, transaction.transaction_id, detail)

    def _new_id(self, identity: str, assigned_id: int | None) -> int:
        free_id = self._next_ids.get(identity, self._first_id)
        transaction_id = free_id if assigned_id is None else assigned_id
        self._next_ids[identity] = max(free_id, transaction_id + 1)
        return transaction_id

    def _report(self, kind: str, identity: str, transaction_id: str | None, detail: str) -> None:
        self._anomalies.append(Anomaly(kind, identity, transaction_id, detail))
