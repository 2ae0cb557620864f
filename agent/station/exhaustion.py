"""Notices that flash or memory is getting full, once each time. Source: OCPP 1.6 white paper, MemoryExhaustion."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from agent.domain.security_event import SecurityEventType
from agent.station.security_events import Raise
from hal.value import dataclass

LOOK_S: Final = 60.0
LEAST_FREE: Final = 0.05
"""Less than this part free is getting full; it is over once twice as much is free."""
_MEMORY: Final = Path("/proc/meminfo")


@dataclass(frozen=True, slots=True)
class Room:
    """Which part is free, 0 to 1."""

    flash: float
    memory: float


class Exhaustion:
    """Looks once a minute; the first look is a minute after the start."""

    def __init__(self, measure: Callable[[], Room], raise_event: Raise) -> None:
        self._measure = measure
        self._raise = raise_event
        self._told: set[str] = set()

    async def run(self) -> None:
        """Look for ever; returns only on cancellation."""
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()

    def look(self) -> None:
        """Look once."""
        room = self._measure()
        self._judge("flash", room.flash)
        self._judge("memory", room.memory)

    def journal_failed(self) -> None:
        """Tell that the journal cannot be written; called once each time that begins."""
        self._raise(SecurityEventType.MEMORY_EXHAUSTION, "the journal cannot be written")

    def _judge(self, what: str, free: float) -> None:
        if free >= 2 * LEAST_FREE:
            self._told.discard(what)
        elif free < LEAST_FREE and what not in self._told:
            self._told.add(what)
            self._raise(SecurityEventType.MEMORY_EXHAUSTION, f"{what}: {100 * free:.1f} % free")


def measure_room(folder: Path) -> Room:
    """Measure the file system of this folder and the machine's memory; what cannot be measured counts as free."""
    return Room(_flash(folder), _memory())


def _flash(folder: Path) -> float:
    try:
        found = os.statvfs(folder)
    except OSError:
        return 1.0
    return found.f_bavail / found.f_blocks if found.f_blocks else 1.0


def _memory() -> float:
    try:
        lines = dict(line.split(":", 1) for line in _MEMORY.read_text("ascii").splitlines())
        return int(lines["MemAvailable"].split()[0]) / int(lines["MemTotal"].split()[0])
    except (OSError, ValueError, KeyError, IndexError, ZeroDivisionError):
        return 1.0
