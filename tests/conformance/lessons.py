"""Rule: one row for each lesson that users of similar software paid for, with the tests that cite its number.

A test cites a lesson in its docstring or in a comment inside it. `lessons.toml` says in one sentence what each lesson
asks for, names tests that prove it without a citation, and why some are not built.
"""

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.conformance.rows import ROOT, Row

LESSONS = Path(__file__).with_name("lessons.toml")
GROUP = "lesson"
_CITATION = re.compile(r"\b[Ll]essons?\s+((?:\d+(?:\s*(?:,|and|to)\s*)?)+)")
_RANGE = re.compile(r"(\d+) to (\d+)")
_Test = ast.FunctionDef | ast.AsyncFunctionDef


def lesson_rows() -> list[Row]:
    """Every lesson in order."""
    told = tomllib.loads(LESSONS.read_text(encoding="utf-8"))
    return [_row(told, section, number) for section, numbers in told["lessons"].items() for number in numbers]


def _row(told: Mapping[str, Any], section: str, number: str) -> Row:
    named = (*told["tests"].get(number, ()), *cited().get(int(number), ()))
    name = f"{number}: {told['lessons'][section][number]}"
    return Row(GROUP, name, section, bool(named), tuple(dict.fromkeys(named)), (), told["why"].get(number, ""))


def numbers_in(text: str) -> set[int]:
    """Return the lessons that a text cites: `lesson 7`, `Lessons 42, 43 and 50`, `lessons 50 to 53`."""
    found: set[int] = set()
    for citation in _CITATION.finditer(text):
        for first, last in _RANGE.findall(citation[1]):
            found |= set(range(int(first), int(last) + 1))
        found |= {int(number) for number in re.findall(r"\d+", citation[1])}
    return found


@cache
def cited() -> Mapping[int, tuple[str, ...]]:
    """Return the tests that cite each lesson."""
    found: dict[int, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        source = path.read_text(encoding="utf-8")
        if path.parent != LESSONS.parent and numbers_in(source):
            for test in _tests(ast.parse(source)):
                for number in numbers_in(ast.get_source_segment(source, test) or ""):
                    found[number].append(f"{path.relative_to(ROOT)}::{test.name}")
    return {number: tuple(tests) for number, tests in found.items()}


def _tests(tree: ast.Module) -> Iterator[_Test]:
    for node in tree.body:
        if isinstance(node, _Test) and node.name.startswith("test_"):
            yield node
