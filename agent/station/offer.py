"""How much of the supply one EVSE still holds: a rule.

An EVSE holds the largest of what it was told to offer, what its board confirmed and what its car draws. It lets go of
a higher offer only when the lower one is confirmed and the drawn current has followed.
"""

from typing import Final

from hal.api import MeterReading

FOLLOW_TOLERANCE_A: Final = 0.5
FOLLOW_TIMEOUT_S: Final = 6.0
"""An EV follows a new duty cycle within 5 s (IEC 61851-1 Table A.6, sequence 6); for meters that tell no current."""


class HeldOffer:
    """Follows one EVSE's offer."""

    def __init__(self, held_a: float = 0.0) -> None:
        self.commanded_a = held_a
        self.held_a = held_a
        self._confirmed_at_s: float | None = None

    def commanded(self, current_a: float) -> None:
        """The board is told this offer."""
        if current_a != self.commanded_a:
            self._confirmed_at_s = None
        self.commanded_a = current_a
        self.held_a = max(self.held_a, current_a)

    def confirmed(self, current_a: float, at_s: float, *, contactor_open: bool) -> None:
        """The board says what it offers."""
        if current_a > self.commanded_a:
            return
        self._confirmed_at_s = at_s
        if contactor_open:
            self.held_a = self.commanded_a

    def contactor_opened(self) -> None:
        """Nothing is drawn any more; a confirmed offer is all that is held."""
        if self._confirmed_at_s is not None:
            self.held_a = self.commanded_a

    def metered(self, reading: MeterReading) -> None:
        """The meter shows what is drawn."""
        if self._confirmed_at_s is None or reading.at_s < self._confirmed_at_s:
            return
        drawn = [float(current) for current in reading.current_a if current is not None]
        if drawn and max(drawn) <= self.commanded_a + FOLLOW_TOLERANCE_A:
            self.held_a = self.commanded_a
        elif not drawn:
            self.waited(reading.at_s)

    def waited(self, now_s: float) -> None:
        """Time alone lets go where no meter speaks."""
        if self._confirmed_at_s is not None and now_s - self._confirmed_at_s >= FOLLOW_TIMEOUT_S:
            self.held_a = self.commanded_a
