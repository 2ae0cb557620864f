"""Which runs there are: each scenario on each bench that it applies to, or on one of them (rule)."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from hil.bench_file import BenchFile
from hil.scenario import Scenario


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One collected item."""

    item: pytest.Item
    scenario: Scenario
    bench: BenchFile
    case: str
    """The same for all benches."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What runs, and why the rest does not."""

    run: Sequence[Entry]
    not_applicable: list[dict[str, str]]


def select(entries: Sequence[Entry], *, quick: bool) -> Selection:
    """Choose; `quick`: each case on one bench, of the first board that it names."""
    reasons = {entry: why_not(entry.scenario, entry.bench) for entry in entries}
    rows = [_row(entry, reason) for entry, reason in reasons.items() if reason]
    run = [entry for entry in entries if not reasons[entry]]
    return Selection(_one_each(run) if quick else run, rows)


def why_not(scenario: Scenario, bench: BenchFile) -> str:
    """Return why a scenario does not apply to a bench; empty if it does."""
    if bench.board not in scenario.boards:
        return f"{scenario.id} applies to {', '.join(scenario.boards)}, not to {bench.board}"
    if bench.ocpp not in scenario.versions:
        return f"{scenario.id} applies to OCPP {', '.join(scenario.versions)}, not to {bench.ocpp}"
    return ""


def _one_each(entries: Sequence[Entry]) -> list[Entry]:
    cases: dict[str, list[Entry]] = {}
    for entry in entries:
        cases.setdefault(entry.case, []).append(entry)
    return [_pick(candidates) for candidates in cases.values()]


def _pick(candidates: Sequence[Entry]) -> Entry:
    """Take the first board; of its benches always the same one, but not the same for every case."""
    best = min(_rank(entry) for entry in candidates)
    equal = [entry for entry in candidates if _rank(entry) == best]
    return equal[zlib.crc32(equal[0].case.encode()) % len(equal)]


def _rank(entry: Entry) -> int:
    return entry.scenario.boards.index(entry.bench.board)


def _row(entry: Entry, reason: str) -> dict[str, str]:
    about, bench = entry.scenario, entry.bench
    return {
        "scenario": about.id,
        "title": about.title,
        "board": bench.board,
        "bench": bench.name,
        "reason": reason,
    }
