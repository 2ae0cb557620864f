"""Signed values on the wire of both versions: which, with which key, and whole or not at all."""

import json
import logging
from base64 import b64decode
from dataclasses import replace
from typing import Any

import pytest

from agent.csms.signed_values import SIGN_READINGS, signed_values
from agent.csms.v16 import messages as v16
from agent.csms.v201 import messages as v201
from agent.domain.delivery import TransactionAtCsms
from agent.domain.device_model import DeviceModel, VariableKey
from agent.domain.facts import TransactionEnded
from agent.domain.variables.station import EvseDescription, StationDescription, station_definitions
from agent.store.journal_rows import decode_fact, encode_fact
from tests.agent.csms.transaction_facts import ENDED
from tests.agent.csms.v16.official import check_sent as check_sent_16
from tests.agent.csms.v201.official import check_sent
from tests.agent.domain.ocmf_records import BEGIN, END, KEY, record

FIRST, LAST = record(1, BEGIN), record(2, BEGIN, END)
SIGNED = replace(ENDED, signed_begin=FIRST, signed_end=LAST)
POLICY = VariableKey("OCPPCommCtrlr", "PublicKeyWithSignedMeterValue")


def model(**presets: str) -> DeviceModel:
    station = StationDescription("V", "M", "S", "1.0", "CS-1", 0, (EvseDescription(1),), signs=True)
    made = DeviceModel(station_definitions(station))
    for name, value in presets.items():
        assert made.preset(VariableKey("SampledDataCtrlr", name), value).accepted
    return made


def told_201(fact: TransactionEnded, settings: DeviceModel) -> list[dict[str, Any]]:
    [outgoing] = v201.fact_messages(fact, settings)
    event = check_sent(outgoing)
    values = [sample for value in event["meterValue"] for sample in value["sampledValue"]]
    return [sample for sample in values if "signedMeterValue" in sample]


def told_16(fact: TransactionEnded, settings: DeviceModel) -> list[dict[str, Any]]:
    [outgoing] = v16.fact_messages(fact, TransactionAtCsms(True, 7), settings, None)
    payload = check_sent_16(v16.addressed(outgoing, 7))
    values = [sample for value in payload["transactionData"] for sample in value["sampledValue"]]
    return [sample for sample in values if sample.get("format") == "SignedData"]


def test_both_records_are_told_in_their_own_contexts_byte_for_byte() -> None:
    sampled = told_201(SIGNED, model())
    assert [sample["context"] for sample in sampled] == ["Transaction.Begin", "Transaction.End"]
    assert [b64decode(s["signedMeterValue"]["signedMeterData"]).decode() for s in sampled] == [FIRST.text, LAST.text]
    assert [sample["value"] for sample in sampled] == [108_814, 109_450]
    assert sampled[0]["signedMeterValue"]["encodingMethod"] == "OCMF"
    assert [sample["value"] for sample in told_16(SIGNED, model())] == [FIRST.text, LAST.text]


def test_a_json_back_end_of_1_6_finds_the_record_under_the_configured_name() -> None:
    first, _ = told_16(SIGNED, model(SignedDataFormat="json", SignedDataName="signedMeterValue"))
    fields = json.loads(first["value"])
    assert b64decode(fields["signedMeterValue"]).decode() == FIRST.text
    assert b64decode(fields["publicKey"]).hex().upper() == KEY


@pytest.mark.parametrize(
    ("policy", "told"),
    [("Never", [False, False]), ("OncePerTransaction", [True, False]), ("EveryMeterValue", [True, True])],
)
def test_the_key_goes_as_often_as_the_back_end_wants_it(policy: str, told: list[bool]) -> None:
    settings = model()
    assert settings.set(POLICY, policy).accepted
    assert [bool(sample["signedMeterValue"]["publicKey"]) for sample in told_201(SIGNED, settings)] == told


def test_a_back_end_that_wants_no_signed_values_gets_none() -> None:
    settings = model()
    assert settings.set(SIGN_READINGS, "false").accepted
    assert signed_values(SIGNED, settings) == []


def test_signing_of_clock_aligned_values_is_refused_since_it_is_not_built() -> None:
    assert not model().set(VariableKey("AlignedDataCtrlr", "SignReadings"), "true").accepted


def test_a_record_that_2_0_1_has_no_room_for_is_said_and_not_clipped(caplog: pytest.LogCaptureFixture) -> None:
    long = replace(SIGNED, signed_end=record(2, BEGIN, END, filling="x" * 2000))
    with caplog.at_level(logging.ERROR):
        sampled = told_201(long, model())
    assert [sample["context"] for sample in sampled] == ["Transaction.Begin"]
    assert "signed value not told" in caplog.text
    assert len(told_16(long, model())) == 2


def test_a_begin_without_an_end_is_told_alone() -> None:
    assert [s["context"] for s in told_201(replace(SIGNED, signed_end=None), model())] == ["Transaction.Begin"]


def test_the_journal_gives_the_records_back_as_they_were() -> None:
    odd = replace(SIGNED, signed_end=replace(LAST, text=LAST.text + ' "€\\u0000\n'))
    assert decode_fact(encode_fact(odd)) == odd


def test_a_fact_of_an_older_firmware_is_read_without_records() -> None:
    plain = json.loads(encode_fact(ENDED))
    del plain["signed_begin"], plain["signed_end"]
    assert decode_fact(json.dumps(plain)) == ENDED
