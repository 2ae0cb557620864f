"""Recordings of wires: every byte with its time, one JSON object a line (rule; shared by bench and station).

The first line is the header; a header further down is a later start of the same recorder. Then come bytes
(`{"t", "line", "direction", "hex"}`), operations on simulated hardware (`{"t", "operation"}`) and, where a limit was
reached, the end (`{"t", "end"}`). Times are monotonic seconds of the recording machine.
"""

import json
from collections import deque
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from hal.value import dataclass

FORMAT: Final = "pilotline-recording"
VERSION: Final = 1
FLUSH_S: Final = 0.05
"""A recorder hands over this often what it holds, so that a kill loses less than 0.1 s."""
MAX_WAITING: Final = 50_000
"""Some 10 MB, or several minutes of a busy station."""
HEADER_START: Final = f'{{"format": "{FORMAT}"'


class RecordingError(ValueError):
    """A text that is not a recording, or not one of this version; the sentence names the line."""


class Direction(StrEnum):
    """Which way bytes went, seen from the device at the end of the line."""

    TO_DEVICE = "to_device"
    FROM_DEVICE = "from_device"


@dataclass(frozen=True, slots=True)
class WireBytes:
    """Bytes that passed at once."""

    t: float
    line: str
    direction: Direction
    data: bytes


@dataclass(frozen=True, slots=True)
class Operation:
    """What was done to simulated hardware."""

    t: float
    fields: Mapping[str, Any]


Entry = WireBytes | Operation


@dataclass(frozen=True, slots=True)
class Recording:
    """What was read of a recording."""

    lines: Mapping[str, Mapping[str, Any]]
    """Properties of each line by its name; `kind` is always there."""
    entries: tuple[Entry, ...]
    end: str | None
    """Why the recorder stopped by itself; None: it was ended."""
    masked: bool
    """Bytes of readers were replaced by zeros, since they are secrets."""


class RecordingText:
    """Renders entries until a limit of bytes; what comes then is dropped and the end says why."""

    def __init__(self, max_bytes: int, used_bytes: int = 0) -> None:
        self._max_bytes = max_bytes
        self._used_bytes = used_bytes
        self.ended = False

    def header(self, started: datetime, lines: Mapping[str, Mapping[str, Any]], **notes: str) -> str:
        """Render the first line; `started` is UTC."""
        head = {"format": FORMAT, "version": VERSION, "started_utc": started.isoformat(), **notes, "lines": lines}
        return self._line(head)

    def entry(self, entry: Entry) -> str:
        """Render one entry, or the end, or nothing after it."""
        if self.ended:
            return ""
        if self._used_bytes >= self._max_bytes:
            return self.end(entry.t, f"the limit of {self._max_bytes} bytes was reached")
        return self._line(_to_json(entry))

    def end(self, t: float, reason: str) -> str:
        """Render the end; nothing comes after it."""
        self.ended = True
        return self._line({"t": round(t, 6), "end": reason})

    def _line(self, content: Mapping[str, Any]) -> str:
        line = json.dumps(content) + "\n"
        self._used_bytes += len(line)
        return line


class RecordingQueue:
    """What was noted and is not written yet; one thread notes, another one renders.

    It is bounded: a disk that stands still costs the rest of the recording, and not the memory.
    """

    def __init__(self, max_waiting: int = MAX_WAITING) -> None:
        self._max_waiting = max_waiting
        self._waiting: deque[Entry] = deque()
        self._full_t: float | None = None
        self._stopped = False

    def note(self, entry: Entry) -> None:
        """Keep an entry until it is rendered, unless nothing more is to come."""
        if self._stopped or self._full_t is not None:
            return
        self._waiting.append(entry)
        if len(self._waiting) >= self._max_waiting:
            self._full_t = entry.t

    def stop(self) -> None:
        """Keep nothing any more."""
        self._stopped = True
        self._waiting.clear()

    def rendered(self, text: RecordingText) -> str:
        """Render what has waited."""
        full_t = self._full_t
        lines = []
        while self._waiting:
            lines.append(text.entry(self._waiting.popleft()))
        if full_t is not None and not text.ended:
            lines.append(text.end(full_t, f"{self._max_waiting} entries waited for the disk"))
        self._stopped = self._stopped or text.ended
        return "".join(lines)


def _to_json(entry: Entry) -> dict[str, Any]:
    t = round(entry.t, 6)
    if isinstance(entry, Operation):
        return {"t": t, "operation": dict(entry.fields)}
    return {"t": t, "line": entry.line, "direction": entry.direction.value, "hex": entry.data.hex()}


def read_recording(lines: Iterable[str]) -> Recording:
    """Read a recording; a last line that was cut off is left out. Raises: RecordingError."""
    known: dict[str, Mapping[str, Any]] = {}
    entries: list[Entry] = []
    end: str | None = None
    masked = False
    cut: int | None = None
    for number, text in enumerate(lines, start=1):
        content = _content(text)
        if content is None and known:
            cut = number if cut is None else cut
            continue
        if not known or content is None or "format" in content:
            header = content or {}
            known.update(_header(header, number))
            masked = masked or "masked" in header
            end = cut = None
        elif cut is not None:
            raise RecordingError(f"line {cut}: not a JSON object")
        elif "end" in content:
            end = str(content["end"])
        else:
            entries.append(_entry(content, known, number))
    if not known:
        raise RecordingError("a recording begins with a header that names its lines")
    return Recording(known, tuple(entries), end, masked)


def _content(text: str) -> dict[str, Any] | None:
    """Return the object of a line; None for what a kill has cut off."""
    try:
        content = json.loads(text)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _header(content: dict[str, Any], number: int) -> dict[str, Mapping[str, Any]]:
    if content.get("format") != FORMAT:
        raise RecordingError(f'line {number}: not the header of a recording, "format" is not {FORMAT!r}')
    if content.get("version") != VERSION:
        raise RecordingError(f"line {number}: version {content.get('version')!r}; this program reads {VERSION}")
    lines = content.get("lines")
    if not isinstance(lines, dict) or not all(isinstance(each, dict) and "kind" in each for each in lines.values()):
        raise RecordingError(f'line {number}: "lines" must give each line its kind')
    return lines


def _entry(content: dict[str, Any], known: Mapping[str, object], number: int) -> Entry:
    try:
        t = float(content["t"])
        if "operation" in content:
            return Operation(t, dict(content["operation"]))
        if content["line"] not in known:
            raise RecordingError(f"line {number}: the header does not name the line {content['line']!r}")
        return WireBytes(t, content["line"], Direction(content["direction"]), bytes.fromhex(content["hex"]))
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, RecordingError):
            raise
        raise RecordingError(f"line {number}: neither bytes nor an operation") from None
