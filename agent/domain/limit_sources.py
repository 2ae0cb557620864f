"""Rule: limits of the whole station that come from outside the back-end, each with its own heartbeat and fail-safe.

* A source that is configured holds its fail-safe value until it has spoken (lesson 50), and again when it has been
  silent for longer than its heartbeat allows (lesson 42). Stop, a safe current or no limit at all is the installer's
  choice of that value (lesson 43).
* Of all sources the smallest value holds. Values are A per phase, for the sum over all EVSEs.
"""

from collections.abc import Mapping
from enum import Enum
from math import inf, isfinite

from hal.value import dataclass


class LimitSource(Enum):
    """Who may limit the station besides charging profiles."""

    GRID_OPERATOR = "grid_operator"
    """A ripple control receiver or another box of the grid operator's (Germany: § 14a EnWG, 4.2 kW)."""
    EXTERNAL = "external"
    """An energy manager on the premises."""


@dataclass(frozen=True, slots=True)
class SourceTerms:
    """What the installer said of a source."""

    heartbeat_timeout_s: float
    """0: what it said last holds for ever."""
    fail_safe_current_a: float


@dataclass(frozen=True, slots=True)
class SourceLimit:
    """What one source allows at this moment."""

    source: LimitSource
    current_a: float
    is_fail_safe: bool
    until_s: float
    """Monotonic: when its heartbeat runs out, if it does not speak before; infinite if it need not."""

    def __str__(self) -> str:
        """For the log."""
        return f"{self.source.value}{'(fail-safe)' if self.is_fail_safe else ''}"


class LimitSources:
    """All configured sources."""

    def __init__(self, terms: Mapping[LimitSource, SourceTerms]) -> None:
        self._terms = dict(terms)
        self._told: dict[LimitSource, tuple[float, float]] = {}
        """What each said, A, infinite for no limit; and when."""

    def tell(self, source: LimitSource, current_a: float | None, now_s: float) -> str | None:
        """Take what a source says (None: no limit), which is its heartbeat as well; returns why not, None if taken."""
        if source not in self._terms:
            return f"no [limits.{source.value}] is configured"
        if current_a is not None and not (isfinite(current_a) and current_a >= 0):
            return "a limit is a current of 0 A or more"
        self._told[source] = (inf if current_a is None else current_a, now_s)
        return None

    def each(self, now_s: float) -> list[SourceLimit]:
        """Return what every source allows now."""
        return [self._limit(source, terms, now_s) for source, terms in self._terms.items()]

    def smallest(self, now_s: float) -> SourceLimit | None:
        """Return the one that holds; None if no source limits."""
        holding = [limit for limit in self.each(now_s) if limit.current_a < inf]
        return min(holding, key=lambda limit: limit.current_a, default=None)

    def next_change_s(self, now_s: float) -> float:
        """When a heartbeat runs out next; infinite if none does."""
        return min((limit.until_s for limit in self.each(now_s)), default=inf)

    def _limit(self, source: LimitSource, terms: SourceTerms, now_s: float) -> SourceLimit:
        told = self._told.get(source)
        if told is None:
            return SourceLimit(source, terms.fail_safe_current_a, is_fail_safe=True, until_s=inf)
        current_a, at_s = told
        if terms.heartbeat_timeout_s <= 0:
            return SourceLimit(source, current_a, is_fail_safe=False, until_s=inf)
        until_s = at_s + terms.heartbeat_timeout_s
        if now_s >= until_s:
            return SourceLimit(source, terms.fail_safe_current_a, is_fail_safe=True, until_s=inf)
        return SourceLimit(source, current_a, is_fail_safe=False, until_s=until_s)
