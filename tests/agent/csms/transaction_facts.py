"""Facts of one transaction and whatever a meter may say in it, for the tests of the messages of either version."""

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import strategies as st

from agent.domain.facts import Sample, TransactionEnded, TransactionStarted, TransactionUpdated
from agent.domain.variables.station import MEASURANDS
from agent.domain.vocabulary import ChargingState, IdToken, ReadingContext, StoppedReason, TriggerReason
from hal.api import MeterReading, Quality
from tests.fakes.fake_station import NOW, sample

TOKEN = IdToken("04A1B2C3D4E5F6")
LONG_TOKEN = IdToken("X" * 21)
"""Longer than 1.6 can carry."""
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

DECIMALS = st.none() | st.decimals(-10_000_000, 10_000_000, places=3)
READINGS = st.builds(
    MeterReading,
    at=st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - made aware
    at_s=st.just(0.0),
    quality=st.sampled_from(Quality),
    energy_import_wh=DECIMALS,
    energy_export_wh=DECIMALS,
    power_w=DECIMALS,
    power_l_w=st.lists(DECIMALS, max_size=3).map(tuple),
    voltage_v=st.lists(DECIMALS, max_size=3).map(tuple),
    current_a=st.lists(DECIMALS, max_size=3).map(tuple),
    frequency_hz=DECIMALS,
)
SAMPLES = st.lists(st.builds(Sample, st.sampled_from(ReadingContext), READINGS, st.floats(0, 80)), max_size=3).map(
    tuple
)
MEASURAND_LISTS = st.lists(st.sampled_from(MEASURANDS), unique=True).map(",".join)
