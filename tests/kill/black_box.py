"""Keeps the last seconds of wire, contactor and frames, and shows what happened around a kill."""

import json
import time
from collections import deque
from pathlib import Path
from typing import Any, Final

KEPT: Final = 4000
BEFORE_S: Final = 8.0
"""How much before a kill is shown: the plug-in and its proof, if they are as near as that."""
UNTOLD: Final = frozenset({"t", "event", "evse", "n", "utc", "identity", "message_id"})

Json = dict[str, Any]


class BlackBox:
    """Takes events of the bench and frames of the back-end, both with the machine's monotonic time."""

    def __init__(self, agent_log: Path) -> None:
        self._agent_log = agent_log
        self._lines: deque[tuple[float, str]] = deque(maxlen=KEPT)
        self._starts: deque[int] = deque([0], maxlen=3)
        """Where in the agent's log its last runs begin."""

    def bench(self, event: Json) -> None:
        """Note an event of the bench."""
        self._lines.append((event["t"], f"bench {event['event']:<13} {_rest(event)}"))

    def frame(self, frame: Json) -> None:
        """Note a frame of the back-end's log."""
        self._lines.append((frame["t"], f"ocpp  {_rest(frame)}"))

    def done(self, what: str) -> None:
        """Note what the test itself did now."""
        self._lines.append((time.monotonic(), f"test  {what}"))

    def agent_starts(self) -> None:
        """The agent is about to be started: what it says from here on is another run."""
        self._starts.append(self._agent_log.stat().st_size if self._agent_log.exists() else 0)

    def around(self, killed_s: float) -> str:
        """Everything from shortly before the kill until now, and what the runs around it said."""
        lines = sorted((at_s, text) for at_s, text in self._lines if at_s >= killed_s - BEFORE_S)
        told = self._agent_log.read_bytes()[self._starts[0] :].decode("utf-8", "replace")
        shown = [f"{at_s - killed_s:+9.3f} s {text}" for at_s, text in lines]
        return "\n".join([*shown, "agent, last runs:", told])


def _rest(event: Json) -> str:
    return json.dumps({name: value for name, value in event.items() if name not in UNTOLD})
