from pathlib import Path

import pytest

from agent.domain.session_state import SessionState
from agent.domain.session_table import TABLE
from agent.domain.state_diagram import GROUPS, PART, diagram

BEGIN, END = PART.begin, PART.end
PAGE = f"# Page\n\n{BEGIN}\nold\n{END}\n\nafter\n"


def test_the_diagram_names_every_state_and_every_trigger_that_moves_one() -> None:
    drawn = diagram()
    assert all(state.name in drawn for state in SessionState)
    moving = {row.trigger for row in TABLE if row.dest is not None and set(row.sources) != {row.dest}}
    assert all(trigger in drawn for trigger in moving)


def test_every_arrow_has_two_ends_that_are_declared() -> None:
    places = {*(state.name for state in SessionState), *GROUPS, "where_it_belongs", "[*]"}
    arrows = [line.partition(":")[0].strip().split(" --> ") for line in diagram().splitlines() if "-->" in line]
    assert arrows
    assert {end for arrow in arrows for end in arrow} <= places
    assert len(arrows) < 60, "a picture that nobody can read"


def test_only_what_is_between_the_markers_is_written() -> None:
    page = PART.drawn_into(PAGE)
    assert page.startswith(f"# Page\n\n{BEGIN}\n```mermaid\n")
    assert page.endswith(f"```\n{END}\n\nafter\n")
    assert PART.drawn_into(page) == page


def test_check_tells_a_stale_page_and_leaves_it_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    assert PART.main([str(page), "--check"]) == 1
    assert "make diagram" in capsys.readouterr().err
    assert page.read_text() == PAGE
    assert PART.main([str(page)]) == 0
    assert PART.main([str(page), "--check"]) == 0


@pytest.mark.parametrize("text", ["no markers", f"{BEGIN} only", f"{END} only"])
def test_a_page_without_a_place_for_it_is_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    assert PART.main([str(page)]) == 2
    assert PART.main([str(tmp_path / "missing.md")]) == 2
    assert page.read_text() == text
    assert len(capsys.readouterr().err.splitlines()) == 2
