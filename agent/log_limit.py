"""A log that nobody can flood: of lines of one kind, so many a minute are written; then how many were left out.

A back-end that asks a thousand times, or a bus that fails each second, must not wear the flash or hide what matters
(lessons: a missing device that filled the disk). What ends a process is never left out.
"""

import logging
import time
from collections.abc import Callable
from typing import Final

LINES_PER_WINDOW: Final = 20
WINDOW_S: Final = 60.0
_MAX_KINDS: Final = 1000
"""Kinds are texts of this program before their values are filled in; more would be a mistake of ours."""

_Kind = tuple[str, int, str]


class LogLimit(logging.Filter):
    """A filter for a handler; a kind is the logger, the level and the text before its values."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now_s = now_s
        self._windows: dict[_Kind, list[float]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether the line is written; the first after a gap tells how many were not."""
        if record.levelno >= logging.CRITICAL:
            return True
        kind = (record.name, record.levelno, str(record.msg))
        now_s = self._now_s()
        window = self._windows.get(kind)
        if window is None or now_s - window[0] >= WINDOW_S:
            left_out = 0 if window is None else int(window[1]) - LINES_PER_WINDOW
            if window is None and len(self._windows) >= _MAX_KINDS:
                self._windows.clear()
            self._windows[kind] = [now_s, 1]
            if left_out > 0:
                record.msg, record.args = f"{record.getMessage()} ({left_out} more like it were left out)", None
            return True
        window[1] += 1
        return window[1] <= LINES_PER_WINDOW
