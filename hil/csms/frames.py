"""The log of a CSMS: one entry a frame, kept in memory, written as readable lines or JSON lines.

Keys and passwords inside payloads are masked wherever an entry is shown.
"""

import json
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TextIO

SHORT = 160
KEPT_FRAMES = 50_000

_SECRET_NAMES = frozenset({"AuthorizationKey", "BasicAuthPassword"})
_MASK = "***"


@dataclass(slots=True)
class Frame:
    """One frame, or one event of the connection (`kind` connected, disconnected, invalid, …)."""

    number: int
    at_s: float
    """Monotonic seconds of the event loop."""
    utc: datetime
    identity: str
    direction: str
    """`in` from the station, `out` to it, `-` for events of the connection."""
    kind: str
    """`call`, `result`, `error`, `raw`, `invalid`, `connected`, `disconnected`."""
    action: str
    message_id: str
    payload: Any  # as it came: any JSON, or text

    def line(self) -> str:
        """Write one line for people."""
        arrow = {"in": "->", "out": "<-"}.get(self.direction, "--")
        text = _json(masked(self.payload))
        short = text if len(text) <= SHORT else text[: SHORT - 1] + "…"
        time = self.utc.strftime("%H:%M:%S.%f")[:-3]
        return f"{time} {self.identity} {arrow} {self.kind:<6} {self.action} {short}"

    def to_json(self) -> dict[str, Any]:
        """Give the same to programs."""
        return {
            "n": self.number,
            "t": round(self.at_s, 6),
            "utc": self.utc.isoformat(),
            "identity": self.identity,
            "direction": self.direction,
            "kind": self.kind,
            "action": self.action,
            "message_id": self.message_id,
            "payload": masked(self.payload),
        }


class FrameLog:
    """Keeps the newest frames, and tells whoever listens."""

    def __init__(self, file: TextIO | None = None, *, as_json: bool = False, kept: int = KEPT_FRAMES) -> None:
        self.frames: deque[Frame] = deque(maxlen=kept)
        self.listeners: list[Callable[[Frame], None]] = []
        self._file = file
        self._as_json = as_json
        self.count = 0

    def add(self, frame: Frame) -> None:
        """Append; numbers count from 0."""
        frame.number = self.count
        self.count += 1
        self.frames.append(frame)
        if self._file is not None:
            self._file.write((_json(frame.to_json()) if self._as_json else frame.line()) + "\n")
            self._file.flush()
        for listen in tuple(self.listeners):
            listen(frame)

    def since(self, number: int, limit: int | None = None) -> list[Frame]:
        """Frames from `number` on that are still kept, oldest first."""
        oldest = self.count - len(self.frames)
        skip = max(0, number - oldest)
        stop = len(self.frames) if limit is None else min(len(self.frames), skip + limit)
        return [self.frames[index] for index in range(skip, stop)]


def masked(payload: object) -> object:
    """Copy a payload with the values of secret keys and variables hidden."""
    if isinstance(payload, list):
        return [masked(inner) for inner in payload]
    if not isinstance(payload, dict):
        return payload
    hide = _names_a_secret(payload)
    return {
        key: _MASK if hide and key in {"value", "attributeValue"} else masked(value) for key, value in payload.items()
    }


def _names_a_secret(payload: dict[str, Any]) -> bool:
    variable = payload.get("variable")
    names: Iterable[object] = (payload.get("key"), variable.get("name") if isinstance(variable, dict) else None)
    return any(isinstance(name, str) and name in _SECRET_NAMES for name in names)


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str)
