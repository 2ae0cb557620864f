"""Rule: many refused tokens within a short time are somebody who tries cards, or a reader that reads wrongly."""

from collections import deque
from typing import Final

MANY: Final = 5
WITHIN_S: Final = 120.0


class RefusedTokens:
    """Counts refusals."""

    def __init__(self) -> None:
        self._at_s: deque[float] = deque()

    def refused(self, now_s: float) -> str | None:
        """Note a refusal; returns what is to be told once there are many, and then counts anew."""
        self._at_s.append(now_s)
        while now_s - self._at_s[0] > WITHIN_S:
            self._at_s.popleft()
        if len(self._at_s) < MANY:
            return None
        self._at_s.clear()
        return f"{MANY} tokens refused within {WITHIN_S:.0f} s"
