"""Events become curves that say what happened, and no more."""

import pytest

from hil.report.results import Result, result_from_json
from hil.report.traces import command_text, note_text, steps, times_of, traces_of
from tests.hil.report import recorded
from tests.hil.report.recorded import blank


def with_events(*events: dict[str, object], **fields: object) -> Result:
    return result_from_json(blank() | {"events": [{"evse": 1, **event} for event in events]} | fields)


def test_pilot_levels_and_duty_are_steps() -> None:
    (traces,) = traces_of(
        with_events(
            {"event": "pilot_voltage", "high_v": 12.0, "low_v": 12.0, "t": 1.0},
            {"event": "pilot_voltage", "high_v": 9.0, "low_v": -12.0, "t": 3.0},
            {"event": "duty", "duty_percent": None, "output": "steady_12v", "t": 1.0},
            {"event": "duty", "duty_percent": 26.6, "output": "pwm", "t": 3.0},
            {"event": "duty", "duty_percent": None, "output": "dark", "t": 4.0},
        )
    )
    assert steps(traces.high_v, 4.0) == [(1.0, 12.0), (3.0, 12.0), (3.0, 9.0), (4.0, 9.0)]
    assert traces.low_v == [(1.0, 12.0), (3.0, -12.0)]
    assert traces.duty_percent == [(1.0, 100.0), (3.0, 26.6), (4.0, 0.0)]


def test_current_rises_to_its_target_and_energy_is_its_integral() -> None:
    flow = {"target_a": 16.0, "voltage_v": 230.0, "phases": 3}
    (traces,) = traces_of(
        with_events(
            {"event": "energy", "energy_wh": "100.0", "t": 10.0},
            {"event": "current", **flow, "current_a": 0.0, "reached_in_s": 2.0, "t": 10.0},
            {"event": "swipe", "t": 20.0},
        )
    )
    assert traces.current_a == [(10.0, 0.0), (12.0, 16.0), (20.0, 16.0)]
    delivered_wh = (16.0 * 2.0 / 2 + 16.0 * 8.0) * 230.0 * 3 / 3600
    t, energy_wh = traces.energy_wh[-1]
    assert t == 20.0
    assert energy_wh == pytest.approx(100.0 + delivered_wh)


def test_the_integral_agrees_with_the_bench_where_it_tells_its_register(exception: recorded.Result) -> None:
    (traces,) = traces_of(result_from_json(exception))
    told_t, told_wh = traces.energy_readings[-1]
    computed_wh = next(energy_wh for t, energy_wh in traces.energy_wh if t == told_t)
    assert told_wh > 10
    assert computed_wh == pytest.approx(told_wh, rel=1e-6)


def test_polls_are_small_and_commands_that_change_something_are_written_out(exception: recorded.Result) -> None:
    (traces,) = traces_of(result_from_json(exception))
    told = [tick.text for tick in traces.commands if not tick.is_minor]
    assert "$SC 32 V" in told
    assert not any(text.startswith("$GS") for text in told)
    assert sum(tick.is_minor for tick in traces.commands) > 100


def test_a_command_loses_its_sequence_number_and_checksum() -> None:
    assert command_text("$SC 32 V :0B^0B") == "$SC 32 V"
    assert command_text("pwm=1 duty=266 contactors=100") == "pwm=1 duty=266 contactors=100"


def test_the_recorded_wire_stands_in_where_a_board_reports_no_commands() -> None:
    wire = [{"t": 2.0, "line": "evse1/board", "direction": "to_device", "text": "01 06 00 10"}]
    wire += [{"t": 2.1, "line": "evse1/board", "direction": "from_device", "text": "01 06 00 10"}]
    (traces,) = traces_of(with_events({"event": "swipe", "t": 1.0}, wire=wire))
    assert [(tick.t, tick.text) for tick in traces.commands] == [(2.0, "01 06 00 10")]


def test_messages_say_the_word_that_matters_and_answers_are_small() -> None:
    call = {"t": 1.0, "direction": "from_station", "message": "TransactionEvent call", "text": '{"eventType": "Ended"}'}
    answer = {"t": 1.1, "direction": "to_station", "message": "TransactionEvent result", "text": "{}"}
    error = {"t": 1.2, "direction": "to_station", "message": "Authorize error", "text": "{}"}
    (traces,) = traces_of(with_events(csms=[call, answer, error]))
    assert [(tick.text, tick.is_minor, tick.from_station) for tick in traces.messages] == [
        ("TransactionEvent: Ended", False, True),
        ("TransactionEvent", True, False),
        ("Authorize ERROR", False, False),
    ]


def test_each_evse_at_which_something_happened_has_its_own_curves() -> None:
    def cycle(evse: int) -> list[dict[str, object]]:
        states = [{"event": "pilot_state", "state": s, "t": float(n), "evse": evse} for n, s in enumerate("AB")]
        return [*states, {"event": "contactor", "closed": False, "t": 5.0, "evse": evse}]

    idle: list[dict[str, object]] = [{"event": "contactor", "closed": False, "t": 0.0, "evse": 3}]
    assert [traces.evse for traces in traces_of(with_events(*cycle(1), *cycle(2), *idle))] == [1, 2]


def test_an_event_that_nobody_foresaw_is_a_note_with_its_fields() -> None:
    event = {"event": "safe_state", "active": True, "reason": "diode", "evse": 1, "t": 2.0}
    assert note_text(event) == "safe state active=True reason=diode"
    (traces,) = traces_of(with_events(event))
    assert [tick.text for tick in traces.notes] == ["safe state active=True reason=diode"]


def test_a_run_without_any_event_still_has_a_time_axis() -> None:
    assert times_of(with_events()) == (0.0, 1.0)
    assert len(traces_of(with_events())) == 1


@pytest.mark.parametrize("event", ["pilot_voltage", "duty", "current", "energy", "indication", "contactor", "command"])
def test_an_event_without_its_fields_is_survived(event: str) -> None:
    assert traces_of(with_events({"event": event, "t": 1.0}, {"event": event, "t": 2.0, "high_v": [], "energy_wh": {}}))
