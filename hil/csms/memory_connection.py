"""A websocket without a network: two ends that behave as `websockets` connections, on loop time only."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from websockets.exceptions import ConnectionClosed, ConnectionClosedError, ConnectionClosedOK
from websockets.frames import Close

_T = TypeVar("_T")
NORMAL_CODES = frozenset({1000, 1001})


class MemoryConnection:
    """One end. Frames arrive in order after `latency_s`; closing delivers what was sent before it, cutting does not."""

    def __init__(self, latency_s: float) -> None:
        self.latency_s = latency_s
        self.subprotocol: str | None = None
        self.loses: Callable[[str | bytes], bool] = lambda _message: False
        """Says of a message about to leave whether the line breaks with it, unnoticed by its sender until later."""
        self._peer: MemoryConnection = self
        self._arrived: deque[str | bytes] = deque()
        self._changed = asyncio.Event()
        self._received: Close | None = None
        self._sent: Close | None = None
        self._received_first = False
        self._closed = False

    async def recv(self) -> str | bytes:
        """Wait for the next frame. Raises: ConnectionClosed."""
        while not self._arrived:
            if self._closed:
                raise self._why_closed()
            self._changed.clear()
            await self._changed.wait()
        return self._arrived.popleft()

    async def send(self, message: str | bytes) -> None:
        """Send one frame; yields once, as a socket may. Raises: ConnectionClosed."""
        if self._closed:
            raise self._why_closed()
        if self.loses(message):
            self.abort()
            return
        self._peer._schedule(self._peer._arrive, message)  # noqa: SLF001 - the two ends are one thing
        await asyncio.sleep(0)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close with a close frame; frames sent before it still arrive."""
        if self._closed:
            return
        frame = Close(code, reason)
        self._end(self._received, frame)
        self._peer._schedule(self._peer._hear_close, frame)  # noqa: SLF001 - as above
        await asyncio.sleep(0)

    def abort(self) -> None:
        """Cut the line: both ends are closed at once without a close frame, and what was under way is lost."""
        for end in (self, self._peer):
            if not end._closed:  # noqa: SLF001 - as above
                end._arrived.clear()  # noqa: SLF001 - as above
                end._end(None, None)  # noqa: SLF001 - as above

    @property
    def is_closed(self) -> bool:
        """True once either side closed and this side knows."""
        return self._closed

    def _schedule(self, deliver: Callable[[_T], None], what: _T) -> None:
        asyncio.get_running_loop().call_later(self.latency_s, deliver, what)

    def _arrive(self, message: str | bytes) -> None:
        if not self._closed:
            self._arrived.append(message)
            self._changed.set()

    def _hear_close(self, frame: Close) -> None:
        if not self._closed:
            self._received_first = True
            self._end(frame, frame)

    def _end(self, received: Close | None, sent: Close | None) -> None:
        self._received, self._sent, self._closed = received, sent, True
        self._changed.set()

    def _why_closed(self) -> ConnectionClosed:
        received, sent = self._received, self._sent
        if sent is not None and received is None:
            received = sent
        codes = {frame.code for frame in (received, sent) if frame is not None}
        kind = ConnectionClosedOK if codes and codes <= NORMAL_CODES else ConnectionClosedError
        return kind(received, sent, None if sent is None else self._received_first)


def memory_connection_pair(latency_s: float = 0.0) -> tuple[MemoryConnection, MemoryConnection]:
    """Give the station's end and the CSMS's end of one connection."""
    station, csms = MemoryConnection(latency_s), MemoryConnection(latency_s)
    station._peer, csms._peer = csms, station  # noqa: SLF001 - the two ends are one thing
    return station, csms
