import pytest

from hil.demo.observed import Frame, Observed, ends_transaction
from tests.hil.demo.frames import at, call, connected, event, sample

STATE = {
    "pilot_state": "C",
    "contactor_closed": True,
    "pilot_output": "pwm",
    "duty_percent": 26.667,
    "current_a": 15.5,
    "power_w": 10_695.0,
    "meter": {"energy_wh": "4711.5"},
    "indicator": {"text": "Charging"},
}


def last_frame(message: dict[str, object]) -> Frame:
    seen = Observed("2.0.1")
    seen.take_csms(message)
    return seen.frames[-1]


def test_the_state_of_the_bench_gives_what_is_offered_and_drawn() -> None:
    seen = Observed("2.0.1")
    seen.take_state(STATE)
    assert seen.offered_a == pytest.approx(16.0, abs=0.01)
    assert (seen.pilot_state, seen.current_a, str(seen.register_wh), seen.display) == ("C", 15.5, "4711.5", "Charging")
    seen.take_state({**STATE, "meter": {"energy_wh": "4720.75"}})
    assert str(seen.delivered_wh) == "9.25"


def test_a_board_that_offers_nothing_offers_nothing() -> None:
    seen = Observed("2.0.1")
    seen.take_state({**STATE, "pilot_output": "negative_12v", "duty_percent": None, "indicator": None})
    assert (seen.offered_a, seen.display) == (None, "")


def test_events_of_the_bench_change_the_picture_at_once() -> None:
    seen = Observed("2.0.1")
    changes: list[str] = []
    seen.changed = lambda: changes.append(seen.pilot_state)
    seen.take_bench({"event": "pilot_state", "evse": 1, "state": "B", "t": 1.0})
    seen.take_bench({"event": "contactor", "evse": 1, "closed": True, "t": 2.0})
    assert changes == ["B", "B"]
    assert seen.contactor_closed


def test_traffic_on_the_boards_line_is_not_kept() -> None:
    seen = Observed("2.0.1")
    seen.take_bench({"event": "command", "text": "GS", "name": "GS", "t": 1.0})
    assert seen.events == []


def test_the_first_event_after_a_moment_is_found() -> None:
    seen = Observed("2.0.1")
    for at_s, closed in ((1.0, False), (2.0, True), (3.0, False), (4.0, False)):
        seen.take_bench({"event": "contactor", "closed": closed, "t": at_s})
    assert seen.event_at_s("contactor", 1.5, closed=False) == 3.0
    assert seen.event_at_s("contactor", 4.5, closed=False) is None


def test_connections_come_and_go() -> None:
    seen = Observed("1.6")
    seen.take_csms(connected(1.0))
    online = [seen.online]
    seen.take_csms(event(2.0, "-", "disconnected"))
    assert [*online, seen.online] == [True, False]
    assert seen.reconnection(1.5) is None


def test_only_messages_of_a_transaction_are_transactional() -> None:
    assert last_frame(call(1, "TransactionEvent", eventType="Started")).is_transactional
    assert last_frame(sample(1, 1)).is_transactional
    assert not last_frame(call(1, "MeterValues", evseId=1, meterValue=[])).is_transactional
    assert not last_frame(call(1, "Heartbeat")).is_transactional
    assert not last_frame(event(1, "out", "call", "TransactionEvent")).is_transactional


def test_a_message_that_waited_tells_for_how_long() -> None:
    assert last_frame(sample(1, 5.5)).delay_s == pytest.approx(4.5)
    assert last_frame(call(9, "Heartbeat")).delay_s == 0
    assert last_frame(event(9, "in", "result", "GetLog", {"timestamp": at(1)})).delay_s == 0


def test_statuses_of_both_versions_are_found() -> None:
    seen = Observed("1.6")
    seen.take_csms(call(1, "StatusNotification", connectorId=0, status="Available"))
    assert not seen.status_reported("Available")
    seen.take_csms(call(2, "StatusNotification", connectorId=1, status="Available"))
    seen.take_csms(call(3, "StatusNotification", connectorId=1, evseId=1, connectorStatus="Occupied"))
    assert seen.status_reported("Available")
    assert seen.status_reported("Occupied", since_s=2.5)
    assert not seen.status_reported("Available", since_s=2.5)


def test_the_last_message_of_a_transaction_is_known_in_both_versions() -> None:
    assert ends_transaction(last_frame(call(1, "StopTransaction", transactionId=7)))
    assert ends_transaction(last_frame(call(1, "TransactionEvent", eventType="Ended")))
    assert not ends_transaction(last_frame(call(1, "TransactionEvent", eventType="Updated")))
