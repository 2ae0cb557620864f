"""The station's clock: monotonic seconds for waiting, UTC for reporting.

The agent may not set the system's clock, so time learnt from a back-end is kept as an offset.
"""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment on both clocks."""

    monotonic_s: float
    utc: datetime


_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """Name this boot of the computer, as long as which monotonic times can be compared; unique if it has no name."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return str(uuid.uuid4())


EARLIEST: Final = datetime(2025, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)


def plausible(utc: datetime) -> bool:
    """Return True if it may be now: a clock that was never set says 1970, a broken back-end anything."""
    return EARLIEST <= utc < LATEST


class Clock(Protocol):
    """Where runners read the time; rules get an `Instant`."""

    def now(self) -> Instant:
        """Return the present moment."""

    def learn_utc(self, utc: datetime) -> timedelta:
        """Take over UTC from a trusted source; returns the step made."""


class StationClock:
    """The clock of the running event loop, with UTC from the system plus what a back-end taught."""

    def __init__(self, *, step_threshold: timedelta = timedelta(seconds=2)) -> None:
        self._step_threshold = step_threshold
        self._offset = timedelta(0)

    def now(self) -> Instant:
        """Return the present moment."""
        return Instant(asyncio.get_running_loop().time(), datetime.now(UTC) + self._offset)

    def learn_utc(self, utc: datetime) -> timedelta:
        """Step to `utc` if it is plausible and differs by more than the threshold; returns the step made."""
        if not plausible(utc):
            return timedelta(0)
        step = utc - self.now().utc
        if abs(step) <= self._step_threshold:
            return timedelta(0)
        self._offset += step
        return step
