"""Runner: the station's clock. It asks the kernel now and then whether NTP keeps the system's clock right.

The agent may not set the system's clock; what it learns is kept beside it.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from agent.clock import Instant, plausible
from agent.domain.timekeeping import NTP_FIRST, Timekeeper, TimeQuality, TimeSource, dated

_T = TypeVar("_T")

logger = logging.getLogger(__name__)

LOOK_S: Final = 16.0
FIRST_LOOK_S: Final = 1.0
"""The first message to the back-end goes before."""
_TIME_ERROR: Final = 5
"""What adjtimex(2) returns while the kernel's clock is not synchronised."""


class StationClock:
    """Implements `Clock`, with UTC from the best source there is."""

    def __init__(
        self,
        *,
        step_threshold: timedelta = timedelta(seconds=2),
        order: tuple[TimeSource, ...] = NTP_FIRST,
        system: Callable[[], datetime] = lambda: datetime.now(UTC),
        synchronised: Callable[[], bool] | None = None,
    ) -> None:
        """`system`: the computer's clock; `synchronised`: whether NTP keeps it, by default as the kernel says."""
        self._system = system
        self._synchronised = synchronised or kernel_is_synchronised
        self._loop = asyncio.get_running_loop()
        """Asked from threads as well."""
        first = Instant(self._loop.time(), system())
        self.keeper = Timekeeper(first, step_threshold=step_threshold, order=order)
        if self.quality.source is TimeSource.NONE:
            logger.warning("clock is not set: what happens is dated back once the time is known")

    @property
    def quality(self) -> TimeQuality:
        """Where the present time comes from."""
        return self.keeper.quality

    def now(self) -> Instant:
        """Return the present moment."""
        now_s = self._loop.time()
        return Instant(now_s, self.keeper.utc(now_s))

    def learn_utc(self, utc: datetime) -> timedelta:
        """Hear the back-end; returns the step made."""
        return self._hear(TimeSource.BACK_END, utc)

    def backdated(self, stamped: datetime) -> datetime:
        """Return when something really was that was stamped before the time was known."""
        return self.keeper.backdated(stamped)

    def dated(self, value: _T) -> _T:
        """Return a value with every such moment in it dated back."""
        return value if self.keeper.unset_began is None else dated(value, self.backdated)

    async def run(self) -> None:
        """Follow the system's clock as far as it is to be trusted; returns only on cancellation."""
        await asyncio.sleep(FIRST_LOOK_S)
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Ask the kernel once, in a thread: reading its structures needs a module of 6 ms."""
        if await asyncio.to_thread(self._synchronised):
            self._hear(TimeSource.NTP, self._system())
            return
        self.keeper.lose(TimeSource.NTP)
        system = self._system()
        if self.quality.source is TimeSource.NONE and plausible(system):  # somebody has set it since
            self._hear(TimeSource.RTC, system)

    def _hear(self, source: TimeSource, utc: datetime) -> timedelta:
        before = self.quality.source
        step = self.keeper.hear(source, Instant(self._loop.time(), utc))
        if step or self.quality.source is not before:
            name = self.quality.source.name.lower()
            logger.info("clock source=%s step_s=%.1f", name, step.total_seconds())
        return step


def kernel_is_synchronised() -> bool:
    """Tell whether a time service keeps the kernel's clock right; needs no privilege.

    Source: adjtimex(2): with modes 0 nothing is changed, and the answer is the clock's state.
    """
    import ctypes  # noqa: PLC0415 - not needed before the first message

    room = ctypes.create_string_buffer(512)  # struct timex has 208 bytes at most; modes, its first field, is 0
    try:
        state = ctypes.CDLL(None).adjtimex(room)
    except (OSError, AttributeError):
        return False
    return 0 <= int(state) < _TIME_ERROR
