"""Named one-shot timers of a simulated device."""

import asyncio
from collections.abc import Callable


class Timers:
    """At most one timer per name; setting it again replaces it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handles: dict[str, asyncio.TimerHandle] = {}

    def __contains__(self, name: object) -> bool:
        """Tell whether this timer is running."""
        return name in self._handles

    def after(self, name: str, delay_s: float, act: Callable[[], None]) -> None:
        """Call `act` once, this many seconds from now."""
        self.cancel(name)

        def fire() -> None:
            del self._handles[name]
            act()

        self._handles[name] = self._loop.call_later(delay_s, fire)

    def keep(self, name: str, condition: object, delay_s: float, act: Callable[[], None]) -> None:
        """Run this timer as long as the condition holds without a break."""
        if not condition:
            self.cancel(name)
        elif name not in self:
            self.after(name, delay_s, act)

    def cancel(self, *names: str) -> None:
        """Stop these timers, those that run."""
        for name in names:
            if (handle := self._handles.pop(name, None)) is not None:
                handle.cancel()

    def cancel_all(self) -> None:
        """Stop every timer."""
        self.cancel(*tuple(self._handles))
