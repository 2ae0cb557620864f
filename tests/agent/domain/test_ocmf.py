"""What the station reads in a record before it trusts it with a bill."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from agent.domain.ocmf import began_since, read_record, refusal_of_begin, refusal_of_end
from hal.signed_meter import SignedRecord
from tests.agent.domain.ocmf_records import BEGIN, END, KEY, reading, record

FIRST = record(7, BEGIN)
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


def test_a_register_is_read_exactly_in_watt_hours() -> None:
    payload = read_record(record(7, BEGIN, reading("E", "0.6", RU="Wh")))
    assert payload.begin is not None
    assert payload.end is not None
    assert (payload.begin.energy_wh, payload.end.energy_wh) == (Decimal(108_814), Decimal("0.6"))
    assert payload.begin.at == NOON


@pytest.mark.parametrize(
    "text", ["", "OCMF|{}|{}", "OCMF|[]|{}", "XML|{}|{}", "OCMF|not json|{}", "OCMF|{}", "OCMF|1|2"]
)
def test_what_is_no_record_is_refused(text: str) -> None:
    garbage = SignedRecord(text, KEY, "")
    assert refusal_of_begin(garbage, "PL000001")
    assert refusal_of_end(garbage, FIRST)
    assert not began_since(garbage, NOON)


def test_a_good_begin_of_the_registered_meter_is_taken() -> None:
    assert refusal_of_begin(FIRST, "PL000001") is None


@pytest.mark.parametrize(
    ("begin", "reason"),
    [
        (record(7, BEGIN, serial="X"), "signed by meter X"),
        (record(7, END), "no reading of the begin"),
        (record(7, reading("B", ST="X")), "state is X"),
        (record(7, reading("B", TM="2026-01-15T12:00:00,000+0000 U")), "not synchronised"),
    ],
)
def test_a_begin_that_nothing_can_be_billed_from_is_refused(begin: SignedRecord, reason: str) -> None:
    assert reason in (refusal_of_begin(begin, "PL000001") or "")


def test_the_next_page_with_the_same_begin_is_the_end() -> None:
    assert refusal_of_end(record(8, BEGIN, END), FIRST) is None
    assert refusal_of_end(record(8, BEGIN, reading("P")), FIRST) is None
    assert refusal_of_end(record(8, END), FIRST) is None


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (record(8, END, serial="X"), "signed by meter X"),
        (record(9, BEGIN, END), "page is 9"),
        (record(8, BEGIN), "no reading of an end"),
        (record(8, reading("B", "100.0"), END), "another begin"),
    ],
)
def test_an_end_of_something_else_is_refused(end: SignedRecord, reason: str) -> None:
    assert reason in (refusal_of_end(end, FIRST) or "")


def test_only_an_open_begin_signed_since_then_is_ours() -> None:
    assert began_since(FIRST, NOON + timedelta(seconds=1))
    assert not began_since(FIRST, NOON + timedelta(seconds=3))
    assert not began_since(record(7, BEGIN, END), NOON)
