"""How often a contactor may move, and how often it did.

The times hold back what somebody merely wishes: a permission soon after opening, a pause soon after closing. They never
delay an opening that must be: forbidding, faults, unplugging and stopping do not ask here.
Source: facts lessons 63 and 66 (minimum on and off times, cycle counter as maintenance data).
"""

import math
from typing import Final

from hal.api import MeterReading
from hal.value import dataclass

LOAD_A: Final = 1.0
"""More than this, by the last reading before it, is an opening under load."""
_READING_AGE_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class ContactorTimes:
    """The shortest times between two movements that nobody's safety asks for."""

    min_off_s: float = 2.0
    """From opening to the next permission; a pause that is taken back is over within 3 s (bench scenario CP-09)."""
    min_on_s: float = 5.0
    """From closing to a voluntary pause."""


@dataclass(frozen=True, slots=True)
class ContactorCycles:
    """Wear, counted over the contactor's life at this station."""

    closings: int = 0
    openings_under_load: int = 0


class ContactorCare:
    """Follows one contactor's feedback."""

    def __init__(self, times: ContactorTimes | None = None, cycles: ContactorCycles | None = None) -> None:
        self.cycles = cycles or ContactorCycles()
        self._times = times or ContactorTimes()
        self._closed: bool | None = None
        self._moved_at_s = -math.inf
        self._drawn_a = 0.0
        self._drawn_at_s = -math.inf

    def found(self, *, closed: bool | None) -> None:
        """Take how the contactor stands where its last movement was not seen; None: unknown."""
        if closed is not self._closed:
            self._closed, self._moved_at_s = closed, -math.inf

    def moved(self, *, closed: bool, at_s: float) -> None:
        """Take feedback of a movement and count it."""
        if closed is self._closed:
            return
        cycles = self.cycles
        if closed:
            self.cycles = ContactorCycles(cycles.closings + 1, cycles.openings_under_load)
        elif self._closed and self._drawn_a > LOAD_A and at_s - self._drawn_at_s <= _READING_AGE_S:
            self.cycles = ContactorCycles(cycles.closings, cycles.openings_under_load + 1)
        self._closed, self._moved_at_s, self._drawn_a = closed, at_s, 0.0

    def measured(self, reading: MeterReading) -> None:
        """Take what is drawn."""
        if self._closed and reading.at_s >= self._moved_at_s:
            self._drawn_at_s = reading.at_s
            self._drawn_a = max((float(current) for current in reading.current_a if current is not None), default=0.0)

    def off_left_s(self, now_s: float) -> float:
        """How long permission has to wait yet, s; 0 if it may be given."""
        if self._closed is not False:
            return 0.0
        return max(0.0, self._moved_at_s + self._times.min_off_s - now_s)

    def on_left_s(self, now_s: float) -> float:
        """How long a voluntary pause has to wait yet, s; 0 if it may begin."""
        if self._closed is not True:
            return 0.0
        return max(0.0, self._moved_at_s + self._times.min_on_s - now_s)
