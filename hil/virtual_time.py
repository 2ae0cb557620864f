"""An asyncio loop whose clock jumps to the next timer as soon as nothing is ready.

Rules kept here:
* Bytes that are ready on a descriptor come before any jump.
* A timer that asyncio runs early, within the clock's resolution, is not early here: the clock moves on to it. Otherwise
  two tasks that wait for nearly now could take turns for ever, with something always ready and no time passing.
* Work given to an executor (`run_in_executor`, `asyncio.to_thread`) is waited for in real time: the clock stands still,
  so a database's writer thread is as fast as it is. Other threads must hold the clock with `hold_clock`.
* No timer, nothing ready and nothing held is a deadlock: after a short real grace it is an error naming the tasks.
"""

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from contextvars import Context
from typing import Any, TypeVar, TypeVarTuple

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

START_S = 1000.0
"""Virtual time at start: not 0, so that a time taken for a truth value is noticed."""
DEADLOCK_GRACE_S = 1.0
"""Real seconds that a descriptor or a thread may still take before a deadlock is declared."""


RESOLUTION_S = time.get_clock_info("monotonic").resolution
"""What asyncio takes for equal: a timer is run so much too early."""


class VirtualTimeDeadlockError(RuntimeError):
    """Nothing can ever happen again: every task waits and no timer is set."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Event loop in virtual time; `time()` moves only when nothing is ready."""

    def __init__(self) -> None:
        self._selector_of_jumps = _JumpingSelector(selectors.DefaultSelector(), self)
        super().__init__(self._selector_of_jumps)

    def time(self) -> float:
        """Virtual monotonic seconds."""
        return self._selector_of_jumps.now_s

    def call_at(
        self, when: float, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Set a timer; what is due within the clock's resolution is due at once."""
        if self.time() < when < self.time() + RESOLUTION_S:
            self._selector_of_jumps.now_s = when
        return super().call_at(when, callback, *args, context=context)

    @contextmanager
    def hold_clock(self) -> Iterator[None]:
        """Keep the clock still while work outside the loop is under way."""
        self._selector_of_jumps.held += 1
        try:
            yield
        finally:
            self._selector_of_jumps.held -= 1

    def run_in_executor(self, executor: Executor | None, func: Callable[[*_Ts], _T], *args: *_Ts) -> asyncio.Future[_T]:
        """Run `func` in a thread; virtual time stands still until it has returned."""
        future: asyncio.Future[_T] = super().run_in_executor(executor, func, *args)
        self._selector_of_jumps.held += 1
        future.add_done_callback(self._release)
        return future

    def _release(self, _: object) -> None:
        self._selector_of_jumps.held -= 1


def run_virtual(main: Coroutine[Any, Any, _T], *, debug: bool = False) -> _T:
    """Run a coroutine to its end in virtual time. Raises: VirtualTimeDeadlockError."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop, debug=debug) as runner:
        return runner.run(main)


class _JumpingSelector(selectors.BaseSelector):
    """Asks the real selector without waiting, and moves the clock instead of waiting."""

    def __init__(self, real: selectors.BaseSelector, loop: VirtualTimeLoop) -> None:
        self._real = real
        self._loop = loop
        self.now_s = START_S
        self.held = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready; otherwise move the clock by `timeout` seconds."""
        if timeout is not None and timeout <= 0:
            return self._real.select(0)
        ready = self._real.select(0)
        while not ready and self.held:
            ready = self._real.select(DEADLOCK_GRACE_S)
        if ready:
            return ready
        if timeout is None:
            return self._last_chance()
        self.now_s += timeout
        return []

    def _last_chance(self) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(DEADLOCK_GRACE_S)
        if ready:
            return ready
        names = sorted(task.get_name() for task in asyncio.all_tasks(self._loop))
        raise VirtualTimeDeadlockError(
            f"deadlock in virtual time at {self.now_s:.6f} s: no timer is set and nothing is ready; "
            f"waiting tasks: {', '.join(names) or 'none'}"
        )

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:  # noqa: ANN401 - as typeshed
        """Watch a descriptor."""
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:  # noqa: ANN401 - as typeshed
        """Stop watching a descriptor."""
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:  # noqa: ANN401 - as typeshed
        """Watch a descriptor for other events."""
        return self._real.modify(fileobj, events, data)

    def close(self) -> None:
        """Close the real selector."""
        self._real.close()

    def get_map(self) -> Any:  # noqa: ANN401 - asyncio only looks keys up in it
        """Descriptors being watched."""
        return self._real.get_map()
