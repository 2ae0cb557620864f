from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.csms.ledger import Ledger
from hil.csms.ledger_values import LogicalTransaction
from tests.hil.csms.messages import event_201, meter_16, start_16, stop_16

Step = tuple[str, dict[str, Any]]


def play(*steps: Step, ledger: Ledger | None = None) -> Ledger:
    ledger = ledger or Ledger()
    for action, payload in steps:
        ledger.record("CP1", action, payload)
    return ledger


def kinds(ledger: Ledger) -> list[str]:
    return [problem.kind for problem in ledger.problems()]


def start(**changes: object) -> Step:
    return "StartTransaction", start_16(**changes)


def stop(number: int = 1, **changes: object) -> Step:
    return "StopTransaction", stop_16(number, **changes)


def meter(number: int = 1, value: str = "2000") -> Step:
    return "MeterValues", meter_16(number, value)


def event(event_type: str, seq_no: int, energy_wh: int | None = None, **changes: object) -> Step:
    return "TransactionEvent", event_201(event_type, seq_no, energy_wh, **changes)


TABLE: list[tuple[str, list[Step], list[str], int]] = [
    ("whole 1.6", [start(), meter(), stop()], [], 0),
    ("start again", [start(), start(), stop()], [], 1),
    ("everything again", [start(), start(), meter(), meter(), stop(), stop()], [], 3),
    ("start again, other reservation", [start(), start(reservationId=3)], ["start_conflict"], 0),
    ("start again, other register", [start(), start(meterStart=1001)], ["start_conflict"], 0),
    ("second start before stop", [start(), start(timestamp="2026-01-01T10:05:00Z")], ["start_while_open"], 0),
    ("other connector", [start(), start(connectorId=2)], [], 0),
    ("stop unknown", [stop(-1)], ["stop_without_start"], 0),
    ("stop changed", [start(), stop(), stop(meterStop=3001)], ["stop_conflict"], 0),
    ("meter changed", [start(), meter(), meter(value="2001")], ["meter_values_conflict"], 0),
    ("meter unknown", [meter(9)], ["meter_values_without_start"], 0),
    ("meter late", [start(), stop(), meter()], ["meter_values_after_stop"], 0),
    ("backwards 1.6", [start(), stop(meterStop=999)], ["energy_backwards"], 0),
    ("whole 2.0.1", [event("Started", 0, 5), event("Updated", 1, 6), event("Ended", 2, 9)], [], 0),
    ("event again", [event("Started", 0), event("Started", 0), event("Ended", 1), event("Ended", 1)], [], 2),
    ("event changed", [event("Started", 0), event("Started", 0, offline=True)], ["event_conflict"], 0),
    ("gap", [event("Started", 0), event("Ended", 2)], ["seq_no_gap"], 0),
    ("gap at the beginning", [event("Started", 1)], ["seq_no_gap"], 0),
    ("late event", [event("Started", 0), event("Updated", 2), event("Updated", 1)], ["out_of_order"], 0),
    ("after ended", [event("Started", 0), event("Ended", 1), event("Updated", 2)], ["event_after_ended"], 0),
    ("ended twice", [event("Started", 0), event("Ended", 1), event("Ended", 2)], ["ended_again"], 0),
    ("started twice", [event("Started", 0), event("Started", 1)], ["started_again"], 0),
    ("ended only", [event("Ended", 0)], ["stop_without_start"], 0),
    ("updated first", [event("Updated", 0)], ["event_without_start"], 0),
    ("backwards 2.0.1", [event("Started", 0, 5), event("Ended", 1, 4)], ["energy_backwards"], 0),
    ("Heartbeat is nothing", [("Heartbeat", {})], [], 0),
]


@pytest.mark.parametrize(("steps", "problems", "repeats"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_each_case_has_its_problems_and_repeats(steps: list[Step], problems: list[str], repeats: int) -> None:
    ledger = play(*steps)
    assert kinds(ledger) == problems
    assert ledger.repeats == repeats


def test_a_repeated_start_gets_the_same_id_and_ids_increase_per_station() -> None:
    ledger = Ledger(first_id=41)
    ids = []
    for identity, payload in [("A", start_16()), ("A", start_16()), ("A", start_16(connectorId=2)), ("B", start_16())]:
        receipt = ledger.record(identity, "StartTransaction", payload)
        assert receipt is not None
        ids.append(receipt.transaction_id)
    assert ids == [41, 41, 42, 41]


def test_with_new_ids_both_ids_lead_to_one_logical_transaction() -> None:
    ledger = play(start(), start(), meter(2), stop(2), stop(1), ledger=Ledger(reuse_ids=False))
    (transaction,) = ledger.transactions
    assert transaction.is_whole
    assert (transaction.repeats, transaction.messages, kinds(ledger)) == (2, 5, [])


def test_energy_is_exact_and_registers_follow_unit_multiplier_and_context() -> None:
    def sample(value: float, context: str, **more: object) -> dict[str, object]:
        return {"value": value, "context": context, **more}

    kilo = {"unitOfMeasure": {"unit": "kWh"}}
    begin = [{"timestamp": "t", "sampledValue": [sample(1.1, "Transaction.Begin", **kilo)]}]
    tens = {"unitOfMeasure": {"unit": "Wh", "multiplier": 1}}
    noise = [sample(1, "Transaction.End", phase="L1"), sample(16, "Transaction.End", measurand="Current.Import")]
    end = [{"timestamp": "t", "sampledValue": [*noise, sample(330, "Transaction.End", **tens)]}]
    ledger = play(event("Started", 0, meterValue=begin), event("Ended", 1, meterValue=end))
    (transaction,) = ledger.transactions
    assert (transaction.energy_start_wh, transaction.energy_wh) == (Decimal(1100), Decimal(2200))


def test_the_json_form_names_problems_and_open_transactions() -> None:
    answer = play(start(), meter(9)).to_json()
    assert (answer["open"], answer["problems"][0]["kind"]) == (1, "meter_values_without_start")
    assert answer["transactions"][0]["energy_start_wh"] == "1000"


def only(ledger: Ledger) -> LogicalTransaction:
    (transaction,) = ledger.transactions
    return transaction


@settings(deadline=None)
@given(st.lists(st.integers(1, 4), min_size=2, max_size=12), st.booleans())
def test_any_number_of_repeats_in_order_leaves_one_whole_transaction(copies: list[int], is_16: bool) -> None:
    last = len(copies) - 1
    ledger = Ledger()
    for number, count in enumerate(copies):
        if is_16:
            at = f"2026-01-01T10:00:{number:02}Z"
            middle = ("MeterValues", meter_16(1, str(1000 + number), at))
            step = start() if number == 0 else stop() if number == last else middle
        else:
            step = event("Started" if number == 0 else "Ended" if number == last else "Updated", number, number)
        for _ in range(count):
            play(step, ledger=ledger)
    transaction = only(ledger)
    assert transaction.is_whole
    assert kinds(ledger) == []
    assert transaction.repeats == sum(copies) - len(copies)


@settings(deadline=None)
@given(st.integers(2, 10), st.data())
def test_a_missing_event_is_always_found(length: int, data: st.DataObject) -> None:
    missing = data.draw(st.integers(1, length - 1))
    events = [event("Started", 0), *(event("Updated", number) for number in range(1, length)), event("Ended", length)]
    del events[missing]
    ledger = play(*events)
    assert only(ledger).missing_seq_nos == [missing]
    assert kinds(ledger) == ["seq_no_gap"]


@settings(deadline=None)
@given(st.integers(0, 3), st.integers(0, 5))
def test_a_changed_repeat_is_always_a_conflict(which: int, delta: int) -> None:
    steps = [event("Started", 0, 1), event("Updated", 1, 2), event("Updated", 2, 3), event("Ended", 3, 4)]
    action, payload = steps[which]
    changed = (action, {**payload, "numberOfPhasesUsed": delta})
    ledger = play(*steps, changed)
    assert ledger.conflicts == 1
    assert not only(ledger).is_whole
