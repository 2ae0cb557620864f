"""Frames of a safety controller on CAN (runner)."""

from typing import Final

from hal.codecs.can_frame import from_can, to_can
from hal.codecs.safety_frame import SafetyFrame
from hal.transports.can_line import CanFilter, CanFrame, CanLine

FILTER: Final = CanFilter(arbitration_id=0x000, mask=0x700)
"""Base frames 000 to 0FF: COM is the identifier. So there is one such board on a bus."""


class CanSafetyLine:
    """Implements `SafetyLine`; the `CanLine` should hear `FILTER`."""

    def __init__(self, line: CanLine) -> None:
        self._line = line

    @property
    def is_open(self) -> bool:
        """True between `open` and `close`."""
        return self._line.is_open

    async def open(self) -> None:
        """Open or reopen the line. Raises: PortError."""
        await self._line.open()

    def send(self, frame: SafetyFrame) -> None:
        """Send at once. Raises: PortError if the bus is gone."""
        arbitration_id, data = to_can(frame)
        self._line.send(CanFrame(arbitration_id, data))

    async def receive(self) -> list[SafetyFrame]:
        """Wait for frames of the bus and return those of the board. Raises: PortError if the bus is gone."""
        received = await self._line.receive()
        frames = (from_can(frame.arbitration_id, frame.data, extended=frame.extended) for frame in received)
        return [frame for frame in frames if frame is not None]

    def close(self) -> None:
        """Close; harmless if closed already."""
        self._line.close()
