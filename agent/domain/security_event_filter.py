"""Rule: the same security event again and again is counted, not repeated.

* The first of a type and information passes. Whatever equals it within `window_s` is counted; at the end of that time
  one more entry says how many there were.
* Of one type at most `MAX_DIFFERENT` informations pass within a window; all others of it are one count.
So a flood writes a few lines, flash does not wear, and nothing that happened is left out.
"""

from dataclasses import replace

from agent.domain.security_event import SecurityEvent, SecurityEventType, clipped_info
from hal.value import dataclass

WINDOW_S = 600.0
MAX_DIFFERENT = 5

_Key = tuple[SecurityEventType, str | None]


@dataclass(slots=True)
class _Counted:
    since_s: float
    more: int = 0
    last: SecurityEvent | None = None


class SecurityEventFilter:
    """Which events are written, and when."""

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._seen: dict[_Key, _Counted] = {}

    @property
    def next_due_s(self) -> float | None:
        """When `due` has something to tell or to forget; None: nothing is being counted."""
        oldest_s = min((counted.since_s for counted in self._seen.values()), default=None)
        return None if oldest_s is None else oldest_s + self._window_s

    def take(self, event: SecurityEvent, now_s: float) -> bool:
        """Tell whether this event is to be written now; if not, it is counted."""
        key: _Key = (event.type, event.tech_info)
        if key not in self._seen and self._different(event.type) >= MAX_DIFFERENT:
            key = (event.type, None)
        counted = self._seen.get(key)
        if counted is not None:
            counted.more += 1
            counted.last = event
            return False
        self._seen[key] = _Counted(now_s)
        if key[1] is None:  # the first of those beyond the number is counted as well: there is no entry that shows it
            self._seen[key] = _Counted(now_s, 1, event)
            return False
        return True

    def due(self, now_s: float) -> list[SecurityEvent]:
        """Return what the windows that are over have counted, and forget them: at `next_due_s` there is always one."""
        over = [key for key, counted in self._seen.items() if counted.since_s + self._window_s <= now_s]
        return self._counts(over, now_s)

    def all_counts(self, now_s: float) -> list[SecurityEvent]:
        """Return what was counted so far, at the end of the process."""
        return self._counts(list(self._seen), now_s)

    def _different(self, type_: SecurityEventType) -> int:
        return sum(known is type_ and info is not None for known, info in self._seen)

    def _counts(self, keys: list[_Key], now_s: float) -> list[SecurityEvent]:
        entries = []
        for type_, info in keys:
            counted = self._seen.pop((type_, info))
            if counted.last is not None:
                entries.append(_entry(counted, counted.last, info, now_s))
        return entries


def _entry(counted: _Counted, last: SecurityEvent, info: str | None, now_s: float) -> SecurityEvent:
    again = "others" if info is None else "more of the same"
    text = f"{counted.more} {again} within {now_s - counted.since_s:.0f} s: {last.tech_info}"
    return replace(last, tech_info=clipped_info(text.removesuffix(": ")))
