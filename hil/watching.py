"""What was seen of the hardware so far, and waiting for what must be seen (runner)."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from hil.roles import Json

Found = TypeVar("Found")


class Watching:
    """Events of the bench in order; waiters wake up with each, and with each message of the back-end."""

    def __init__(self) -> None:
        self.history: list[Json] = []
        self.stimulus_t = 0.0
        """When the hardware was changed last."""
        self.first_stimulus_t: float | None = None
        self._waiters: set[asyncio.Event] = set()

    def take(self, event: Json) -> None:
        """Take one event of the bench."""
        if event["event"] == "stimulus":
            self.stimulus_t = event["t"]
        self.history.append(event)
        self.notify()

    def stimulated(self, operation: str, **fields: object) -> float:
        """Note that a real bench changed something now; gives the time."""
        now_s = asyncio.get_running_loop().time()
        self.take({"event": "stimulus", "op": operation, **fields, "t": now_s})
        return now_s

    def notify(self) -> None:
        """Wake whoever waits."""
        for waiter in self._waiters:
            waiter.set()

    def events(self, event: str, *, since: float = 0.0, **fields: object) -> list[Json]:
        """Events of this kind since then, with these values."""
        return [
            each
            for each in self.history
            if each["event"] == event and each["t"] >= since and all(each.get(k) == v for k, v in fields.items())
        ]

    async def find(self, look: Callable[[], Found | None], what: str, within_s: float) -> Found:
        """Look after each event until something is found. Raises: AssertionError after `within_s`."""
        news = asyncio.Event()
        self._waiters.add(news)
        try:
            async with asyncio.timeout(within_s):
                while (found := look()) is None:
                    await news.wait()
                    news.clear()
        except TimeoutError:
            raise AssertionError(f"not within {within_s:g} s: {what}; {self._latest()}") from None
        finally:
            self._waiters.discard(news)
        return found

    def _latest(self) -> str:
        told = [each for each in self.history if each["event"] in {"stimulus", "pilot_state", "contactor", "duty"}][-4:]
        return "last seen: " + "; ".join(_short(each) for each in told) if told else "nothing was seen"


def _short(event: Json) -> str:
    fields = " ".join(f"{name}={value}" for name, value in event.items() if name not in {"event", "t", "evse"})
    return f"{event['t']:.3f} s {event['event']} {fields}"
