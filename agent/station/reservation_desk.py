"""Owns the reservations: in the book for deciding, in the store over power cuts; ends them when their time is over.

A reservation is confirmed once it is durable. It ends by its transaction's start, by cancelling, by expiry (whether
or not there is a back-end), or when its EVSE can serve no more.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

from agent.clock import Clock
from agent.domain.reservation import Reservation, ReservationBook, ReserveOutcome
from agent.store import reservations
from agent.store.database import Database
from agent.store.errors import StoreError

logger = logging.getLogger(__name__)

LOOK_S: Final = 10.0
"""So often at least the time of day is looked at: a back-end may set it forward."""


class ReservationDesk:
    """Runner: `run` returns only on cancellation."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._changed = asyncio.Event()
        self._tell: Callable[[int | None], None] = lambda _evse_id: None
        self.book = ReservationBook()

    async def open(self) -> None:
        """Load what stands. Raises: StoreError."""
        self.book = ReservationBook(await self._database.run(reservations.load))

    def on_change(self, callback: Callable[[int | None], None]) -> None:
        """Call back with the EVSE (None: any) whose reservation began or ended."""
        self._tell = callback

    async def run(self) -> None:
        """End what is over."""
        while True:
            self._changed.clear()
            now = self._clock.now().utc
            for over in self.book.expired(now):
                self._end(over.reservation_id, "it is over")
            next_at = self.book.next_expiry
            wait_s = None if next_at is None else min(LOOK_S, max(0.0, (next_at - now).total_seconds()))
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()

    async def reserve(self, wanted: Reservation) -> ReserveOutcome:
        """Take a reservation, in place of the one with the same id; answered once it is durable."""
        if wanted.expires_at <= self._clock.now().utc:
            logger.info("reservation refused id=%d reason=it is over already", wanted.reservation_id)
            return ReserveOutcome.REJECTED
        replaced = self.book.get(wanted.reservation_id)
        outcome = self.book.reserve(wanted)
        if outcome is not ReserveOutcome.ACCEPTED:
            logger.info("reservation refused id=%d reason=%s", wanted.reservation_id, outcome.value)
            return outcome
        try:
            await self._database.run(partial(reservations.put, reservation=wanted))
        except StoreError as error:
            logger.error("reservation not stored id=%d error=%s", wanted.reservation_id, error)  # noqa: TRY400 - the store's
            self.book.end(wanted.reservation_id)
            if replaced is not None:
                self.book.put(replaced)
            return ReserveOutcome.REJECTED
        logger.info("reserved id=%d evse=%s", wanted.reservation_id, wanted.evse_id or "any")
        for evse_id in {wanted.evse_id, replaced.evse_id if replaced is not None else wanted.evse_id}:
            self._tell(evse_id)
        self._changed.set()
        return outcome

    def cancel(self, reservation_id: int) -> bool:
        """End a reservation; False if there is none of this id."""
        return self._end(reservation_id, "it was cancelled")

    def started(self, reservation_id: int) -> None:
        """Note that the transaction for which it was made has begun."""
        self._end(reservation_id, "its transaction began")

    def cannot_serve(self, evse_id: int) -> None:
        """Note that this EVSE is faulted or out of service."""
        for lost in self.book.lost_with(evse_id):
            self._end(lost.reservation_id, "its EVSE cannot serve")

    def _end(self, reservation_id: int, reason: str) -> bool:
        ended = self.book.end(reservation_id)
        if ended is None:
            return False
        logger.info("reservation ended id=%d reason=%s", reservation_id, reason)
        self._database.submit(partial(reservations.delete, reservation_id=reservation_id), _log_failure)
        self._tell(ended.evse_id)
        self._changed.set()
        return True


def _log_failure(error: StoreError) -> None:
    logger.warning("end of a reservation not stored error=%s", error)
