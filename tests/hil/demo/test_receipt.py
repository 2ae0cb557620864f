from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from hil.demo.observed import Observed
from hil.demo.receipt import Marks, Receipt, make_receipt
from hil.demo.receipt_rows import receipt_rows, verdict
from tests.hil.demo.frames import EPOCH, call, connected, sample

MARKS = Marks(
    plugged_in_s=1.0,
    tapped_s=2.0,
    network_cut_s=10.0,
    network_cut_at=EPOCH + timedelta(seconds=10),
    network_restored_s=15.0,
    unplugged_s=20.0,
)
WHOLE = {
    "transaction_id": "7",
    "energy_start_wh": "100",
    "energy_stop_wh": "187",
    "starts": 1,
    "ends": 1,
    "missing_seq_nos": [],
    "whole": True,
}
REGISTERS = (Decimal("100.5"), Decimal("187.25"))


def seen_session() -> Observed:
    seen = Observed("1.6")
    for happened in (
        {"event": "duty", "output": "pwm", "duty_percent": 53.2, "t": 2.5},
        {"event": "contactor", "closed": True, "t": 3.0},
        {"event": "contactor", "closed": False, "t": 20.3},
    ):
        seen.take_bench(happened)
    for frame in (
        call(2.75, "StartTransaction", connectorId=1, idTag="T", meterStart=100, timestamp="2026-05-04T12:00:02Z"),
        sample(9, 9.01),
        connected(16.0),
        sample(11, 16.1),
        sample(15.5, 16.2),
        sample(17, 17.01),
    ):
        seen.take_csms(frame)
    return seen


def ledger(*transactions: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"transactions": list(transactions), "problems": [], "repeats": 0, "conflicts": 0, **fields}


def receipt(
    books: dict[str, Any], registers: tuple[Decimal, Decimal] = REGISTERS, seen: Observed | None = None
) -> Receipt:
    return make_receipt(seen or seen_session(), MARKS, registers, books, 28.0)


def test_a_whole_session_has_no_problem() -> None:
    drawn_up = receipt(ledger(WHOLE))
    assert drawn_up.problems == ()
    assert verdict(drawn_up) == "One whole charging session over OCPP 1.6 in 28 s: everything agrees"


def test_metered_is_exact_and_billed_is_the_difference_of_whole_registers() -> None:
    energy = receipt(ledger(WHOLE)).energy
    assert (energy.metered_wh, energy.billed_wh) == (Decimal("86.75"), Decimal(87))


def test_messages_of_the_time_until_the_reconnection_count_as_queued() -> None:
    assert receipt(ledger(WHOLE)).messages.queued == 2


def test_reactions_run_from_cause_to_effect() -> None:
    reactions = receipt(ledger(WHOLE)).reactions
    assert reactions.tap_to_offer_s == pytest.approx(0.5)
    assert reactions.tap_to_message_s == pytest.approx(0.75)
    assert reactions.unplug_to_open_s == pytest.approx(0.3)
    assert reactions.reconnect_s == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("books", "complaint"),
    [
        (ledger(), "knows 0 transactions"),
        (ledger(WHOLE, WHOLE), "knows 2 transactions"),
        (ledger({**WHOLE, "whole": False, "ends": 0}), "transaction 7 is not whole: 1 starts, 0 ends"),
        (ledger({**WHOLE, "whole": False, "missing_seq_nos": [3]}), r"missing numbers \[3\]"),
        (ledger({**WHOLE, "energy_stop_wh": None}), "lacks a register"),
        (ledger({**WHOLE, "energy_stop_wh": "186"}), "the bill stops at 186 Wh, the meter at 187.25 Wh"),
        (ledger({**WHOLE, "energy_start_wh": "101"}), "the bill starts at 101 Wh, the meter at 100.5 Wh"),
        (ledger(WHOLE, conflicts=1), "told again with other content"),
        (ledger(WHOLE, problems=[{"kind": "out_of_order", "detail": "seqNo 2 after 3"}]), "out_of_order: seqNo 2"),
    ],
)
def test_what_the_ledger_shows_wrong_fails_the_demo(books: dict[str, Any], complaint: str) -> None:
    drawn_up = receipt(books)
    with pytest.raises(AssertionError, match=complaint):
        assert not drawn_up.problems, verdict(drawn_up)
    assert verdict(drawn_up).startswith("Failed: ")


def test_the_bill_may_differ_from_the_meter_by_the_step_of_its_register_only() -> None:
    assert receipt(ledger(WHOLE), (Decimal("100.5"), Decimal("187.9999"))).problems == ()
    assert receipt(ledger({**WHOLE, "energy_stop_wh": "188"}), (Decimal("100.5"), Decimal("187.9999"))).problems == ()
    assert receipt(ledger({**WHOLE, "energy_stop_wh": "188"}), (Decimal("100.5"), Decimal("187.99"))).problems != ()


def test_repeats_are_shown_and_no_problem() -> None:
    drawn_up = receipt(ledger(WHOLE, repeats=2))
    assert (drawn_up.messages.repeats, drawn_up.problems) == (2, ())


def test_a_network_drop_that_queued_nothing_fails_the_demo() -> None:
    seen = Observed("1.6")
    seen.take_csms(connected(16.0))
    seen.take_csms(sample(17, 17.01))
    assert "nothing that happened without network" in receipt(ledger(WHOLE), seen=seen).problems[0]


def test_every_row_is_filled_even_if_nothing_was_seen() -> None:
    rows = receipt_rows(receipt(ledger(), seen=Observed("2.0.1")))
    assert [section for section, _ in rows] == ["Energy", "Messages", "Reactions"]
    assert all(label and value for _, section in rows for label, value in section)
    assert "not seen" in str(rows)
