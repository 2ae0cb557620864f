from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.csms.adapter import Outgoing, Payload
from agent.csms.v16.messages import STOPPED_REASONS, addressed, fact_messages
from agent.domain.delivery import TransactionAtCsms
from agent.domain.device_model import DeviceModel, VariableKey
from agent.domain.facts import Fact, Sample, TransactionFact
from agent.domain.variables.station import MEASURANDS
from agent.domain.vocabulary import ReadingContext, StoppedReason, TriggerReason
from hal.api import Quality
from tests.agent.csms.transaction_facts import (
    DECIMALS,
    ENDED,
    LONG_TOKEN,
    MEASURAND_LISTS,
    SAMPLES,
    STARTED,
    TOKEN,
    UPDATED,
)
from tests.agent.csms.v16.official import check_sent, enums
from tests.fakes.fake_station import device_model, sample

NEW = TransactionAtCsms()
HELD = TransactionAtCsms(start_acknowledged=True)
KNOWN = TransactionAtCsms(start_acknowledged=True, csms_transaction_id=7)
LISTS = {
    "MeterValuesSampledData": VariableKey("SampledDataCtrlr", "TxUpdatedMeasurands"),
    "MeterValuesAlignedData": VariableKey("AlignedDataCtrlr", "Measurands"),
    "StopTxnAlignedData": VariableKey("AlignedDataCtrlr", "TxEndedMeasurands"),
    "StopTxnSampledData": VariableKey("SampledDataCtrlr", "TxEndedMeasurands"),
}


def model(**measurands: str) -> DeviceModel:
    made = device_model()
    for name, value in measurands.items():
        assert made.set(LISTS[name], value).accepted
    return made


def told(fact: Fact, at_csms: TransactionAtCsms, **measurands: str) -> list[Outgoing]:
    """Messages of this fact as they go out, schema-checked."""
    made = [addressed(each, 7) for each in fact_messages(fact, at_csms, model(**measurands), None)]
    for outgoing in made:
        check_sent(outgoing)
    return made


def one(fact: Fact, **measurands: str) -> Payload:
    [outgoing] = told(fact, KNOWN, **measurands)
    return outgoing.payload


def sampled(values: list[Payload]) -> list[tuple[str, str, str, str | None, str | None]]:
    return [
        (v["context"], v["measurand"], v["value"], v.get("phase"), v.get("unit"))
        for value in values
        for v in value["sampledValue"]
    ]


def test_a_start_tells_connector_token_time_and_the_register_rounded_down() -> None:
    start, _ = told(STARTED, NEW)
    assert start == Outgoing(
        "StartTransaction",
        {"connectorId": 2, "idTag": TOKEN.value, "meterStart": 1234, "timestamp": "2026-03-14T15:09:26.535Z"},
    )


def test_a_start_tells_the_reservation_that_it_uses_up() -> None:
    """Section 5.13."""
    [start, *_] = told(replace(STARTED, reservation_id=7), NEW)
    assert start.payload["reservationId"] == 7
    [start, *_] = told(STARTED, NEW)
    assert "reservationId" not in start.payload


def test_the_samples_of_the_beginning_follow_the_start() -> None:
    _, values = told(STARTED, NEW)
    assert (values.action, values.payload["connectorId"], values.payload["transactionId"]) == ("MeterValues", 2, 7)
    assert sampled(values.payload["meterValue"]) == [
        ("Transaction.Begin", "Energy.Active.Import.Register", "1234", None, "Wh"),
        ("Transaction.Begin", "Power.Active.Import", "11040.4", None, "W"),
    ]


def test_a_start_without_samples_is_one_message() -> None:
    assert [each.action for each in told(replace(STARTED, samples=()), NEW)] == ["StartTransaction"]


def test_a_start_is_held_back_until_somebody_is_authorised() -> None:
    assert told(replace(STARTED, id_token=None), NEW) == []
    assert told(UPDATED, HELD) == []
    authorised = replace(UPDATED, trigger=TriggerReason.AUTHORIZED, id_token=TOKEN, samples=())
    [start] = told(authorised, HELD)
    assert (start.action, start.payload["idTag"], start.payload["meterStart"]) == (
        "StartTransaction",
        TOKEN.value,
        1300,
    )


@pytest.mark.parametrize("trigger", [TriggerReason.DEAUTHORIZED, TriggerReason.STOP_AUTHORIZED])
def test_a_token_that_lost_its_authorisation_starts_nothing(trigger: TriggerReason) -> None:
    assert told(replace(UPDATED, trigger=trigger, id_token=TOKEN), HELD) == []


def test_a_transaction_that_nobody_was_authorised_for_is_not_told() -> None:
    assert told(ENDED, HELD) == []


def test_what_follows_a_start_that_was_given_up_is_not_told_and_the_log_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert told(UPDATED, NEW) == []
    assert told(replace(UPDATED, id_token=TOKEN), NEW) == []
    assert told(ENDED, NEW) == []
    assert "its start was given up" in caplog.text


def test_a_transaction_whose_token_1_6_cannot_carry_is_not_told_and_the_log_says_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert told(replace(STARTED, id_token=LONG_TOKEN), NEW) == []
    assert "longer than 20 characters" in caplog.text
    assert LONG_TOKEN.value not in caplog.text


def test_a_register_that_was_never_read_is_told_as_0_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    [start] = told(replace(STARTED, register_wh=None, samples=()), NEW)
    assert start.payload["meterStart"] == 0
    assert "no register" in caplog.text


def test_samples_within_a_transaction_carry_its_id() -> None:
    payload = one(UPDATED)
    assert (payload["connectorId"], payload["transactionId"]) == (2, 7)
    assert sampled(payload["meterValue"]) == [
        ("Sample.Periodic", "Energy.Active.Import.Register", "1300", None, "Wh"),
        ("Sample.Periodic", "Power.Active.Import", "11040.4", None, "W"),
    ]


def test_an_update_without_samples_is_not_told() -> None:
    assert told(replace(UPDATED, samples=()), KNOWN) == []
    assert told(UPDATED, KNOWN, MeterValuesSampledData="") == []


def test_clock_aligned_samples_carry_the_aligned_measurands() -> None:
    clock = replace(UPDATED, samples=(sample("1", ReadingContext.SAMPLE_CLOCK), sample("2", ReadingContext.TRIGGER)))
    payload = one(clock, MeterValuesSampledData="Current.Offered", MeterValuesAlignedData="Frequency")
    assert sampled(payload["meterValue"]) == [
        ("Sample.Clock", "Frequency", "49.98", None, None),
        ("Trigger", "Current.Offered", "16.0", None, "A"),
    ]


def test_quantities_of_a_line_carry_its_name_and_unit() -> None:
    payload = one(UPDATED, MeterValuesSampledData="Current.Import,Voltage")
    assert sampled(payload["meterValue"]) == [
        ("Sample.Periodic", "Current.Import", "16.01", "L1", "A"),
        ("Sample.Periodic", "Current.Import", "15.98", "L2", "A"),
        ("Sample.Periodic", "Current.Import", "16.02", "L3", "A"),
        ("Sample.Periodic", "Voltage", "230.1", "L1-N", "V"),
        ("Sample.Periodic", "Voltage", "229.8", "L2-N", "V"),
        ("Sample.Periodic", "Voltage", "230.4", "L3-N", "V"),
    ]


@pytest.mark.parametrize("measurand", MEASURANDS)
def test_every_measurand_on_offer_is_one_of_1_6_and_written_when_asked_for(measurand: str) -> None:
    reading = replace(sample().reading, energy_export_wh=Decimal("7.9"), power_l_w=(Decimal(1), None, Decimal(3)))
    payload = one(replace(UPDATED, samples=(replace(sample(), reading=reading),)), MeterValuesSampledData=measurand)
    assert {value[1] for value in sampled(payload["meterValue"])} == {measurand}
    assert measurand in set(enums.Measurand)


def test_a_doubtful_register_is_not_sent() -> None:
    reading = replace(sample().reading, quality=Quality.NO_ENERGY, energy_import_wh=Decimal(9))
    doubtful = Sample(ReadingContext.TRANSACTION_END, reading)
    payload = one(replace(ENDED, samples=(doubtful,), register_wh=Decimal("4999.5")))
    assert payload["meterStop"] == 4999
    assert "transactionData" not in payload


def test_a_stop_tells_reason_register_and_the_samples_of_the_end() -> None:
    payload = one(replace(ENDED, id_token=TOKEN))
    assert sampled(payload.pop("transactionData")) == [
        ("Transaction.End", "Energy.Active.Import.Register", "5000", None, "Wh")
    ]
    assert payload == {
        "transactionId": 7,
        "timestamp": "2026-03-14T15:09:26.535Z",
        "meterStop": 5000,
        "reason": "EVDisconnected",
        "idTag": TOKEN.value,
    }


def test_a_stop_carries_of_each_kind_of_sample_the_measurands_that_its_key_names() -> None:
    """Sections 4.10 and 9.1: StopTxnSampledData, StopTxnAlignedData; the keys of MeterValues have no say in it."""
    kinds = (ReadingContext.TRANSACTION_END, ReadingContext.SAMPLE_CLOCK, ReadingContext.SAMPLE_PERIODIC)
    samples = (sample(context=ReadingContext.TRANSACTION_BEGIN), *(sample(context=kind) for kind in kinds))
    payload = one(
        replace(ENDED, samples=samples),
        StopTxnSampledData="Power.Active.Import",
        StopTxnAlignedData="Frequency",
        MeterValuesSampledData="Voltage",
        MeterValuesAlignedData="Voltage",
    )
    assert {value[:2] for value in sampled(payload["transactionData"])} == {
        ("Transaction.Begin", "Power.Active.Import"),
        ("Sample.Clock", "Frequency"),
        ("Sample.Periodic", "Power.Active.Import"),
        ("Transaction.End", "Power.Active.Import"),
    }
    without = one(replace(ENDED, samples=samples), StopTxnAlignedData="", StopTxnSampledData="")
    assert "transactionData" not in without


def test_a_stop_by_nobody_or_by_a_token_that_1_6_cannot_carry_has_no_id_tag() -> None:
    assert "idTag" not in one(ENDED)
    assert "idTag" not in one(replace(ENDED, id_token=LONG_TOKEN))


@pytest.mark.parametrize("reason", StoppedReason)
def test_every_stopped_reason_is_one_of_1_6_and_only_local_goes_without_saying(reason: StoppedReason) -> None:
    payload = one(replace(ENDED, stopped_reason=reason))
    assert payload.get("reason", "Local") in set(enums.Reason)
    assert ("reason" in payload) is (reason is not StoppedReason.LOCAL)


def test_resets_keep_their_kind() -> None:
    assert STOPPED_REASONS[StoppedReason.IMMEDIATE_RESET] == "HardReset"
    assert STOPPED_REASONS[StoppedReason.SOFT_RESET] == "SoftReset"


@given(
    st.sampled_from([STARTED, UPDATED, ENDED]),
    SAMPLES,
    DECIMALS,
    MEASURAND_LISTS,
)
def test_whatever_the_meter_said_the_messages_fit_their_schemas(
    fact: TransactionFact, samples: tuple[Sample, ...], register_wh: Decimal | None, measurands: str
) -> None:
    messages = told(replace(fact, samples=samples, register_wh=register_wh), KNOWN, **dict.fromkeys(LISTS, measurands))
    assert {outgoing.action for outgoing in messages} <= {"StartTransaction", "MeterValues", "StopTransaction"}


def test_a_message_outside_any_transaction_keeps_without_an_id() -> None:
    assert addressed(Outgoing("MeterValues", {}), None).payload == {}
    assert addressed(Outgoing("StatusNotification", {}), 7).payload == {}
