"""The conformance page cannot lie: it names what the code has, and proofs that exist."""

import subprocess
import sys
import tomllib
from functools import cache
from html import escape
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.agent.csms.v16.official import OFFICIAL
from tests.conformance import standard
from tests.conformance.__main__ import main
from tests.conformance.lessons import LESSONS, lesson_rows, numbers_in
from tests.conformance.page import html_page, text_page
from tests.conformance.rows import ROOT, Row, claimed_names, known_keys, rows, secured_rig, sent_actions


def all_rows() -> list[Row]:
    return [*rows(), *lesson_rows()]


@cache
def collected() -> frozenset[str]:
    """Every test that pytest collects in the files that the page names, with and without its parameters."""
    files = sorted({test.partition("::")[0] for row in all_rows() for test in (*row.tests, *row.general)})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *files]
    told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    names = {line for line in told.splitlines() if "::" in line}
    return frozenset(names | {name.partition("[")[0] for name in names})


def test_every_test_that_the_page_names_is_collected() -> None:
    named = {test for row in all_rows() for test in (*row.tests, *row.general)}
    assert sorted(named - collected()) == []


def test_what_is_built_is_proved_and_what_is_not_says_why() -> None:
    unproved = [row.claim for row in rows() if row.is_built and not (row.tests or row.general)]
    assert unproved == [], "built, and claims.toml names no test"
    assert [row.claim for row in rows() if not row.is_built and not row.reason] == [], "not built, without a reason"


def test_every_key_of_the_standard_that_is_built_has_a_test_of_what_it_does() -> None:
    """That it is told and set is shown for all of them together; here it is its effect that counts."""
    keys = [row for row in rows() if row.group == "configuration key" and row.section.startswith("9.") and row.is_built]
    assert len(keys) > 40
    assert [row.name for row in keys if not set(row.tests) - set(row.general)] == []


def test_every_lesson_of_the_field_is_learnt_or_says_why_not() -> None:
    lessons = lesson_rows()
    assert [int(row.name.partition(":")[0]) for row in lessons] == list(range(1, 121))
    assert [row.name for row in lessons if row.is_built and row.reason] == []
    assert [row.name for row in lessons if not row.is_built and not row.reason] == []
    told = tomllib.loads(LESSONS.read_text("utf-8"))
    assert {*told["tests"], *told["why"]} <= {number for of_one in told["lessons"].values() for number in of_one}


def test_a_citation_is_a_number_a_list_or_a_range() -> None:
    assert numbers_in("Lesson 7; lessons 42, 43 and 50, and lessons 52 to 54. 3 lessons") == {7, 42, 43, 50, 52, 53, 54}


def test_nothing_is_claimed_of_what_is_not_built_or_not_known() -> None:
    assert [row.claim for row in rows() if row.tests and not row.is_built] == []
    assert claimed_names() - {row.claim for row in rows()} == set()


def test_every_handler_and_every_message_sent_is_on_the_page_as_built() -> None:
    built = {row.name for row in rows() if row.is_built and row.group.startswith("message")}
    assert set(secured_rig().adapter.handlers) <= built
    assert sent_actions() <= built


def test_the_page_names_every_message_of_the_official_schemas() -> None:
    files = {path.stem for path in OFFICIAL._folder.glob("*.json")}
    known = {name for name in files if not name.endswith("Response")}
    assert {*standard.FROM_BACK_END, *standard.FROM_STATION} - {"DataTransfer (from the station)"} == known


def test_every_key_of_the_station_is_on_the_page() -> None:
    named = {row.name for row in rows() if row.group == "configuration key"}
    assert known_keys(secured_rig()) <= named


def test_both_pages_tell_every_row(tmp_path: Path) -> None:
    assert main([str(tmp_path / "a/pics.txt"), str(tmp_path / "b/pics.html")]) == 0
    text, html = ((tmp_path / name).read_text("utf-8") for name in ("a/pics.txt", "b/pics.html"))
    for row in all_rows():
        assert f"{row.name} ({row.section}): {'built' if row.is_built else 'not built'}" in text
        assert escape(row.name) in html
    assert "<script" not in html
    assert not any(sign in html for sign in ("://", "src=", "url(", "@import")), "it asks nothing of the network"


@given(st.text(), st.text())
def test_whatever_a_row_says_it_stays_text(name: str, reason: str) -> None:
    row = Row("feature", f"<b>{name}", "1", False, (), (), f"<i>{reason}")
    assert "<b>" not in html_page([row])
    assert "<i>" not in html_page([row])
    assert f"<i>{reason}" in text_page([row])
