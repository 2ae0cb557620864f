"""How much of the supply one EVSE still holds, and when its offer may be raised: a rule.

An EVSE holds the largest of what it was told to offer, what its board confirmed and what its car draws. It lets go of
a higher offer only when the lower one is confirmed and the drawn current has followed. Lowering is never delayed.
"""

from typing import Final

from hal.api import MeterReading

FOLLOW_TOLERANCE_A: Final = 0.5
FOLLOW_TIMEOUT_S: Final = 6.0
"""An EV follows a new duty cycle within 5 s (IEC 61851-1 Table A.6, sequence 6); for meters that tell no current."""
RAISE_INTERVAL_S: Final = 5.0
"""The duty cycle changes at most once in this time (IEC 61851-1 Table A.6, sequences 5 and 6); X1 is none."""


class HeldOffer:
    """Follows one EVSE's offer."""

    def __init__(self, held_a: float = 0.0) -> None:
        self.commanded_a = held_a
        self.held_a = held_a
        self._changed_at_s: float | None = None
        self._confirmed_at_s: float | None = None
        self._still_drawn = False
        """The meter has shown, since the board confirmed, that the car does not follow."""

    def may_raise(self, now_s: float) -> bool:
        """Tell whether the last change is long enough ago for a higher offer; after a withdrawal it always is."""
        if self._changed_at_s is None or not self.commanded_a:
            return True
        return now_s - self._changed_at_s >= RAISE_INTERVAL_S

    def commanded(self, current_a: float, now_s: float) -> None:
        """The board is told this offer."""
        if current_a != self.commanded_a:
            self._changed_at_s = now_s
            self._confirmed_at_s = None
            self._still_drawn = False
        self.commanded_a = current_a
        self.held_a = max(self.held_a, current_a)

    def confirmed(self, current_a: float, at_s: float, *, contactor_open: bool) -> None:
        """The board says what it offers; what it said before it was told the present offer does not count."""
        before_change = self._changed_at_s is not None and at_s < self._changed_at_s
        if current_a > self.commanded_a or before_change:
            return
        if self._confirmed_at_s is None:
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
        if drawn:
            self._still_drawn = max(drawn) > self.commanded_a + FOLLOW_TOLERANCE_A
            if not self._still_drawn:
                self.held_a = self.commanded_a
        else:
            self.waited(reading.at_s)

    def waited(self, now_s: float) -> None:
        """Time alone lets go where no meter speaks; never of what a meter has shown to be drawn."""
        if self._confirmed_at_s is None or self._still_drawn:
            return
        if now_s - self._confirmed_at_s >= FOLLOW_TIMEOUT_S:
            self.held_a = self.commanded_a
