"""The size budget of DESIGN: small files, small functions, nothing postponed."""

import ast
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("agent", "hal", "hil", "firmware_updater")
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 40
MEDIAN_FILE_LINES = 120
MEDIAN_FUNCTION_LINES = 10
POSTPONED = re.compile(r"\b(?:TODO|FIXME|XXX)\b")
NOT_RUN = re.compile(r"@?pytest\.(?:mark\.)?(?:skip|xfail|importorskip)|unittest\.mock")

SKIPS = ROOT / "hil/plugin.py"  # a bench that cannot do it says so, and the report shows it

FILES = sorted(file for package in (*PACKAGES, "tests") for file in (ROOT / package).rglob("*.py"))
PRODUCT = [file for file in FILES if file.relative_to(ROOT).parts[0] != "tests"]


def lines(file: Path) -> int:
    return len(file.read_text(encoding="utf-8").splitlines())


def functions(file: Path) -> Iterator[tuple[str, int]]:
    """Name and length of each function, docstring included, decorators not."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def name(file: Path) -> str:
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize("file", FILES, ids=name)
def test_no_file_exceeds_its_budget(file: Path) -> None:
    assert lines(file) <= MAX_FILE_LINES


@pytest.mark.parametrize("file", FILES, ids=name)
def test_no_function_exceeds_its_budget(file: Path) -> None:
    long = {function: length for function, length in functions(file) if length > MAX_FUNCTION_LINES}
    assert not long


def test_the_median_file_is_small() -> None:
    assert statistics.median(lines(file) for file in PRODUCT if lines(file) > 1) <= MEDIAN_FILE_LINES


def test_the_median_function_is_small() -> None:
    assert statistics.median(length for file in PRODUCT for _, length in functions(file)) <= MEDIAN_FUNCTION_LINES


@pytest.mark.parametrize("file", [file for file in FILES if file not in {Path(__file__), SKIPS}], ids=name)
def test_nothing_is_postponed_skipped_or_mocked(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert not POSTPONED.search(text)
    assert not NOT_RUN.search(text)
