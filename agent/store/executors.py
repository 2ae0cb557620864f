"""Where database operations run: on one writer thread, or on the loop itself for tests in virtual time.

Rules kept here:
* Operations are performed in the order in which they were posted, by one thread.
* Whatever is queued when the performer gets to it forms one group.
* What came of a group is delivered on the loop, groups in order, operations of a group in order.
"""

import asyncio
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")

MAX_GROUP = 500
"""Operations in one commit: bounds how long the first of them waits for the last."""

Perform = Callable[[list[T]], Callable[[], None]]
"""Performs a group and returns what delivers its outcomes; the delivery is called on the loop."""


class Executor(Protocol[T]):
    """Performs what is posted, in order."""

    def start(self, perform: Perform[T]) -> None:
        """Begin; called on the running loop."""

    def post(self, operation: T) -> None:
        """Queue one operation; never blocks."""

    async def stop(self, finish: Callable[[], None]) -> None:
        """Perform what is queued, then `finish`, where the operations ran."""


class WriterThread(Generic[T]):
    """One thread, so that the disk never blocks the loop. A daemon: a dying process does not wait for a dead disk."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[T | Callable[[], None]] = SimpleQueue()
        self._perform: Perform[T] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = asyncio.Event()

    def start(self, perform: Perform[T]) -> None:
        """Begin; called on the running loop."""
        self._perform = perform
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def post(self, operation: T) -> None:
        """Queue one operation; never blocks."""
        self._queue.put(operation)

    async def stop(self, finish: Callable[[], None]) -> None:
        """Perform what is queued, then `finish`, then let the thread end."""
        self._queue.put(_Finish(finish))
        await self._stopped.wait()
        self._thread.join()

    def _run(self) -> None:
        while True:
            group, last = self._next_group()
            if group and self._perform is not None:
                self._call_on_loop(self._perform(group))
            if last is not None:
                last()
                self._call_on_loop(self._stopped.set)
                return

    def _next_group(self) -> tuple[list[T], "_Finish | None"]:
        group: list[T] = []
        item = self._queue.get()
        while True:
            if isinstance(item, _Finish):
                return group, item
            group.append(item)  # type: ignore[arg-type]  # the queue holds T and _Finish only
            if len(group) >= MAX_GROUP:
                return group, None
            try:
                item = self._queue.get_nowait()
            except Empty:
                return group, None

    def _call_on_loop(self, call: Callable[[], None]) -> None:
        assert self._loop is not None  # noqa: S101 - start() came first
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:
            return  # The loop is closed: nobody is left to be told.


class InlineExecutor(Generic[T]):
    """Performs on the loop, one group per turn of it: no thread, so virtual time and the database go together."""

    def __init__(self) -> None:
        self._queue: list[T] = []
        self._perform: Perform[T] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, perform: Perform[T]) -> None:
        """Begin; called on the running loop."""
        self._perform = perform
        self._loop = asyncio.get_running_loop()

    def post(self, operation: T) -> None:
        """Queue one operation for this turn's end."""
        if not self._queue and self._loop is not None:
            self._loop.call_soon(self._perform_queued)
        self._queue.append(operation)

    async def stop(self, finish: Callable[[], None]) -> None:
        """Perform what is queued, then `finish`."""
        self._perform_queued()
        finish()

    def _perform_queued(self) -> None:
        group, self._queue = self._queue, []
        if group and self._perform is not None:
            self._perform(group)()


class _Finish:
    """The last thing in a queue."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call

    def __call__(self) -> None:
        self._call()
