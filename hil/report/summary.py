"""What the runs amount to: order, totals, the verdict in a sentence (rule)."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hil.report.results import Result, Unreadable
from hil.report.wording import VERDICTS, board, counted

DIGITS = re.compile(r"(\d+)")
BAD = ("failed", "error", "unreadable")


@dataclass(frozen=True, slots=True)
class Summary:
    """The head of the page."""

    verdict: str
    """`passed`, `exception`, `failed` or `skipped`: what the whole looks like."""
    sentence: str
    explanation: str
    totals: tuple[tuple[str, int], ...]
    """Number of runs by outcome, worst first; those that did not occur are left out."""
    facts: tuple[tuple[str, str], ...]


def in_order(results: Sequence[Result]) -> list[Result]:
    """What needs attention first, then by scenario and board."""
    worst_first = list(VERDICTS)
    return sorted(results, key=lambda r: (worst_first.index(r.outcome), _natural(r.scenario), r.board, r.bench, r.ocpp))


def summary(results: Sequence[Result], unreadable: Sequence[Unreadable]) -> Summary:
    """Judge all runs together."""
    count = Counter(result.outcome for result in results)
    count["unreadable"] = len(unreadable)
    total, judged = count.total(), count.total() - count["skipped"]
    bad = sum(count[outcome] for outcome in BAD)
    if bad:
        verdict, sentence = (
            "failed",
            f"Not passed: {bad} of {counted(total, 'scenario run')} did not meet what is required.",
        )
    elif not judged:
        verdict, sentence = "skipped", "Nothing was judged: every scenario run was skipped."
    elif count["exception"]:
        verdict = "exception"
        exceptions = counted(count["exception"], "named exception")
        sentence = f"Passed with {exceptions}: all other runs of {judged} met what is required."
    else:
        verdict = "passed"
        sentence = f"Passed: {'the run' if judged == 1 else f'all {judged} scenario runs'} met what is required."
    totals = tuple((outcome, count[outcome]) for outcome in VERDICTS if count[outcome])
    return Summary(verdict, sentence, _explanation(count), totals, _facts(results))


def _explanation(count: Counter[str]) -> str:
    sentences = []
    if count["unreadable"]:
        results = counted(count["unreadable"], "result")
        sentences.append(f"{results} could not be read, and no result that cannot be read counts as passed.")
    if count["exception"]:
        sentences.append(
            "In an exception a time lies outside its limit because of the board's own nature; "
            "the measured value and the reason are recorded."
        )
    if count["skipped"]:
        sentences.append(f"{counted(count['skipped'], 'run')} skipped, each with its reason.")
    return " ".join(sentences)


def _facts(results: Sequence[Result]) -> tuple[tuple[str, str], ...]:
    started = sorted(result.started for result in results if result.started is not None)
    facts = [
        ("Station software", _listed(result.station_version for result in results)),
        ("Boards", _listed(board(result.board) for result in results)),
        ("Meters", _listed(result.meter for result in results)),
        ("Benches", _listed(result.bench for result in results)),
        ("OCPP", _listed(result.ocpp for result in results)),
        ("Scenarios", str(len({result.scenario for result in results}))),
        ("Date (UTC)", _period(started)),
        ("Time of all runs", str(timedelta(seconds=round(sum(result.duration_s or 0 for result in results))))),
    ]
    return tuple(facts)


def _listed(values: Iterable[str]) -> str:
    names = sorted({value for value in values if value}, key=_natural)
    return ", ".join(names) or "not stated"


def _period(started: Sequence[datetime]) -> str:
    if not started:
        return "not stated"
    first, last = started[0], started[-1]
    if first.date() == last.date():
        return f"{first:%Y-%m-%d %H:%M} to {last:%H:%M}" if last > first else f"{first:%Y-%m-%d %H:%M}"
    return f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"


def _natural(text: str) -> list[tuple[bool, int, str]]:
    """A key by which CP-2 comes before CP-10."""
    return [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in DIGITS.split(text) if part]
