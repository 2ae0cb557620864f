"""A serial line at a device server that speaks RFC 2217, such as ser2net or a labgrid exporter."""

import asyncio

from hal.api import PortError
from hal.transports.tcp_port import TcpPort
from hal.transports.telnet import OPENING, TelnetStream, escaped, line_settings

_AGREEMENT_TIMEOUT_S = 5.0


class Rfc2217Port:
    """One serial line behind `host`:`port`, with speed and parity set from here; implements `Port`."""

    def __init__(self, host: str, port: int, *, baudrate: int, parity: str = "N", stopbits: int = 1) -> None:
        self._name = f"rfc2217://{host}:{port}"
        self._tcp = TcpPort(host, port)
        self._settings = line_settings(baudrate, parity, stopbits)
        self._stream = TelnetStream()

    async def open(self) -> None:
        """Connect, agree and set the line, dropping what was received before. Raises: PortError."""
        await self._tcp.open()
        self._stream = TelnetStream()
        self._tcp.write(OPENING)
        try:
            async with asyncio.timeout(_AGREEMENT_TIMEOUT_S):
                while not self._stream.agreed:
                    self._take(await self._tcp.read())
        except TimeoutError:
            self.close()
            raise PortError(f"{self._name}: does not speak RFC 2217; tcp:// is for bytes as they are") from None
        except BaseException:
            self.close()
            raise
        self._tcp.write(self._settings)

    def write(self, data: bytes) -> None:
        """Send at once. Raises: PortError if the connection is gone or takes nothing any more."""
        self._tcp.write(escaped(data))

    async def read(self) -> bytes:
        """Wait for at least one byte of the line. Raises: PortError if the connection is gone."""
        while True:
            if data := self._take(await self._tcp.read()):
                return data

    def discard_input(self) -> None:
        """Drop bytes of the line that arrived but were not read; what the server says between them is heard."""
        if unread := self._tcp.take_unread():
            self._take(unread)

    def close(self) -> None:
        """Close; harmless if closed already."""
        self._tcp.close()

    def _take(self, received: bytes) -> bytes:
        data, replies = self._stream.feed(received)
        if self._stream.refused:
            self.close()
            raise PortError(f"{self._name}: refuses {self._stream.refused}")
        if replies:
            self._tcp.write(replies)
        return data
