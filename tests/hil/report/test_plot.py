"""Plots: the same bytes each time, small, the limit drawn in, and no text that could act."""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from hil.report.plot import plot_svg
from hil.report.plot_limits import ALLOWED, figure_text, focus_of, lane_text
from hil.report.plot_rows import legible, nice_above, rows_of
from hil.report.results import result_from_json
from hil.report.traces import traces_of
from tests.hil.report.recorded import Result, blank, measurement

LARGEST_BYTES = 60_000
HOSTILE = "$x^{2$ <script>alert(1)</script> --> &amp; ]]> \u6f22\U0001f600 \" ' {{ 7*7 }}"


def drawn(result: Result, name: str = "run-1") -> str:
    read = result_from_json(result)
    return plot_svg(read, traces_of(read)[0], name)


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - our own drawing


def test_the_same_run_gives_the_same_bytes_in_another_process(exception: Result) -> None:
    script = (
        "import json, sys; from hil.report.plot import plot_svg; from hil.report.results import result_from_json;"
        "from hil.report.traces import traces_of; r = result_from_json(json.load(sys.stdin));"
        "sys.stdout.write(plot_svg(r, traces_of(r)[0], 'run-1'))"
    )
    other = subprocess.run(
        [sys.executable, "-c", script], input=json.dumps(exception), capture_output=True, text=True, check=True
    )
    assert other.stdout == drawn(exception)


def test_a_plot_is_small(exception: Result, failed: Result) -> None:
    assert len(drawn(exception).encode()) <= LARGEST_BYTES
    assert len(drawn(failed).encode()) <= LARGEST_BYTES


def test_text_is_text_and_every_row_is_named(exception: Result) -> None:
    texts = [element.text for element in parsed(drawn(exception)).iter("{http://www.w3.org/2000/svg}text")]
    for name in ("Limits", "Pilot, V", "Duty, %", "Contactor", "Current, A", "Meter, Wh", "Commands", "OCPP"):
        assert name in texts
    assert "$SC 32 V" in texts
    assert "TransactionEvent: Updated" in texts
    assert "contactor opens after the car left C: 307 ms (limit 100 ms) MISSED" in texts
    assert "Charging" in texts


def test_the_limit_is_shaded_and_a_short_one_is_enlarged(exception: Result, passed: Result) -> None:
    svg = drawn(exception)
    assert ALLOWED in svg
    assert "enlarged around the limit" in svg
    whole = drawn(passed | {"measurements": [measurement("power on", passed["stimulus_t"], None, 12.0, "own")]})
    assert "enlarged" not in whole


def test_hostile_text_stays_text(exception: Result) -> None:
    told = [{"event": "command", "evse": 1, "text": HOSTILE, "t": exception["stimulus_t"]}]
    told += [{"event": "indication", "evse": 1, "light": HOSTILE, "text": HOSTILE, "t": exception["stimulus_t"]}]
    timed = [m | {"name": HOSTILE} for m in exception["measurements"]]
    svg = drawn(exception | {"events": exception["events"] + told, "measurements": timed})
    tree = parsed(svg)
    assert not [element for element in tree.iter() if element.tag.endswith("script")]
    assert "&lt;script&gt;" in svg


def test_ids_of_two_plots_differ_so_that_both_can_stand_in_one_page(exception: Result) -> None:
    first, second = (set(re.findall(r'id="([^"]+)"', drawn(exception, name))) for name in ("run-1", "run-2"))
    assert first
    assert not first & second


def test_a_run_with_no_events_and_one_of_no_length_are_drawn() -> None:
    assert drawn(blank()).startswith("<svg")
    at_once = measurement("at once", 5.0, 5.0, None, "own")
    assert drawn(blank() | {"stimulus_t": 5.0, "measurements": [at_once]}).startswith("<svg")


def test_values_beyond_the_scale_stay_inside_their_row() -> None:
    pilot = next(row for row in rows_of(traces_of(result_from_json(blank()))[0], 1) if row.key == "pilot")
    assert pilot.bottom < pilot.scaled(-1e9) < pilot.scaled(12.0) < pilot.scaled(1e9) < pilot.top


def test_a_missed_limit_decides_before_a_tighter_one() -> None:
    tight = measurement("tight", 1.0, 1.01, 0.1, "own")
    missed = measurement("missed", 2.0, 9.0, 5.0, "own")
    focus = focus_of(result_from_json(blank() | {"measurements": [tight, missed]}))
    assert focus is not None
    assert focus.measurement.name == "missed"
    assert focus.allowed == (2.0, 7.0)
    assert focus_of(result_from_json(blank())) is None


def test_a_limit_from_below_is_not_allowed_before_it() -> None:
    pause = measurement("opens", 10.0, 13.1, 6.5, "sequence 10.2") | {"at_least_s": 6.0, "met": False}
    focus = focus_of(result_from_json(blank() | {"measurements": [pause]}))
    assert focus is not None
    assert focus.allowed == (16.0, 16.5)
    assert lane_text(focus.measurement) == "opens: 3.1 s (at least 6 s) (limit 6.5 s) MISSED"
    assert figure_text(replace(focus.measurement, value_s=None)) == "not seen"


@pytest.mark.parametrize(("value", "scale"), [(0.3, 0.4), (1, 1), (16, 20), (32, 40), (50.1, 100), (0, 1)])
def test_scales_end_at_round_figures(value: float, scale: float) -> None:
    assert nice_above(value) == pytest.approx(scale)


def test_labels_are_short_and_in_characters_that_every_face_has() -> None:
    assert legible("a\nb \u6f22", 10) == "a b ?"
    assert legible("x" * 50, 10) == "x" * 9 + "…"
