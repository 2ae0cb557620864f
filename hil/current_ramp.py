"""Current that moves in a straight line from one value to another: value, integral and inverse (value).

Energy on the bench is the exact integral of such ramps, never a sum of ticks.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CurrentRamp:
    """From `start_a` at `start_s` towards `target_a` at `rate_a_per_s` (infinite: at once), then steady."""

    start_s: float
    start_a: float
    target_a: float
    rate_a_per_s: float = math.inf

    @property
    def end_s(self) -> float:
        """When the target is reached."""
        return self.start_s + abs(self.target_a - self.start_a) / self.rate_a_per_s

    def current_a(self, at_s: float) -> float:
        """Return the current at this time, A."""
        if at_s >= self.end_s:
            return self.target_a
        return self.start_a + self._slope * max(0.0, at_s - self.start_s)

    def charge_as(self, from_s: float, to_s: float) -> float:
        """Charge that flows between two times, ampere seconds."""
        turn_s = min(max(self.end_s, from_s), to_s)
        ramped = (self.current_a(from_s) + self.current_a(turn_s)) / 2 * (turn_s - from_s)
        return ramped + self.target_a * (to_s - turn_s)

    def seconds_until_charge(self, charge_as: float, from_s: float) -> float | None:
        """Seconds after `from_s` when this much more charge has flowed; None if never."""
        ramped_as = self.charge_as(from_s, self.end_s) if self.end_s > from_s else 0.0
        if ramped_as >= charge_as:
            return _root(self._slope / 2, self.current_a(from_s), charge_as)
        if self.target_a <= 0:
            return None
        return max(0.0, self.end_s - from_s) + (charge_as - ramped_as) / self.target_a

    @property
    def _slope(self) -> float:
        return math.copysign(self.rate_a_per_s, self.target_a - self.start_a)


NO_CURRENT = CurrentRamp(0.0, 0.0, 0.0)


def _root(half_slope: float, current_a: float, charge_as: float) -> float:
    """First time t with half_slope * t² + current_a * t = charge_as."""
    if charge_as <= 0:
        return 0.0
    discriminant = max(0.0, current_a**2 + 4 * half_slope * charge_as)
    return 2 * charge_as / (current_a + math.sqrt(discriminant))
