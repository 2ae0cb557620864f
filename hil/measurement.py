"""Verdicts: what was measured against which limit (value and rule)."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measured time; `None` as a limit: recorded, not judged."""

    name: str
    value_s: float
    limit_s: float | None
    source: str
    """Where the limit comes from: the standard's clause, or that it is ours."""
    at_least_s: float | None = None
    from_t: float | None = None
    to_t: float | None = None
    """The span on the bench's clock, to be drawn."""

    @property
    def met(self) -> bool:
        """Within the limits."""
        too_late = self.limit_s is not None and self.value_s > self.limit_s
        too_early = self.at_least_s is not None and self.value_s < self.at_least_s
        return not (too_late or too_early)

    def sentence(self) -> str:
        """Say it on one line."""
        bounds = []
        if self.at_least_s is not None:
            bounds.append(f"at least {self.at_least_s:g} s")
        if self.limit_s is not None:
            bounds.append(f"at most {self.limit_s:g} s")
        limit = " and ".join(bounds) or "no limit"
        return f"{self.name}: {self.value_s:.3f} s ({limit}; {self.source})" + ("" if self.met else " MISSED")

    def to_json(self) -> dict[str, Any]:
        """Render it as a row of the results file."""
        return {**asdict(self), "met": self.met}


@dataclass(frozen=True, slots=True)
class Excuse:
    """Why a board misses a limit by its nature, and how far: beyond these times it has no excuse."""

    reason: str
    at_most_s: float
    at_least_s: float = 0.0

    def covers(self, measurement: Measurement) -> bool:
        """Tell whether this is what the board is known for."""
        return self.at_least_s <= measurement.value_s <= self.at_most_s
