"""Each benchmark runs on the real processes and gives figures; how good they are is for `make bench` to say."""

import json
import subprocess
import sys
import time
from itertools import cycle

import pytest

from tests.benchmarks.figures import Figure, percentile, table
from tests.benchmarks.processes import Measured, family_cpu_s
from tests.benchmarks.rig import Options
from tests.benchmarks.run import BENCHMARKS, ONCE, planned, report

TINY = Options(tiny=True)
BUSY_S = 0.2
TWO_TICKS_S = 0.02


def test_a_figure_above_its_limit_is_missed_and_one_without_a_limit_is_not_judged() -> None:
    assert Figure("a", 2.0, "ms", 3.0).met is True
    assert Figure("a", 4.0, "ms", 3.0).met is False
    assert Figure("a", 4.0, "/s", 3.0, more_is_better=True).met is True
    assert Figure("a", 4.0, "ms").met is None


def test_the_99th_percentile_of_a_hundred_is_the_second_worst() -> None:
    samples = [float(number) for number in range(1, 101)]
    assert percentile(samples, 99) == 99.0
    assert percentile([7.0], 99) == 7.0


def test_the_table_counts_what_was_missed_and_names_what_was_not_measured() -> None:
    text = table([Figure("boot", 300.0, "ms", 200.0, baseline=150.0), Figure("x", 1.0, "ms", 2.0)], ["drain: no"])
    assert "MISSED" in text
    assert "NOT MEASURED: drain: no" in text
    assert text.endswith("1 of 2 targets met, 1 missed, 1 not measured")


def test_the_report_carries_every_figure_with_target_baseline_and_verdict() -> None:
    figure = Figure("boot", 300.0, "ms", 200.0, baseline=150.0, samples=(300.0,))
    written = json.loads(json.dumps(report([figure], [])))
    assert written["figures"][0]["met"] is False
    assert written["figures"][0]["baseline"] == 150.0
    assert written["not_measured"] == []


def test_what_the_version_makes_no_difference_to_is_measured_once() -> None:
    assert list(planned(["cpu", "drain"], ["1.6", "2.0.1"])) == [("cpu", "1.6"), ("drain", "1.6"), ("drain", "2.0.1")]
    assert BENCHMARKS.keys() >= ONCE


def test_what_a_child_of_this_process_takes_is_not_counted_to_strangers() -> None:
    before_s = family_cpu_s()
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as child:
        while Measured(child, 0.0).cpu_s() < BUSY_S:
            time.sleep(0.01)
        taken_s = family_cpu_s() - before_s
        child.kill()
    assert taken_s >= BUSY_S - TWO_TICKS_S


@pytest.mark.slow
@pytest.mark.parametrize(("name", "version"), list(zip(BENCHMARKS, cycle(["1.6", "2.0.1"]), strict=False)))
async def test_each_benchmark_gives_figures(name: str, version: str) -> None:
    figures = await BENCHMARKS[name](version, TINY)
    assert figures
    assert all(figure.value >= 0 for figure in figures)
