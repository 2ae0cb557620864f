"""Facts of one made-up transaction, as the domain would write them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from agent.domain.facts import Fact, Sample, TransactionEnded, TransactionStarted, TransactionUpdated
from agent.domain.vocabulary import ChargingState, IdToken, ReadingContext, StoppedReason, TriggerReason
from hal.api import MeterReading, Quality

BEGIN = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class OpenState:
    """Stands for the session's state of an open transaction."""

    transaction_id: str
    next_seq_no: int
    id_token: IdToken | None = None


def reading(seq_no: int) -> MeterReading:
    return MeterReading(
        at=BEGIN + timedelta(seconds=seq_no),
        at_s=1000.5 + seq_no,
        quality=Quality.GOOD,
        energy_import_wh=register_wh(seq_no),
        power_w=Decimal(11040),
        power_l_w=(Decimal(3680),) * 3,
        voltage_v=(Decimal("230.1"), None, Decimal("229.9")),
        current_a=(Decimal("16.01"),) * 3,
        frequency_hz=Decimal("50.01"),
    )


def register_wh(seq_no: int) -> Decimal:
    return Decimal("12345.678") + seq_no


def started(transaction_id: str = "tx-1", evse_id: int = 1) -> TransactionStarted:
    return TransactionStarted(
        transaction_id,
        evse_id,
        0,
        BEGIN,
        TriggerReason.AUTHORIZED,
        ChargingState.EV_CONNECTED,
        register_wh(0),
        offline=False,
        id_token=IdToken("04A1B2C3"),
    )


def updated(seq_no: int, transaction_id: str = "tx-1", evse_id: int = 1) -> TransactionUpdated:
    return TransactionUpdated(
        transaction_id,
        evse_id,
        seq_no,
        BEGIN + timedelta(seconds=seq_no),
        TriggerReason.METER_VALUE_PERIODIC,
        ChargingState.CHARGING,
        register_wh(seq_no),
        offline=True,
        samples=(Sample(ReadingContext.SAMPLE_PERIODIC, reading(seq_no), 16.0),),
    )


def ended(seq_no: int, transaction_id: str = "tx-1", evse_id: int = 1) -> TransactionEnded:
    return TransactionEnded(
        transaction_id,
        evse_id,
        seq_no,
        BEGIN + timedelta(seconds=seq_no),
        TriggerReason.STOP_AUTHORIZED,
        ChargingState.EV_CONNECTED,
        register_wh(seq_no),
        offline=False,
        stopped_reason=StoppedReason.LOCAL,
        register_confirmed=True,
    )


def whole_transaction(samples: int, transaction_id: str = "tx-1", evse_id: int = 1) -> list[Fact]:
    updates = [updated(seq_no, transaction_id, evse_id) for seq_no in range(1, samples + 1)]
    return [started(transaction_id, evse_id), *updates, ended(samples + 1, transaction_id, evse_id)]
