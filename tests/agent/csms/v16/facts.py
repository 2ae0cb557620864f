"""Facts of one transaction, for the tests of their messages."""

from decimal import Decimal

from agent.domain.facts import TransactionEnded, TransactionStarted, TransactionUpdated
from agent.domain.vocabulary import ChargingState, IdToken, ReadingContext, StoppedReason, TriggerReason
from tests.fakes.fake_station import NOW, sample

TOKEN = IdToken("04A1B2C3D4E5F6")
LONG_TOKEN = IdToken("X" * 21)
STARTED = TransactionStarted(
    transaction_id="tx-1",
    evse_id=2,
    seq_no=0,
    at=NOW,
    trigger=TriggerReason.CABLE_PLUGGED_IN,
    charging_state=ChargingState.EV_CONNECTED,
    register_wh=Decimal("1234.999"),
    offline=False,
    id_token=TOKEN,
    samples=(sample("1234.999", ReadingContext.TRANSACTION_BEGIN),),
)
UPDATED = TransactionUpdated(
    transaction_id="tx-1",
    evse_id=2,
    seq_no=1,
    at=NOW,
    trigger=TriggerReason.METER_VALUE_PERIODIC,
    charging_state=ChargingState.CHARGING,
    register_wh=Decimal(1300),
    offline=True,
    samples=(sample("1300.5"),),
)
ENDED = TransactionEnded(
    transaction_id="tx-1",
    evse_id=2,
    seq_no=2,
    at=NOW,
    trigger=TriggerReason.EV_DEPARTED,
    charging_state=ChargingState.IDLE,
    register_wh=Decimal("5000.99"),
    offline=False,
    stopped_reason=StoppedReason.EV_DISCONNECTED,
    register_confirmed=True,
    samples=(sample("5000.99", ReadingContext.TRANSACTION_END),),
)
