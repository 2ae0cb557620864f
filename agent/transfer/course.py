"""The course of one attempt: how far it is, and the way to interrupt it from another thread."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from agent.transfer.errors import Failure, TransferError


class InterruptedTransferError(Exception):
    """Somebody has interrupted this transfer; what was received is kept."""


class Course:
    """Shared by the loop (reads, interrupts) and the thread that transfers (moves on)."""

    def __init__(self, max_duration_s: float = 6 * 3600.0) -> None:
        self.done_bytes = 0
        """Of the file, those of earlier attempts included."""
        self.total_bytes: int | None = None
        """None: not known."""
        self._interrupted = threading.Event()
        self._closers: list[Callable[[], object]] = []
        self._lock = threading.Lock()
        self._max_duration_s = max_duration_s
        self._began_s = time.monotonic()

    @property
    def percent(self) -> int | None:
        """How much of the file is there; None while its length is not known."""
        return None if not self.total_bytes else min(100, 100 * self.done_bytes // self.total_bytes)

    def interrupt(self) -> None:
        """End the transfer soon: a socket that waits is woken."""
        self._interrupted.set()
        with self._lock:
            for close in self._closers:  # under the lock: nobody closes, and reuses, a descriptor meanwhile
                with suppress(OSError, RuntimeError):
                    close()

    def check(self) -> None:
        """Raises: InterruptedTransferError, or TransferError when it has taken too long."""
        if self._interrupted.is_set():
            raise InterruptedTransferError
        if time.monotonic() - self._began_s > self._max_duration_s:
            raise TransferError(Failure.UNREACHABLE, f"not done within {self._max_duration_s:.0f} s")

    def moved(self, size: int) -> None:
        """Count bytes. Raises: as `check`."""
        self.done_bytes += size
        self.check()

    @contextmanager
    def closed_by_interrupt(self, close: Callable[[], object]) -> Iterator[None]:
        """Within the block `interrupt` calls `close`, which may be called from any thread. Raises: as `check`."""
        with self._lock:
            self._closers.append(close)
        try:
            self.check()
            yield
        finally:
            with self._lock:
                if close in self._closers:
                    self._closers.remove(close)
