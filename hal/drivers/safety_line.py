"""The line of a safety controller, whatever carries its frames: the driver knows frames only (runner)."""

from typing import Protocol

from hal.codecs.safety_frame import SafetyFrame, SafetyFrameDecoder, encode_frame
from hal.transports.port import Port


class SafetyLine(Protocol):
    """Carries frames; one owner, one reader."""

    @property
    def is_open(self) -> bool:
        """True between `open` and `close`."""

    async def open(self) -> None:
        """Open or reopen the line. Raises: PortError."""

    def send(self, frame: SafetyFrame) -> None:
        """Send at once, without waiting. Raises: PortError if the line is gone."""

    async def receive(self) -> list[SafetyFrame]:
        """Wait for bytes and return the frames that they complete. Raises: PortError if the line is gone."""

    def close(self) -> None:
        """Close; harmless if closed already."""


class SerialSafetyLine:
    """Frames over a byte line; implements `SafetyLine`."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self.decoder = SafetyFrameDecoder()
        """Counts what was no frame."""
        self.is_open = False

    async def open(self) -> None:
        """Open or reopen the line. Raises: PortError."""
        await self._port.open()
        self.decoder.reset()
        self.is_open = True

    def send(self, frame: SafetyFrame) -> None:
        """Send at once. Raises: PortError if the line is gone."""
        self._port.write(encode_frame(frame))

    async def receive(self) -> list[SafetyFrame]:
        """Wait for bytes and return the frames that they complete. Raises: PortError if the line is gone."""
        return self.decoder.feed(await self._port.read())

    def close(self) -> None:
        """Close; harmless if closed already."""
        self.is_open = False
        self._port.close()
