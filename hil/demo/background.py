"""Tasks that run beside the story and fail it when they fail (runner)."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

from hil.demo.errors import DemoInterruptedError

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Background:
    """Tasks of a group that end with the story."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._tasks: list[asyncio.Task[None]] = []

    def add(self, work: Coroutine[Any, Any, None]) -> None:
        """Run it until `cancel`; what it raises ends the story."""
        self._tasks.append(self._group.create_task(work))

    def cancel(self) -> None:
        """End all of them."""
        for task in self._tasks:
            task.cancel()


class Interruption:
    """Ctrl-C and its kin: the first one is an error of the story, later ones do not disturb the tidying up."""

    def __init__(self) -> None:
        self._pressed = asyncio.Event()
        for number in ENDING_SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, self._pressed.set)

    async def wait(self) -> None:
        """Wait for it. Raises: DemoInterruptedError."""
        await self._pressed.wait()
        raise DemoInterruptedError("interrupted")
