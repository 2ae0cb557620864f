"""Whether an energy register may be believed (rule): it may stand still or grow, no faster than the station delivers.

A register that is lower than before, or higher than the time allows, is refused until it is back on its old course; a
meter that was exchanged therefore stays refused. A SunSpec accumulator that passed its modulus is not lower: the total
goes on above it.
Source: facts lessons 52 and 57; SunSpec acc32.
"""

from decimal import Decimal
from enum import Enum

from hal.value import dataclass

DEFAULT_MAX_POWER_W = 500_000
REGISTER_LAG_S = 5
"""A meter may bring its register up to date this much later than it is asked."""
_SECONDS_PER_HOUR = 3600
_MOST_WHILE_AWAY_WH = Decimal(50_000_000)
"""More energy than any EVSE delivers while this software is not running."""


class Refusal(Enum):
    """Why a register is not believed."""

    ABSENT = "absent"
    NEGATIVE = "negative"
    BACKWARDS = "backwards"
    TOO_FAST = "too_fast"


@dataclass(frozen=True, slots=True)
class RegisterSample:
    """One reading of an energy register; `modulus_wh` is where an accumulator starts again from 0."""

    energy_wh: Decimal | None
    at_s: float
    step_wh: Decimal = Decimal(0)
    modulus_wh: Decimal | None = None


class RegisterContinuity:
    """Judges the samples of one register in the order of their times."""

    def __init__(self, max_power_w: float = DEFAULT_MAX_POWER_W) -> None:
        self._max_power_w = Decimal(max_power_w)
        self._believed_wh: Decimal | None = None
        self._believed_at_s = 0.0
        self._wrapped_wh = Decimal(0)
        self._jumped_to_wh: Decimal | None = None
        self._known_total_wh: Decimal | None = None

    @property
    def total_wh(self) -> Decimal | None:
        """The last believed total, Wh; None before the first."""
        return None if self._believed_wh is None else self._believed_wh + self._wrapped_wh

    def restore(self, total_wh: Decimal) -> None:
        """Go on from this total, known from before a restart; matters only to a register that wraps."""
        self._known_total_wh = total_wh

    def judge(self, sample: RegisterSample) -> Decimal | Refusal:
        """Return the monotonic total of a believed sample, Wh, or why it is refused (then it is not built upon)."""
        if sample.energy_wh is None:
            return Refusal.ABSENT
        if sample.energy_wh < 0:
            return Refusal.NEGATIVE
        if self._believed_wh is None:
            return self._believe(
                sample.energy_wh, sample.at_s, self._wrapped_before(sample.energy_wh, sample.modulus_wh)
            )
        grown_wh, turn_wh = sample.energy_wh - self._believed_wh, Decimal(0)
        if grown_wh < 0 and sample.modulus_wh is not None:
            turn_wh = sample.modulus_wh
            grown_wh += turn_wh
        possible = grown_wh <= self._allowance_wh(sample)
        if grown_wh < 0 or (turn_wh and not possible):
            return Refusal.BACKWARDS
        stays_up = self._jumped_to_wh is not None and sample.energy_wh >= self._jumped_to_wh
        if stays_up or not possible:
            self._jumped_to_wh = min(self._jumped_to_wh or sample.energy_wh, sample.energy_wh)
            return Refusal.TOO_FAST
        return self._believe(sample.energy_wh, sample.at_s, self._wrapped_wh + turn_wh)

    def _allowance_wh(self, sample: RegisterSample) -> Decimal:
        since_s = max(0.0, sample.at_s - self._believed_at_s) + REGISTER_LAG_S
        return self._max_power_w * Decimal(since_s) / _SECONDS_PER_HOUR + sample.step_wh

    def _wrapped_before(self, energy_wh: Decimal, modulus_wh: Decimal | None) -> Decimal:
        if modulus_wh is None or self._known_total_wh is None:
            return Decimal(0)
        turns = self._known_total_wh // modulus_wh
        if turns * modulus_wh + energy_wh < self._known_total_wh:
            turns += 1
        if turns * modulus_wh + energy_wh - self._known_total_wh > _MOST_WHILE_AWAY_WH:
            return Decimal(0)  # no accumulator that passed its modulus, but another meter
        return turns * modulus_wh

    def _believe(self, energy_wh: Decimal, at_s: float, wrapped_wh: Decimal) -> Decimal:
        self._believed_wh = energy_wh
        self._believed_at_s = at_s
        self._wrapped_wh = wrapped_wh
        self._jumped_to_wh = None
        return energy_wh + wrapped_wh if wrapped_wh else energy_wh
