"""How often a transfer is tried, and when again.

What got further than ever before was no failed attempt: a bad mobile link that breaks off now and then must not use
the retries up, and since a file has an end, neither can it go on for ever.
Source: OCPP 1.6 sections 6.27, 6.61 and OCPP 2.0.1 L01, N01 (retries, retryInterval); retries 0: one attempt.
"""

from dataclasses import replace
from typing import Final, Self

from hal.value import dataclass

DEFAULT_RETRIES: Final = 3
DEFAULT_INTERVAL_S: Final = 30.0
MAX_RETRIES: Final = 100
MIN_INTERVAL_S: Final = 1.0
MAX_INTERVAL_S: Final = 86_400.0
PROGRESS_BYTES: Final = 64 * 1024
"""Less is no progress."""


@dataclass(frozen=True, slots=True)
class Attempts:
    """Attempts at one transfer so far."""

    retries: int = DEFAULT_RETRIES
    interval_s: float = DEFAULT_INTERVAL_S
    failures: int = 0
    furthest_bytes: int = 0

    @classmethod
    def of(cls, retries: int | None, interval_s: int | None) -> Self:
        """Take over what a back-end asked for, within reason; None leaves it to us."""
        return cls(
            DEFAULT_RETRIES if retries is None else min(max(retries, 0), MAX_RETRIES),
            DEFAULT_INTERVAL_S if interval_s is None else min(max(float(interval_s), MIN_INTERVAL_S), MAX_INTERVAL_S),
        )

    def failed(self, reached_bytes: int, *, is_final: bool) -> tuple["Attempts", float | None]:
        """Count an attempt that ended at this byte; gives the wait before the next one, s; None: given up."""
        if is_final:
            return replace(self, failures=self.failures + 1), None
        if reached_bytes >= self.furthest_bytes + PROGRESS_BYTES:
            return replace(self, failures=0, furthest_bytes=reached_bytes), MIN_INTERVAL_S
        after = replace(self, failures=self.failures + 1)
        return after, None if after.failures > self.retries else self.interval_s
