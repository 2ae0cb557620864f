"""The head of the page: what the runs amount to."""

import pytest

from hil.report.results import Unreadable, result_from_json
from hil.report.summary import in_order, summary
from tests.hil.report.recorded import Result, blank


def runs(*outcomes: str) -> list[Result]:
    return [blank() | {"outcome": outcome, "scenario": f"CP-{n}"} for n, outcome in enumerate(outcomes, 1)]


@pytest.mark.parametrize(
    ("outcomes", "unreadable", "verdict", "sentence"),
    [
        (["passed"], 0, "passed", "Passed: the run met what is required."),
        (["passed", "passed", "skipped"], 0, "passed", "Passed: all 2 scenario runs met what is required."),
        (
            ["passed", "exception"],
            0,
            "exception",
            "Passed with 1 named exception: all other runs of 2 met what is required.",
        ),
        (
            ["passed", "failed", "error", "exception"],
            0,
            "failed",
            "Not passed: 2 of 4 scenario runs did not meet what is required.",
        ),
        (["passed"], 1, "failed", "Not passed: 1 of 2 scenario runs did not meet what is required."),
        (["skipped"], 0, "skipped", "Nothing was judged: every scenario run was skipped."),
        ([], 1, "failed", "Not passed: 1 of 1 scenario run did not meet what is required."),
    ],
)
def test_the_verdict_is_one_sentence(outcomes: list[str], unreadable: int, verdict: str, sentence: str) -> None:
    read = [result_from_json(run) for run in runs(*outcomes)]
    head = summary(read, [Unreadable("x.json", "is broken")] * unreadable)
    assert (head.verdict, head.sentence) == (verdict, sentence)


def test_failures_come_first_and_scenarios_in_the_order_of_their_numbers() -> None:
    read = [result_from_json(run) for run in runs("passed", "exception", "failed", "skipped", "error")]
    read += [result_from_json(blank() | {"scenario": scenario}) for scenario in ("CP-10", "CP-2", "PP-01")]
    assert [(each.outcome, each.scenario) for each in in_order(read)] == [
        ("failed", "CP-3"),
        ("error", "CP-5"),
        ("exception", "CP-2"),
        ("passed", "CP-1"),
        ("passed", "CP-2"),
        ("passed", "CP-10"),
        ("passed", "PP-01"),
        ("skipped", "CP-4"),
    ]


def test_the_facts_name_what_was_tested_and_when() -> None:
    first = blank() | {"station_version": "1.2.0", "meter": "eastron_sdm630", "duration_s": 61.0}
    second = blank() | {"board": "safety", "bench": "safety-16", "started_utc": "2026-11-24T01:02:03+00:00"}
    facts = dict(summary([result_from_json(first), result_from_json(second)], []).facts)
    assert facts == {
        "Station software": "1.2.0",
        "Boards": "OpenEVSE (RAPI), Safety controller",
        "Meters": "eastron_sdm630",
        "Benches": "safety-16, simulated-rapi",
        "OCPP": "2.0.1",
        "Scenarios": "1",
        "Date (UTC)": "2026-11-23 16:40 to 2026-11-24 01:02",
        "Time of all runs": "0:01:22",
    }


def test_what_nobody_stated_is_said_to_be_not_stated() -> None:
    facts = dict(summary([result_from_json(blank() | {"started_utc": "yesterday"})], []).facts)
    assert facts["Meters"] == facts["Station software"] == facts["Date (UTC)"] == "not stated"
