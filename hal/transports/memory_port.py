"""A line in memory: two ports that hear each other, for tests and the bench on a virtual clock.

It behaves as a serial line does: bytes sent to an end that nobody opened are lost, closing one end does not disturb the
other, and a pulled cable is noticed by both.
"""

from dataclasses import dataclass

from hal.api import PortError
from hal.transports.received_bytes import ReceivedBytes


class MemoryPort:
    """One end of a line in memory; implements `Port`. Made by `memory_pipe`."""

    def __init__(self, cable: "_Cable", received: ReceivedBytes, far_received: ReceivedBytes) -> None:
        self._cable = cable
        self._received = received
        self._far_received = far_received

    async def open(self) -> None:
        """Open or reopen this end. Raises: PortError while the line is cut."""
        if self._cable.is_cut:
            raise PortError("line is cut")
        self._received.reopen()

    def write(self, data: bytes) -> None:
        """Hand bytes to the other end at once. Raises: PortError if this end is not open."""
        if self._received.lost is not None:
            raise PortError(str(self._received.lost))
        if self._far_received.lost is None:
            self._far_received.put(data)

    async def read(self) -> bytes:
        """Wait for bytes of the other end. Raises: PortError if the line is cut or this end is closed."""
        return await self._received.get()

    def discard_input(self) -> None:
        """Drop bytes that arrived but were not read."""
        self._received.discard()

    def close(self) -> None:
        """Close this end; harmless if closed already."""
        self._received.discard()
        self._received.fail(PortError("closed"))

    def cut(self) -> None:
        """Pull the cable: both ends fail until `mend` and a new `open`."""
        self._cable.is_cut = True
        for received in (self._received, self._far_received):
            received.discard()
            received.fail(PortError("line is cut"))

    def mend(self) -> None:
        """Put the cable back; each end works again after `open`."""
        self._cable.is_cut = False


def memory_pipe() -> tuple[MemoryPort, MemoryPort]:
    """Two ends of one line; each must be opened before it hears or sends."""
    cable, near, far = _Cable(), ReceivedBytes(), ReceivedBytes()
    return MemoryPort(cable, near, far), MemoryPort(cable, far, near)


@dataclass
class _Cable:
    is_cut: bool = False
