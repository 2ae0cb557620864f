"""Waiting for what must be seen, within a limit, or until something has gone wrong (runner)."""

import asyncio
from collections.abc import Callable

from hil.demo.observed import Observed
from hil.errors import StationError


class Watch:
    """Wakes its waiters whenever the picture changes."""

    def __init__(self, seen: Observed) -> None:
        self.seen = seen
        seen.changed = self._changed
        self._waiters: set[asyncio.Event] = set()

    async def until(self, holds: Callable[[], bool], limit_s: float, otherwise: str) -> None:
        """Return once it holds. Raises: StationError with `otherwise` after `limit_s`."""
        changed = asyncio.Event()
        self._waiters.add(changed)
        try:
            async with asyncio.timeout(limit_s):
                while not holds():
                    await changed.wait()
                    changed.clear()
        except TimeoutError:
            raise StationError(f"{otherwise} (waited {limit_s:g} s)") from None
        finally:
            self._waiters.discard(changed)

    def demand(self, holds: bool, otherwise: str) -> None:  # noqa: FBT001 - a condition
        """Check what must hold now. Raises: StationError."""
        if not holds:
            raise StationError(otherwise)

    def _changed(self) -> None:
        for waiter in self._waiters:
            waiter.set()
