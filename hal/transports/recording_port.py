"""A port that tells what passes (runner: wraps the port that it is given)."""

from collections.abc import Callable

from hal.transports.port import Port

Note = Callable[[bytes], None]


class RecordingPort:
    """Implements `Port` over another one; `sent` and `received` take every chunk that passed."""

    def __init__(self, port: Port, sent: Note, received: Note) -> None:
        self._port = port
        self._sent = sent
        self._received = received

    async def open(self) -> None:
        """Open the port. Raises: PortError."""
        await self._port.open()

    def write(self, data: bytes) -> None:
        """Send at once, then tell. Raises: PortError."""
        self._port.write(data)
        self._sent(data)

    async def read(self) -> bytes:
        """Wait for at least one byte. Raises: PortError."""
        data = await self._port.read()
        self._received(data)
        return data

    def discard_input(self) -> None:
        """Drop bytes that arrived; they are not told."""
        self._port.discard_input()

    def close(self) -> None:
        """Close the port."""
        self._port.close()
