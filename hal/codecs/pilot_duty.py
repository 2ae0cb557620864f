"""Current to pilot duty cycle (rule). Source: IEC 61851-1 Annex A as cited in facts: iec61851_facts, duty cycle."""

from typing import Final

MIN_CURRENT_A: Final = 6.0
MAX_CURRENT_A: Final = 80.0
_LOWER_END_A = 51.0
"""51 to 52.5 A has no code point of its own: 51 is used."""
_UPPER_START_A = 52.5
_EPSILON = 1e-6


def duty_permille(current_a: float) -> int:
    """Pilot duty cycle that offers `current_a`, permille, rounded down: an EV never reads more than is meant.

    Raises: ValueError below 6 A or above 80 A.
    """
    if not MIN_CURRENT_A <= current_a <= MAX_CURRENT_A:
        raise ValueError(f"{current_a} A has no duty cycle; {MIN_CURRENT_A:g} to {MAX_CURRENT_A:g} A")
    if current_a <= _UPPER_START_A:
        return int(min(current_a, _LOWER_END_A) / 0.06 + _EPSILON)
    return int(current_a * 4 + 640 + _EPSILON)
