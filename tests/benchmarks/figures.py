"""Measured figures beside their targets and baselines, as a table and as JSON (values and rules)."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    """At most this, or at least this if `more_is_better`; None: no target."""
    more_is_better: bool = False
    target: str = ""
    """What the limit is made of, in words; empty: the number itself."""
    baseline: float | None = None
    """The same by bare libraries in the same run: of OCPP the client of the `ocpp` package."""
    note: str = ""
    samples: tuple[float, ...] = ()

    @property
    def met(self) -> bool | None:
        """None if there is no target."""
        if self.limit is None:
            return None
        return self.value >= self.limit if self.more_is_better else self.value <= self.limit

    def to_json(self) -> dict[str, Any]:
        """Render everything."""
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "limit": self.limit,
            "more_is_better": self.more_is_better,
            "baseline": self.baseline,
            "met": self.met,
            "note": self.note,
            "samples": list(self.samples),
        }


def median(samples: Sequence[float]) -> float:
    """The middle of the samples."""
    return statistics.median(samples)


def percentile(samples: Sequence[float], percent: float) -> float:
    """The smallest sample that so many percent of all do not exceed (nearest rank)."""
    ordered = sorted(samples)
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, min(len(ordered), int(rank)) - 1)]


def table(figures: Sequence[Figure], failures: Sequence[str]) -> str:
    """Render for a terminal."""
    head = ("figure", "measured", "target", "bare", "verdict", "note")
    rows = [head, *(_row(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "-" * max(len(line) for line in lines))
    lines += [f"NOT MEASURED: {failure}" for failure in failures]
    missed = sum(figure.met is False for figure in figures)
    judged = sum(figure.met is not None for figure in figures)
    lines.append(f"{judged - missed} of {judged} targets met, {missed} missed, {len(failures)} not measured")
    return "\n".join(lines)


def _row(figure: Figure) -> tuple[str, ...]:
    verdict = {True: "met", False: "MISSED", None: ""}[figure.met]
    return (
        figure.name,
        _with_unit(figure.value, figure.unit),
        _target(figure),
        _baseline(figure),
        verdict,
        figure.note,
    )


def _target(figure: Figure) -> str:
    if figure.limit is None:
        return ""
    sign = ">=" if figure.more_is_better else "<="
    text = f"{sign} {_with_unit(figure.limit, figure.unit)}"
    return f"{text} ({figure.target})" if figure.target else text


def _baseline(figure: Figure) -> str:
    return "" if figure.baseline is None else _with_unit(figure.baseline, figure.unit)


def _with_unit(value: float, unit: str) -> str:
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2
    return f"{value:,.{digits}f} {unit}"
