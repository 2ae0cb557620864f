"""What has arrived on a line and was not read yet: one writer (the line), one reader (the driver)."""

import asyncio

from hal.api import PortError


class ReceivedBytes:
    """Bytes in order of arrival; a lost line fails the waiting and every later read until `clear`."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._lost: PortError | None = PortError("not open")
        self._waiter: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._data)

    @property
    def lost(self) -> PortError | None:
        """Why nothing more will arrive; None while the line is up."""
        return self._lost

    def put(self, data: bytes) -> None:
        """Add bytes that arrived."""
        self._data += data
        self._wake()

    def fail(self, error: PortError) -> None:
        """Let reads fail from now on, after what arrived before was read."""
        if self._lost is None:
            self._lost = error
        self._wake()

    def reopen(self) -> None:
        """Forget everything: the line is up again."""
        self._data.clear()
        self._lost = None

    def discard(self) -> None:
        """Drop what arrived but was not read."""
        self._data.clear()

    def take(self) -> bytes:
        """Give what arrived but was not read; may be nothing."""
        data = bytes(self._data)
        self._data.clear()
        return data

    async def get(self) -> bytes:
        """Wait for at least one byte and return all. Raises: PortError once the line is lost."""
        while not self._data:
            if self._lost is not None:
                raise PortError(str(self._lost)) from self._lost
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self.take()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
