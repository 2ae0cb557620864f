"""Light, buzzer and display of one EVSE: takes JSON lines, keeps the last, counts what it cannot read (rule)."""

import json
from collections.abc import Callable
from typing import Any

from hil.world import Emit

MAX_LINE = 4096
"""Bytes without a line end that are kept; more is noise."""
FIELDS = ("light", "blinking", "buzzer", "text")


class IndicatorSimulator:
    """Shows what the agent sent last; every indication is an event."""

    def __init__(self, emit: Emit) -> None:
        self.output: Callable[[bytes], None] = lambda _data: None
        self.shown: dict[str, Any] | None = None
        self.bad_lines = 0
        self._emit = emit
        self._buffer = b""

    def receive(self, data: bytes) -> None:
        """Take bytes from the agent."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        if len(self._buffer) > MAX_LINE:
            self._buffer = b""
            self.bad_lines += 1
        for line in lines:
            if line.strip():
                self._show(line)

    def _show(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            self.bad_lines += 1
            return
        self.shown = {name: message.get(name) for name in FIELDS}
        self._emit("indication", dict(self.shown))
