"""The page as text: complete, self-contained, and safe against what it shows."""

import re
from html.parser import HTMLParser

import pytest

from hil.report.catalogue import catalogue, described
from hil.report.page import render_page
from hil.report.results import NotApplicable, Unreadable, result_from_json
from tests.hil.report.recorded import Result, blank, measurement

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}\"'--></style>"


class Elements(HTMLParser):
    """Every element with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.found)


def page_of(*results: Result) -> str:
    return render_page([result_from_json(result) for result in results])


def test_every_run_has_its_row_and_its_section_failed_first(failed: Result, exception: Result, passed: Result) -> None:
    page = page_of(passed, exception, failed, blank() | {"outcome": "skipped", "reason": "no car to plug"})
    sections = re.findall(r'<article id="([^"]+)" data-board="rapi" data-outcome="(\w+)"', page)
    assert sections == [("run-1", "failed"), ("run-2", "exception"), ("run-3", "passed"), ("run-4", "skipped")]
    assert re.findall(r'<tbody data-board="rapi" data-outcome="(\w+)"', page) == [name for _, name in sections]
    assert all(f'href="#{anchor}"' in page for anchor, _ in sections)
    assert "no car to plug" in page
    assert page.count("<figure") == 3
    for text in ("307 ms", "≤ 100 ms", "\N{MINUS SIGN}207 ms", "IEC 61851-1 Table A.6, 8.1", "not seen"):
        assert text in page


def test_the_page_says_what_was_done_and_expected(exception: Result) -> None:
    page = page_of(exception)
    assert "The vehicle stops charging while power is on: C to B." in page
    assert "contacts open within 100 ms (sequence 8.1)" in page


def test_a_scenario_of_its_own_is_described_by_its_own_words() -> None:
    own = described(result_from_json(blank() | {"scenario": "OWN-07", "limit": "power off within 2 s"}))
    assert own.expectation == "power off within 2 s"
    told = described(result_from_json(blank() | {"stimulus": "Told.", "limit": "-"}))
    assert (told.stimulus, told.expectation) == ("Told.", catalogue()["CP-01"].expectation)


def test_the_log_of_a_failure_is_there_and_that_of_a_passed_run_is_not(failed: Result, passed: Result) -> None:
    assert "contactor refused evse=1 reason=&lt;b&gt;&amp;" in page_of(failed)
    assert "refused" not in page_of(passed | {"log": failed["log"]})


def test_details_of_a_failure_are_open(failed: Result, passed: Result) -> None:
    assert "<details open>" in page_of(failed)
    assert "<details open>" not in page_of(passed)


def test_nothing_is_asked_of_the_network(failed: Result, exception: Result) -> None:
    elements = Elements(page_of(failed, exception))
    for tag, attributes in elements.found:
        assert tag not in {"link", "iframe", "object", "embed", "img", "base"}
        assert not attributes.get("src")
        reference = attributes.get("href") or attributes.get("xlink:href") or "#"
        assert reference.startswith("#")


def test_hostile_text_is_shown_and_never_obeyed() -> None:
    names = ("scenario", "title", "board", "bench", "ocpp", "reason", "meter", "stimulus", "expectation")
    timed = measurement(HOSTILE, 1.0, 2.0, 0.5, HOSTILE)
    event = {"event": HOSTILE, "evse": 1, "t": 1.0, HOSTILE: HOSTILE}
    line = {"t": 1.0, "line": HOSTILE, "message": HOSTILE, "direction": "from_station", "text": HOSTILE}
    hostile = blank() | dict.fromkeys(names, HOSTILE) | {"outcome": "failed", "measurements": [timed]}
    hostile |= {"events": [event], "csms": [line], "wire": [line], "log": [HOSTILE]}
    read = result_from_json(hostile)
    page = render_page([read], [Unreadable(HOSTILE, HOSTILE)], [NotApplicable(*[HOSTILE] * 5)])
    harmless = page_of(blank() | {"outcome": "failed"})
    assert Elements(page).count("script") == Elements(harmless).count("script") == 1
    assert Elements(page).count("img") == 0
    assert "49" not in re.findall(r"<h2>.*?</h2>", page, re.DOTALL)[-1]
    assert not [
        attributes for _, attributes in Elements(page).found if any(name.startswith("on") for name in attributes)
    ]


def test_the_same_results_give_the_same_page(exception: Result, failed: Result) -> None:
    assert page_of(exception, failed) == page_of(exception, failed)


def test_runs_drawn_by_several_processes_are_the_same_as_by_one(passed: Result) -> None:
    many = page_of(*[passed | {"bench": f"bench-{n}"} for n in range(8)])
    assert len(re.findall("<figure", many)) == 8
    assert re.findall(r"bench (bench-\d)", many) == [f"bench-{n}" for n in range(8)]


def test_what_does_not_apply_is_listed_with_its_reason() -> None:
    row = NotApplicable("LK-01", "Lock motor blocked", "rapi", "rapi-16", "this board has no lock")
    page = render_page([result_from_json(blank())], (), [row])
    assert "1 combination of scenario and bench not run" in page
    assert "this board has no lock" in page


def test_the_stimulus_is_marked_between_the_lines(exception: Result) -> None:
    page = page_of(exception)
    marked = re.findall(r'<tr class="stimulus"><td class="figure">([^<]+)</td>', page)
    assert marked == ["+0.000"]


@pytest.mark.parametrize("scenario", sorted(catalogue()))
def test_the_catalogue_describes_each_scenario_in_full(scenario: str) -> None:
    words = catalogue()[scenario]
    assert words.stimulus.endswith(".")
    assert words.expectation.endswith(".")
