"""Rule: OCPP 2.0.1 transactions; an event is known by (transactionId, seqNo)."""

from hil.csms.ledger_values import (
    Anomaly,
    Arrival,
    LogicalTransaction,
    Memory,
    Payload,
    Register,
    registers,
    signed_values,
)

VERSION = "2.0.1"
BEGIN = "Transaction.Begin"


class Ledger201:
    """Transaction events of all stations on 2.0.1."""

    def __init__(self, anomalies: list[Anomaly]) -> None:
        self.transactions: list[LogicalTransaction] = []
        self._anomalies = anomalies
        self._memory = Memory()
        self._by_id: dict[tuple[str, str], LogicalTransaction] = {}

    def event(self, identity: str, payload: Payload) -> Arrival:
        """Attach one TransactionEvent."""
        info = payload.get("transactionInfo", {})
        transaction = self._transaction(identity, str(info.get("transactionId")))
        transaction.messages += 1
        seq_no = payload.get("seqNo", -1)
        arrival = self._memory.arrival((identity, transaction.transaction_id, seq_no), payload)
        match arrival:
            case Arrival.REPEAT:
                transaction.repeats += 1
            case Arrival.CONFLICT:
                transaction.conflicts += 1
                self._report("event_conflict", transaction, f"seqNo {seq_no} came again with different content")
            case Arrival.FIRST:
                self._complain(transaction, payload, seq_no)
                transaction.seq_nos.add(seq_no)
                transaction.highest_seq_no = max(transaction.highest_seq_no, seq_no)
                _describe(transaction, payload)
                self._take_energy(transaction, payload)
                transaction.signed_values += signed_values(payload.get("meterValue"))
                _count(transaction, payload)
        return arrival

    def _transaction(self, identity: str, transaction_id: str) -> LogicalTransaction:
        transaction = self._by_id.get((identity, transaction_id))
        if transaction is None:
            transaction = LogicalTransaction(identity, VERSION, transaction_id)
            self._by_id[identity, transaction_id] = transaction
            self.transactions.append(transaction)
        return transaction

    def _complain(self, transaction: LogicalTransaction, payload: Payload, seq_no: int) -> None:
        event_type = payload.get("eventType")
        if event_type != "Started" and not transaction.seq_nos:
            kind = "stop_without_start" if event_type == "Ended" else "event_without_start"
            self._report(kind, transaction, f"the first event is {event_type} with seqNo {seq_no}")
        if event_type == "Started" and transaction.starts:
            self._report("started_again", transaction, f"seqNo {seq_no}")
        if event_type == "Ended" and transaction.ends:
            self._report("ended_again", transaction, f"seqNo {seq_no}")
        elif transaction.ends:
            self._report("event_after_ended", transaction, f"seqNo {seq_no} is {event_type}")
        if seq_no < transaction.highest_seq_no:
            self._report("out_of_order", transaction, f"seqNo {seq_no} after {transaction.highest_seq_no}")

    def _take_energy(self, transaction: LogicalTransaction, payload: Payload) -> None:
        readings = list(registers(payload.get("meterValue")))
        is_start = payload.get("eventType") == "Started"
        for register in readings:
            if register.context == BEGIN and not is_start:
                continue  # told once more with its signature
            last_wh = transaction.energy_last_wh
            if last_wh is not None and register.energy_wh < last_wh:
                self._report("energy_backwards", transaction, f"{register.energy_wh} Wh after {last_wh} Wh")
            transaction.energy_last_wh = register.energy_wh
        if transaction.energy_start_wh is None and readings:
            transaction.energy_start_wh = _chosen(readings, "Transaction.Begin", 0).energy_wh
        if payload.get("eventType") == "Ended" and readings:
            transaction.energy_stop_wh = _chosen(readings, "Transaction.End", -1).energy_wh

    def _report(self, kind: str, transaction: LogicalTransaction, detail: str) -> None:
        self._anomalies.append(Anomaly(kind, transaction.identity, transaction.transaction_id, detail))


def _describe(transaction: LogicalTransaction, payload: Payload) -> None:
    evse = payload.get("evse")
    if transaction.evse_id is None and evse is not None:
        transaction.evse_id = evse.get("id")
    id_token = payload.get("idToken")
    if transaction.id_token is None and id_token is not None:
        transaction.id_token = id_token.get("idToken")


def _count(transaction: LogicalTransaction, payload: Payload) -> None:
    if payload.get("meterValue"):
        transaction.meter_values += 1
    match payload.get("eventType"):
        case "Started":
            transaction.starts += 1
            transaction.started_at = transaction.started_at or payload.get("timestamp")
        case "Ended":
            transaction.ends += 1
            transaction.ended_at = transaction.ended_at or payload.get("timestamp")
            reason = payload.get("transactionInfo", {}).get("stoppedReason", "Local")
            transaction.stop_reason = transaction.stop_reason or reason
        case _:
            pass


def _chosen(readings: list[Register], context: str, otherwise: int) -> Register:
    return next((register for register in readings if register.context == context), readings[otherwise])
