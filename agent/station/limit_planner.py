"""One planner for everything that orders a limit: charging profiles, and sources outside the back-end.

`order` says how much, who says so, and until when; the supply divides what is left, and each EVSE's cable, heat and
wiring lower its own part. Source: OCPP 2.0.1 part 2, K01 and K11 to K13; lessons 42 to 51.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from math import inf
from typing import Final

from agent.clock import Clock
from agent.domain.charging_profile import STATION
from agent.domain.limit_sources import LimitSource, LimitSources, SourceLimit
from agent.domain.profile_order import ProfileOrder

logger = logging.getLogger(__name__)

LONGEST_TIMER_S: Final = 3600.0


class LimitPlanner:
    """Answers for the station what profiles and sources allow; calls back when a source changes."""

    def __init__(self, profiles: Callable[[int], ProfileOrder], sources: LimitSources, clock: Clock) -> None:
        """`profiles`: what charging profiles order of an EVSE, or with 0 of all together."""
        self.changed: Callable[[], None] = lambda: None
        """Called when a source has said something else, or fell silent."""
        self._profiles = profiles
        self._sources = sources
        self._clock = clock
        self._timer: asyncio.TimerHandle | None = None
        self._last: SourceLimit | None = None

    def open(self) -> None:
        """Let the sources' fail-safe values hold until they speak."""
        self._look()

    def order(self, evse_id: int) -> ProfileOrder:
        """Return what holds for this EVSE, or with 0 for the sum of all, at this moment."""
        ordered = self._profiles(evse_id)
        limit = self._limit() if evse_id == STATION else None
        return ordered if limit is None or limit.current_a >= ordered.current_a else self._order_of(limit)

    def tell(self, source: LimitSource, current_a: float | None) -> str | None:
        """Take the limit of a source, A per phase for all EVSEs together (None: no limit), at least once a heartbeat.

        Returns why it is not taken, None if it holds. A refusal changes nothing.
        """
        reason = self._sources.tell(source, current_a, self._clock.now().monotonic_s)
        if reason is None:
            self._look()
        return reason

    def sources(self) -> list[SourceLimit]:
        """Return what every configured source allows now, for pages and the log."""
        return self._sources.each(self._clock.now().monotonic_s)

    def _limit(self) -> SourceLimit | None:
        return self._sources.smallest(self._clock.now().monotonic_s)

    def _order_of(self, limit: SourceLimit) -> ProfileOrder:
        now = self._clock.now()
        left_s = limit.until_s - now.monotonic_s
        return ProfileOrder(limit.current_a, str(limit), None if left_s == inf else now.utc + timedelta(seconds=left_s))

    def _look(self) -> None:
        limit = self._limit()
        before, self._last = self._last, limit
        if _told(before) != _told(limit):
            level = logging.WARNING if limit is not None and limit.is_fail_safe else logging.INFO
            logger.log(level, "station limit current_a=%s by=%s", *_words(limit))
            self.changed()
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now_s = self._clock.now().monotonic_s
        left_s = self._sources.next_change_s(now_s) - now_s
        if left_s < inf:
            wait_s = min(max(0.0, left_s), LONGEST_TIMER_S)
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._look)


def _told(limit: SourceLimit | None) -> tuple[LimitSource, float, bool] | None:
    return None if limit is None else (limit.source, limit.current_a, limit.is_fail_safe)


def _words(limit: SourceLimit | None) -> tuple[str, str]:
    return ("none", "nobody") if limit is None else (f"{limit.current_a:.1f}", str(limit))
