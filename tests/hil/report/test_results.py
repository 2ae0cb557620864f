"""Results are read as the plugin writes them; what cannot be read is named and never taken for passed."""

import json
from pathlib import Path

import pytest

from hil.report.results import ResultsError, load_not_applicable, load_results, result_from_json
from tests.hil.report.recorded import blank, measurement, write


def test_a_result_is_read_with_its_measurements(tmp_path: Path) -> None:
    timed = measurement("power off", 10.0, 10.3, 0.1, "Table A.6, 8.1")
    write(tmp_path, blank() | {"measurements": [timed], "stimulus_t": 10.0})
    (result,), unreadable = load_results(tmp_path)
    assert not unreadable
    assert (result.scenario, result.board, result.outcome, result.stimulus_t) == ("CP-01", "rapi", "passed", 10.0)
    assert result.measurements[0].margin_s == pytest.approx(-0.2)
    assert not result.measurements[0].met


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "Expecting value"),
        (b'{"scenario": "CP-01", "outc', "Unterminated string"),
        (b"\xff\xfe", "utf-8"),
        (b"[]", "not a JSON object"),
        (b'{"scenario": "CP-01", "outcome": "fine"}', "'fine'; it must be one of failed, error"),
        (b'{"outcome": "passed"}', "does not name its scenario"),
        (b'{"scenario": "CP-01", "outcome": "passed", "events": {}}', "'events' is not a list"),
        (b"[" * 100_000, "recursion"),
    ],
)
def test_a_broken_file_is_unreadable_with_a_reason_and_the_others_are_read(
    tmp_path: Path, content: bytes, why: str
) -> None:
    write(tmp_path, blank())
    (tmp_path / "broken.json").write_bytes(content)
    results, (unreadable,) = load_results(tmp_path)
    assert len(results) == 1
    assert unreadable.name == "broken.json"
    assert why in unreadable.reason


def test_nothing_to_report_on_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="has no results; run the scenarios first"):
        load_results(tmp_path)
    with pytest.raises(ResultsError, match="cannot be read"):
        load_results(tmp_path / "missing")


def test_the_station_software_is_what_the_station_told_at_boot() -> None:
    boot = {"t": 1, "direction": "from_station", "message": "BootNotification call"}
    text = json.dumps({"chargingStation": {"firmwareVersion": "1.2.3~rc1"}})
    assert result_from_json(blank() | {"csms": [boot | {"text": text}]}).station_version == "1.2.3~rc1"


def test_control_characters_and_reordering_marks_do_not_reach_the_page() -> None:
    result = result_from_json(blank() | {"title": "a\x00b\u202ec\ud800", "log": ["\x1b[31mred"]})
    assert result.title == "a·b·c·"
    assert result.log == ("·[31mred",)


@pytest.mark.parametrize("bad", ["5", True, float("nan"), float("inf"), 10**400, [], None])
def test_what_is_no_number_is_not_shown(bad: object) -> None:
    result = result_from_json(blank() | {"stimulus_t": bad, "events": [{"event": "duty", "t": bad}]})
    assert result.stimulus_t is None
    assert not result.events


def test_scenarios_that_do_not_apply_are_read_and_bad_lines_left_out(tmp_path: Path) -> None:
    row = {"scenario": "LK-01", "title": "Lock", "board": "rapi", "bench": "rapi-16", "reason": "no lock"}
    (tmp_path / "not_applicable.jsonl").write_text(f"{json.dumps(row)}\n{{\n\n[1]\n")
    (only,) = load_not_applicable(tmp_path)
    assert (only.scenario, only.reason) == ("LK-01", "no lock")
