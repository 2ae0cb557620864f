"""The two times at which a session wants to be woken: its state's, and the journal's. A rule; nothing here waits.

A wake-up counts only when its time has come: one that was already on its way when the state changed is nobody's.
"""

from enum import Enum, auto
from typing import Final

TIMER_TOLERANCE_S: Final = 1e-6
"""A loop may run a timer one tick of its clock early."""


class Due(Enum):
    """Which time has come."""

    STATE = auto()
    JOURNAL = auto()


class Deadlines:
    """What is to come, each at most once."""

    def __init__(self) -> None:
        self.state_s: float | None = None
        """When the present state has lasted too long."""
        self._journal_s: float | None = None
        self.journal_healthy = True

    @property
    def next_s(self) -> float | None:
        """The earlier of the two."""
        return min((at_s for at_s in (self.state_s, self._journal_s) if at_s is not None), default=None)

    def journal_changed(self, *, healthy: bool, until_s: float) -> None:
        """Give a running session until then if the journal has just failed."""
        if healthy:
            self._journal_s = None
        elif self.journal_healthy:
            self._journal_s = until_s
        self.journal_healthy = healthy

    def take(self, now_s: float) -> Due | None:
        """Return what is due and forget it."""
        if self._journal_s is not None and now_s >= self._journal_s - TIMER_TOLERANCE_S:
            self._journal_s = None
            return Due.JOURNAL
        if self.state_s is not None and now_s >= self.state_s - TIMER_TOLERANCE_S:
            self.state_s = None
            return Due.STATE
        return None
