"""How long to wait before dialling again.

Waits double from `minimum_s` for `doublings` times, never above `maximum_s`, and each carries a random addition so that
a back-end that comes back is not met by all its stations at once (OCPP 2.0.1 part 4, 5.3; RetryBackOff… variables).
"""

import random
from collections.abc import Callable

from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class BackOffRange:
    """The bounds of the waits, in seconds."""

    minimum_s: float = 5.0
    maximum_s: float = 300.0
    random_s: float = 10.0
    doublings: int = 6


class BackOff:
    """Counts failures in a row."""

    def __init__(self, draw: Callable[[], float] = random.random) -> None:
        self._draw = draw
        self._failures = 0

    def next_wait_s(self, bounds: BackOffRange) -> float:
        """Seconds to wait after one more failure."""
        doubled_s = bounds.minimum_s * 2.0 ** min(self._failures, bounds.doublings)
        self._failures += 1
        return min(doubled_s, bounds.maximum_s) + self._draw() * bounds.random_s

    def reset(self) -> None:
        """Begin anew: the link has been stable."""
        self._failures = 0
