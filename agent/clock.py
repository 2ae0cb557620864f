"""The two clocks: monotonic seconds for waiting, UTC for reporting."""

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
        """Take over UTC from the back-end unless a better source is known; returns the step made."""
