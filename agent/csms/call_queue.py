"""Whose CALL is next: exactly one is under way (OCPP-J 1.6, 4.1.1; OCPP 2.0.1 part 4, 4.1.1).

The most urgent goes first; one that was overtaken too often goes next, so that a long drain starves nobody.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import IntEnum

OVERTAKEN_AT_MOST = 8


class Urgency(IntEnum):
    """The lower, the sooner."""

    BOOT = 0
    AUTHORIZE = 1
    TRANSACTION = 2
    FOLLOW_UP = 3
    """What the back-end itself asked for: triggered messages, reports."""
    HEARTBEAT = 4
    STATUS = 5
    SAMPLE = 6


@dataclass(eq=False, slots=True)
class _Waiter:
    urgency: Urgency
    turn: asyncio.Future[None]
    overtaken: int = 0


class CallQueue:
    """Hands out the one turn."""

    def __init__(self) -> None:
        self._busy = False
        self._waiters: list[_Waiter] = []

    @asynccontextmanager
    async def turn(self, urgency: Urgency) -> AsyncIterator[None]:
        """Wait for the turn and keep it within the block."""
        await self._take(urgency)
        try:
            yield
        finally:
            self._pass_on()

    async def _take(self, urgency: Urgency) -> None:
        if not self._busy:
            self._busy = True
            return
        waiter = _Waiter(urgency, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        try:
            await waiter.turn
        except asyncio.CancelledError:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            elif not waiter.turn.cancelled():  # the turn came in the same moment
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        # A cancelled waiter has left, even if its task has not run since.
        self._waiters = [waiter for waiter in self._waiters if not waiter.turn.cancelled()]
        if not self._waiters:
            self._busy = False
            return
        chosen = next((w for w in self._waiters if w.overtaken >= OVERTAKEN_AT_MOST), None)
        chosen = chosen or min(self._waiters, key=lambda waiter: waiter.urgency)
        for waiter in self._waiters:
            if waiter is chosen:
                break
            waiter.overtaken += 1
        self._waiters.remove(chosen)
        chosen.turn.set_result(None)
