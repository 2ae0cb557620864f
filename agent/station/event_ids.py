"""Numbers of events for NotifyEvent: they grow over restarts, with one write for many of them."""

from collections.abc import Callable


class EventIds:
    """Gives out numbers that were reserved, and reserves more in time."""

    def __init__(self, block: int, reserve: Callable[[], None]) -> None:
        """`reserve` stores that `block` more numbers are taken."""
        self._block = block
        self._reserve = reserve
        self._next = 1
        self._renew_at = block

    def start(self, first: int) -> None:
        """Begin with this number, of which `block` are reserved."""
        self._next = first
        self._renew_at = first + self._block // 2

    def next(self) -> int:
        """Return a number never returned before."""
        number, self._next = self._next, self._next + 1
        if number >= self._renew_at:
            self._renew_at += self._block
            self._reserve()
        return number

    def not_reserved(self) -> None:
        """The latest numbers could not be stored: the next event tries again."""
        self._renew_at -= self._block
