import json
from pathlib import Path

import pytest

from hil.measurement import Excuse, Measurement
from hil.results import Result, csms_rows, judged, wire_rows, write_result

LATE = Measurement("power off", 0.3, 0.1, "Table A.6")
EARLY = Measurement("pause", 3.0, 6.5, "Table A.6", at_least_s=6.0)
PROMPT = Measurement("power off", 0.1, 0.1, "Table A.6")
UNJUDGED = Measurement("recorded", 99.0, None, "ours")
EXCUSE = Excuse("its nature", at_most_s=3.5, at_least_s=0.2)


def test_a_limit_that_is_just_met_is_met_and_without_a_limit_nothing_is_missed() -> None:
    assert judged([PROMPT, UNJUDGED], None) == ("passed", "")


@pytest.mark.parametrize("missed", [LATE, EARLY], ids=["late", "early"])
def test_a_missed_limit_fails_unless_the_board_is_excused(missed: Measurement) -> None:
    assert judged([PROMPT, missed], None) == ("failed", missed.sentence())
    assert judged([PROMPT, missed], EXCUSE) == ("exception", f"{missed.sentence()}: its nature")


@pytest.mark.parametrize("value_s", [0.15, 3.6], ids=["sooner", "later"])
def test_a_limit_that_is_missed_by_more_than_the_excuse_says_fails(value_s: float) -> None:
    other = Measurement("power off", value_s, 0.1, "Table A.6")
    assert judged([LATE, other], EXCUSE) == ("failed", f"{LATE.sentence()}; {other.sentence()}")


def test_an_excuse_that_was_not_needed_is_not_used() -> None:
    assert judged([PROMPT], EXCUSE) == ("passed", "")


def test_text_on_the_wire_is_shown_as_text_and_anything_else_in_hexadecimal() -> None:
    recording = [
        '{"format": "pilotline-recording", "version": 1}',
        json.dumps({"t": 1.5, "line": "evse1/board", "direction": "to_device", "hex": b"$GS^30\r".hex()}),
        json.dumps({"t": 1.6, "line": "evse1/meter", "direction": "from_device", "hex": "0103ff"}),
        '{"t": 1.7, "operation": {"op": "plug_in"}}',
        '{"t": 1.8, "line": "evse1/bo',
    ]
    assert wire_rows(recording) == [
        {"t": 1.5, "line": "evse1/board", "direction": "to_device", "text": "$GS^30"},
        {"t": 1.6, "line": "evse1/meter", "direction": "from_device", "text": "01 03 ff"},
    ]


def test_frames_of_the_back_end_are_told_from_the_stations_side() -> None:
    frame = {"t": 2.0, "direction": "in", "kind": "call", "action": "Heartbeat", "payload": {}}
    assert csms_rows([frame]) == [
        {"t": 2.0, "direction": "from_station", "message": "Heartbeat call", "text": "{}"},
    ]


def test_a_run_of_the_same_name_replaces_the_last(tmp_path: Path) -> None:
    for outcome in ("failed", "passed"):
        result = Result(
            scenario="X-01",
            title="T",
            limit="-",
            board="rapi",
            bench="b",
            meter="m",
            ocpp="1.6",
            outcome=outcome,
            reason="",
            started_utc="",
            duration_s=0.0,
            stimulus_t=None,
            measurements=(),
            events=(),
        )
        path = write_result(tmp_path / "new", "X-01.test[a/b c]", result)
    assert [file.name for file in (tmp_path / "new").iterdir()] == [path.name] == ["X-01.test_a_b_c.json"]
    assert json.loads(path.read_text())["outcome"] == "passed"
