"""Every frame with its UTC time and direction in a rotating file, secrets masked.

On the loop a frame costs one append to a bounded queue; masking and writing happen in a thread of its own, which looks
for frames now and then: woken by each, it would take the interpreter just when the frame is to be answered. A flood of
frames that differ in their message id only is written as its first few and their number.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from agent.csms.frame_mask import mask, without_message_id
from agent.rotating_file import RotatingFile

MAX_FILE_BYTES = 5_000_000
KEPT_FILES = 3
MAX_QUEUED_FRAMES = 10_000
MAX_SHOWN_REPEATS = 5
LOOK_INTERVAL_S = 0.1
FILE_MODE = 0o640
"""Frames tell who charges when: not everybody's business."""

_Item = tuple[float, str, str]


class FrameSink(Protocol):
    """What is told of every frame."""

    def received(self, text: str) -> None:
        """Note a frame of the back-end."""

    def sent(self, text: str) -> None:
        """Note a frame of ours."""


class NoFrameLog:
    """Keeps nothing."""

    def received(self, text: str) -> None:
        """Forget it."""

    def sent(self, text: str) -> None:
        """Forget it."""


class FrameLog:
    """Writes to `path`; older files get `.1`, `.2` … behind their name. To be closed."""

    def __init__(
        self,
        path: Path,
        *,
        max_file_bytes: int = MAX_FILE_BYTES,
        utc_offset_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._queue: deque[_Item] = deque()
        self._closing = threading.Event()
        self._utc_offset_s = utc_offset_s
        self._lost = 0
        self._writer = RotatingFile(path, max_file_bytes, KEPT_FILES, FILE_MODE)
        self._thread = threading.Thread(target=self._write_all, name="frame-log", daemon=True)
        self._thread.start()

    def received(self, text: str) -> None:
        """Note a frame of the back-end."""
        self._put("<-", text)

    def sent(self, text: str) -> None:
        """Note a frame of ours."""
        self._put("->", text)

    def close(self) -> None:
        """Write what is queued, and stop."""
        self._closing.set()
        self._thread.join()

    def _put(self, direction: str, text: str) -> None:
        if len(self._queue) >= MAX_QUEUED_FRAMES:
            self._lost += 1
            return
        self._queue.append((time.time() + self._utc_offset_s(), direction, text))

    def _write_all(self) -> None:
        repeats = _Repeats()
        running = True
        while running:
            running = not self._closing.wait(LOOK_INTERVAL_S)
            while self._queue:
                self._writer.write(repeats.lines(*self._queue.popleft()))
            if not running:
                self._writer.write(repeats.remainder())
            if self._lost:
                self._writer.write([f"{_utc(time.time())} -- {self._lost} frames were too many to write\n"])
                self._lost = 0
            self._writer.flush()
        self._writer.close()


class _Repeats:
    """Turns frames into lines, those that only repeat the last one of their direction into a number."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}
        self._count: Counter[str] = Counter()

    def lines(self, at: float, direction: str, text: str) -> list[str]:
        rest = without_message_id(text)
        if self._last.get(direction) == rest:
            self._count[direction] += 1
            if self._count[direction] >= MAX_SHOWN_REPEATS:
                return []
            return [f"{_utc(at)} {direction} {mask(text)}\n"]
        lines = self._hidden(direction)
        self._last[direction] = rest
        self._count[direction] = 0
        return [*lines, f"{_utc(at)} {direction} {mask(text)}\n"]

    def remainder(self) -> list[str]:
        return [line for direction in self._last for line in self._hidden(direction)]

    def _hidden(self, direction: str) -> list[str]:
        hidden = self._count[direction] - MAX_SHOWN_REPEATS + 1
        return [f"{_utc(time.time())} {direction} the same again {hidden} times\n"] if hidden > 0 else []


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
