"""The station's clock as a back-end sets it: that it did is noted, and each step is told."""

from collections.abc import Callable
from datetime import datetime, timedelta

from agent.clock import Clock, Instant


class TaughtClock:
    """Implements `Clock` over another one."""

    def __init__(self, clock: Clock, on_step: Callable[[timedelta], None]) -> None:
        self._clock = clock
        self._on_step = on_step
        self.taught = False
        """Whether a back-end has set or confirmed the time."""

    def now(self) -> Instant:
        """Return the present moment."""
        return self._clock.now()

    def learn_utc(self, utc: datetime) -> timedelta:
        """Take over UTC; returns the step made."""
        step = self._clock.learn_utc(utc)
        self.taught = True
        if step:
            self._on_step(step)
        return step
