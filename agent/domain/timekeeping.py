"""Rule: which clock is believed, and what time it was when nobody knew.

Sources are ranked: NTP, the back-end, the clock the computer started with, nothing (a computer without battery starts
in 1970). A better source replaces a worse one; a worse one is not heard while a better one lasts. The present time is
kept as the moment at which the monotonic clock stood at 0, so that a step of the system's clock changes nothing by
itself. What was stamped before any time was known is dated back once it is: the monotonic clock has run on meanwhile.
Source: facts, lessons 116 to 120.
"""

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any, TypeVar, cast

from agent.clock import Instant, plausible
from hal.value import dataclass

_T = TypeVar("_T")
_NO_STEP = timedelta(0)


class TimeSource(IntEnum):
    """The higher, the better."""

    NONE = 0
    RTC = 1
    """What the computer's clock said at the start, or since: battery, or a time written down at shutdown."""
    BACK_END = 2
    NTP = 3


BACK_END_FIRST = (TimeSource.BACK_END, TimeSource.NTP, TimeSource.RTC)
NTP_FIRST = (TimeSource.NTP, TimeSource.BACK_END, TimeSource.RTC)


@dataclass(frozen=True, slots=True)
class TimeQuality:
    """How good the time is."""

    source: TimeSource
    confirmed_s: float
    """Monotonic time at which the source was heard last."""


class Timekeeper:
    """Keeps the time of one station; `order` names the sources, the best first."""

    def __init__(self, first: Instant, *, step_threshold: timedelta, order: tuple[TimeSource, ...] = NTP_FIRST) -> None:
        self._step_threshold = step_threshold
        self._order = order
        self._began = first.utc - timedelta(seconds=first.monotonic_s)
        is_set = plausible(first.utc)
        self.unset_began = None if is_set else self._began
        """When the monotonic clock stood at 0 by a clock that was not set, in this process or an earlier one of the
        same boot; None if it was always set."""
        self.quality = TimeQuality(TimeSource.RTC if is_set else TimeSource.NONE, first.monotonic_s)

    def utc(self, monotonic_s: float) -> datetime:
        """Return the time, whether it is known or not."""
        return self._began + timedelta(seconds=monotonic_s)

    def hear(self, source: TimeSource, heard: Instant) -> timedelta:
        """Take a time from a source; returns the step made, 0 if it is not believed, or no news."""
        if not plausible(heard.utc) or self._rank(source) < self._rank(self.quality.source):
            return _NO_STEP
        first = self.quality.source is TimeSource.NONE
        self.quality = TimeQuality(source, heard.monotonic_s)
        step = heard.utc - self.utc(heard.monotonic_s)
        if abs(step) <= self._step_threshold and not first:
            return _NO_STEP
        self._began += step
        return step

    def lose(self, source: TimeSource) -> None:
        """A source is gone: its time is kept, but anything better than a computer's own clock is heard again."""
        if self.quality.source is source:
            self.quality = TimeQuality(TimeSource.RTC, self.quality.confirmed_s)

    def backdated(self, stamped: datetime) -> datetime:
        """Return when it really was: only what was stamped by a clock that was not set is changed."""
        if plausible(stamped) or self.unset_began is None or self.quality.source is TimeSource.NONE:
            return stamped
        return stamped + (self._began - self.unset_began)

    def _rank(self, source: TimeSource) -> int:
        return len(self._order) - self._order.index(source) if source in self._order else 0


def dated(value: _T, backdated: Callable[[datetime], datetime]) -> _T:
    """Return a value with every moment in it dated back; the same one if there is nothing to change."""
    return cast("_T", _dated(value, backdated))


def _dated(value: object, backdated: Callable[[datetime], datetime]) -> object:
    if isinstance(value, datetime):
        return backdated(value)
    if isinstance(value, tuple):
        changed = [_dated(each, backdated) for each in value]
        same = all(new is old for new, old in zip(changed, value, strict=True))
        return value if same or type(value) is not tuple else tuple(changed)
    if is_dataclass(value) and not isinstance(value, type):
        moments: dict[str, Any] = {}
        for field in fields(value):
            old = getattr(value, field.name)
            new = _dated(old, backdated)
            if new is not old:
                moments[field.name] = new
        return replace(value, **moments) if moments else value
    return value
