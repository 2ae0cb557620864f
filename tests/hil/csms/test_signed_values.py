"""The ledger decodes a signed record out of every form it is sent in, and survives a garbled one."""

import json
from base64 import b64encode
from typing import Any

import pytest

from hil.csms.ledger_values import SignedValue, signed_values

RECORD = 'OCMF|{"PG":"T1"}|{"SD":"00"}'
DATA = b64encode(RECORD.encode()).decode()
KEY = b64encode(bytes.fromhex("30AB")).decode()


def in_16(value: str) -> list[dict[str, Any]]:
    sample = {"context": "Transaction.End", "format": "SignedData", "value": value}
    return [{"timestamp": "2026-01-15T12:00:00Z", "sampledValue": [sample, {"value": "1"}]}]


def in_201(data: str) -> list[dict[str, Any]]:
    sample = {"context": "Transaction.End", "value": 1, "signedMeterValue": {"signedMeterData": data, "publicKey": KEY}}
    return [{"timestamp": "2026-01-15T12:00:00Z", "sampledValue": [sample]}]


def test_every_form_gives_the_record_and_the_key_that_came_with_it() -> None:
    assert [*signed_values(in_16(RECORD))] == [SignedValue("Transaction.End", RECORD, "")]
    for name in ("signedMeterData", "signedMeterValue"):
        told = in_16(json.dumps({name: DATA, "publicKey": KEY}))
        assert [*signed_values(told)] == [SignedValue("Transaction.End", RECORD, "30ab")]
    assert [*signed_values(in_201(DATA))] == [SignedValue("Transaction.End", RECORD, "30ab")]


@pytest.mark.parametrize("told", [in_16("{not json"), in_201("no base64!"), in_201(b64encode(b"\xff\xff").decode())])
def test_a_garbled_record_is_empty(told: list[dict[str, Any]]) -> None:
    assert [*signed_values(told)] == [SignedValue("Transaction.End", "", "")]
