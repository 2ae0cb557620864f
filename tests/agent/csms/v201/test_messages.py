from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.csms.adapter import Payload
from agent.csms.v201 import messages
from agent.csms.v201.messages import STOPPED_REASONS, BootReason, StationIdentity, fact_messages
from agent.csms.v201.wire_values import timestamp
from agent.domain.device_model import VariableKey
from agent.domain.facts import (
    Fact,
    Sample,
    TransactionFact,
    UnauthorisedEnergyFound,
)
from agent.domain.session_state import EvseStatus, SessionState
from agent.domain.variables.station import MEASURANDS
from agent.domain.vocabulary import (
    AuthorizationStatus,
    ChargingState,
    ConnectorStatus,
    IdToken,
    IdTokenType,
    ReadingContext,
    StoppedReason,
    TriggerReason,
)
from hal.api import Quality
from tests.agent.csms.transaction_facts import DECIMALS, ENDED, MEASURAND_LISTS, SAMPLES, UPDATED
from tests.agent.csms.transaction_facts import STARTED as PLUGGED_IN_FIRST
from tests.agent.csms.v201.official import check_sent, enums
from tests.fakes.fake_station import NOW, device_model, sample

STARTED = replace(PLUGGED_IN_FIRST, trigger=TriggerReason.REMOTE_START, remote_start_id=42)


def told(fact: Fact, **settings: str) -> Payload:
    """The one payload that tells this fact, schema-checked; settings are measurand lists of SampledDataCtrlr."""
    model = device_model()
    for name, value in settings.items():
        component = "AlignedDataCtrlr" if name == "Measurands" else "SampledDataCtrlr"
        assert model.set(VariableKey(component, name), value).accepted
    [outgoing] = fact_messages(fact, model)
    return check_sent(outgoing)


def sampled(event: Payload) -> list[tuple[str, str, float, str | None, str]]:
    return [
        (v["context"], v["measurand"], v["value"], v.get("phase"), v["unitOfMeasure"]["unit"])
        for value in event.get("meterValue", [])
        for v in value["sampledValue"]
    ]


def test_a_start_tells_evse_token_remote_start_and_the_register_rounded_down() -> None:
    """F01.FR.17."""
    assert told(STARTED) == {
        "eventType": "Started",
        "timestamp": "2026-03-14T15:09:26.535Z",
        "triggerReason": "RemoteStart",
        "seqNo": 0,
        "transactionInfo": {"transactionId": "tx-1", "chargingState": "EVConnected", "remoteStartId": 42},
        "evse": {"id": 2, "connectorId": 1},
        "idToken": {"idToken": "04A1B2C3D4E5F6", "type": "ISO14443"},
        "meterValue": [
            {
                "timestamp": "2026-03-14T15:09:26.535Z",
                "sampledValue": [
                    {
                        "value": 1234,
                        "context": "Transaction.Begin",
                        "measurand": "Energy.Active.Import.Register",
                        "location": "Outlet",
                        "unitOfMeasure": {"unit": "Wh"},
                    }
                ],
            }
        ],
    }


def test_an_update_tells_that_it_happened_offline_and_no_evse() -> None:
    event = told(UPDATED)
    assert event["offline"] is True
    assert "evse" not in event
    assert "idToken" not in event
    assert sampled(event) == [
        ("Sample.Periodic", "Energy.Active.Import.Register", 1300, None, "Wh"),
        ("Sample.Periodic", "Power.Active.Import", 11040.4, None, "W"),
    ]


def test_an_end_tells_the_reason_and_the_register_rounded_down() -> None:
    event = told(ENDED)
    assert event["transactionInfo"] == {
        "transactionId": "tx-1",
        "chargingState": "Idle",
        "stoppedReason": "EVDisconnected",
    }
    assert "evse" not in event
    assert sampled(event) == [("Transaction.End", "Energy.Active.Import.Register", 5000, None, "Wh")]


@pytest.mark.parametrize("measurand", MEASURANDS)
def test_every_measurand_on_offer_is_written_when_asked_for(measurand: str) -> None:
    reading = replace(sample().reading, energy_export_wh=Decimal("7.9"), power_l_w=(Decimal(1), None, Decimal(3)))
    event = told(replace(UPDATED, samples=(replace(sample(), reading=reading),)), TxUpdatedMeasurands=measurand)
    assert {value[1] for value in sampled(event)} == {measurand}


def test_quantities_of_a_line_carry_its_name() -> None:
    event = told(UPDATED, TxUpdatedMeasurands="Current.Import,Voltage,Current.Offered")
    assert [(name, value, phase) for _, name, value, phase, _ in sampled(event)] == [
        ("Current.Import", 16.01, "L1"),
        ("Current.Import", 15.98, "L2"),
        ("Current.Import", 16.02, "L3"),
        ("Voltage", 230.1, "L1-N"),
        ("Voltage", 229.8, "L2-N"),
        ("Voltage", 230.4, "L3-N"),
        ("Current.Offered", 16.0, None),
    ]


def test_a_clock_aligned_sample_carries_the_aligned_measurands() -> None:
    clock = replace(
        UPDATED, trigger=TriggerReason.METER_VALUE_CLOCK, samples=(sample("1", ReadingContext.SAMPLE_CLOCK),)
    )
    event = told(clock, TxUpdatedMeasurands="Voltage", Measurands="Frequency")
    assert sampled(event) == [("Sample.Clock", "Frequency", 49.98, None, "Hz")]


def test_a_doubtful_register_is_not_sent_and_the_known_one_stands_in_at_the_end() -> None:
    reading = replace(sample().reading, quality=Quality.NO_ENERGY, energy_import_wh=Decimal(9))
    doubtful = Sample(ReadingContext.TRANSACTION_END, reading)
    event = told(replace(ENDED, samples=(doubtful,), register_wh=Decimal("4999.5")))
    assert sampled(event) == [("Transaction.End", "Energy.Active.Import.Register", 4999, None, "Wh")]
    updated = told(replace(UPDATED, samples=(doubtful,)), TxUpdatedMeasurands="Frequency,Energy.Active.Import.Register")
    assert [value[1] for value in sampled(updated)] == ["Frequency"]


@pytest.mark.parametrize("fact", [replace(STARTED, samples=()), replace(ENDED, samples=())])
def test_begin_and_end_tell_the_register_even_without_a_sample(fact: TransactionFact) -> None:
    [(context, measurand, value, _, _)] = sampled(told(fact))
    assert context in {"Transaction.Begin", "Transaction.End"}
    assert (measurand, value) == ("Energy.Active.Import.Register", int(fact.register_wh or 0))


@pytest.mark.parametrize("fact", [STARTED, UPDATED, ENDED])
def test_a_message_without_anything_measured_has_no_meter_value(fact: TransactionFact) -> None:
    assert "meterValue" not in told(replace(fact, samples=(), register_wh=None))
    empty = told(fact, TxStartedMeasurands="", TxUpdatedMeasurands="", TxEndedMeasurands="")
    assert "meterValue" not in empty


@pytest.mark.parametrize("reason", StoppedReason)
def test_every_stopped_reason_is_one_of_2_0_1(reason: StoppedReason) -> None:
    assert told(replace(ENDED, stopped_reason=reason))["transactionInfo"]["stoppedReason"] in set(enums.ReasonEnumType)


def test_reasons_that_only_1_6_knows_are_told_in_other_words() -> None:
    assert STOPPED_REASONS[StoppedReason.SOFT_RESET] == "ImmediateReset"
    assert STOPPED_REASONS[StoppedReason.UNLOCK_COMMAND] == "Other"


@pytest.mark.parametrize(
    ("ours", "official"),
    [
        (TriggerReason, enums.TriggerReasonEnumType),
        (ChargingState, enums.ChargingStateEnumType),
        (ReadingContext, enums.ReadingContextEnumType),
        (ConnectorStatus, enums.ConnectorStatusEnumType),
        (IdTokenType, enums.IdTokenEnumType),
        (AuthorizationStatus, enums.AuthorizationStatusEnumType),
        (BootReason, enums.BootReasonEnumType),
    ],
)
def test_every_word_of_the_domain_is_one_of_2_0_1(ours: type[Enum], official: type[Enum]) -> None:
    assert {member.value for member in ours} <= {member.value for member in official}


def test_every_measurand_on_offer_is_one_of_2_0_1() -> None:
    assert set(MEASURANDS) <= {member.value for member in enums.MeasurandEnumType}


def test_energy_found_without_a_transaction_is_a_security_event() -> None:
    found = UnauthorisedEnergyFound(1, NOW, Decimal("12.5"), Decimal(100), Decimal("112.5"))
    payload = told(found)
    assert payload["type"] == "UnauthorisedEnergyFound"
    assert payload["techInfo"] == "evse=1 energy_wh=12.5 register_before_wh=100 register_now_wh=112.5"
    long = replace(found, energy_wh=Decimal("1" * 300))
    assert len(told(long)["techInfo"]) == 255


def test_boot_tells_who_the_station_is_and_leaves_out_what_is_empty() -> None:
    payload = check_sent(messages.boot_notification(StationIdentity("v", "m", "", ""), BootReason.POWER_UP))
    assert payload == {"reason": "PowerUp", "chargingStation": {"vendorName": "v", "model": "m"}}


def test_a_name_that_does_not_fit_the_boot_message_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="model is longer than 20"):
        StationIdentity("v", "m" * 21, "", "")


@pytest.mark.parametrize("connector_status", ConnectorStatus)
def test_every_status_can_be_told(connector_status: ConnectorStatus) -> None:
    status = EvseStatus(2, connector_status, SessionState.AVAILABLE, ChargingState.IDLE, NOW)
    [outgoing] = messages.status_notifications(status)
    assert check_sent(outgoing) == {
        "timestamp": "2026-03-14T15:09:26.535Z",
        "connectorStatus": connector_status.value,
        "evseId": 2,
        "connectorId": 1,
    }


def test_nothing_is_told_of_an_evse_that_nobody_knows_yet() -> None:
    status = EvseStatus(1, ConnectorStatus.UNAVAILABLE, SessionState.UNKNOWN, ChargingState.IDLE, NOW)
    assert messages.status_notifications(status) == []


@pytest.mark.parametrize("token_type", IdTokenType)
def test_every_type_of_token_can_be_asked_about(token_type: IdTokenType) -> None:
    payload = check_sent(messages.authorize(IdToken("04A1", token_type)))
    assert payload == {"idToken": {"idToken": "04A1", "type": token_type.value}}


def test_meter_values_carry_the_aligned_measurands_or_are_not_sent() -> None:
    model = device_model()
    model.set(VariableKey("AlignedDataCtrlr", "Measurands"), "Voltage")
    [outgoing] = messages.meter_values(1, sample("1", ReadingContext.SAMPLE_CLOCK), model)
    assert check_sent(outgoing)["evseId"] == 1
    model.set(VariableKey("AlignedDataCtrlr", "Measurands"), "")
    assert messages.meter_values(1, sample(), model) == []


def test_timestamps_are_utc_with_milliseconds_and_z() -> None:
    at = datetime(2026, 1, 1, 1, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert timestamp(at) == "2025-12-31T23:00:00.999Z"


@given(
    st.sampled_from([STARTED, UPDATED, ENDED]),
    SAMPLES,
    DECIMALS,
    MEASURAND_LISTS,
)
def test_whatever_the_meter_said_the_message_fits_its_schema(
    fact: TransactionFact, samples: tuple[Sample, ...], register_wh: Decimal | None, measurands: str
) -> None:
    settings = dict.fromkeys(
        ("TxStartedMeasurands", "TxUpdatedMeasurands", "TxEndedMeasurands", "Measurands"), measurands
    )
    event = told(replace(fact, samples=samples, register_wh=register_wh), **settings)
    assert event["seqNo"] == fact.seq_no
