"""A byte line over TCP: a serial device server, Modbus TCP, or the bench."""

import asyncio
import socket

from hal.api import PortError
from hal.transports.received_bytes import ReceivedBytes

_CONNECT_TIMEOUT_S = 5.0
_MAX_UNREAD_BYTES = 65_536
_MAX_UNSENT_BYTES = 65_536
_ACKNOWLEDGE_TIMEOUT_MS = 10_000


class TcpPort:
    """One TCP connection to `host`:`port`, opened by us; implements `Port`."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._connection: _Connection | None = None

    async def open(self) -> None:
        """Connect, dropping an earlier connection. Raises: PortError."""
        self.close()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                _, connection = await loop.create_connection(_Connection, self._host, self._port)
        except (OSError, TimeoutError) as error:
            raise PortError(f"{self._host}:{self._port}: {str(error) or 'no answer'}") from error
        self._connection = connection

    def write(self, data: bytes) -> None:
        """Send at once. Raises: PortError if the connection is gone or takes nothing any more."""
        if self._connection is None:
            raise PortError("not open")
        self._connection.send(data)

    async def read(self) -> bytes:
        """Wait for at least one byte. Raises: PortError if the connection is gone."""
        if self._connection is None:
            raise PortError("not open")
        return await self._connection.receive()

    def discard_input(self) -> None:
        """Drop bytes that arrived but were not read."""
        if self._connection is not None:
            self._connection.discard()

    def take_unread(self) -> bytes:
        """Give what arrived but was not read; may be nothing."""
        return b"" if self._connection is None else self._connection.take()

    def close(self) -> None:
        """Close; harmless if closed already."""
        if self._connection is not None:
            self._connection.abort()
            self._connection = None


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._received = ReceivedBytes()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
        line: socket.socket | None = transport.get_extra_info("socket")
        if line is not None:
            # A peer that lost power never closes: without these a dead line looks idle for ever.
            line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _ACKNOWLEDGE_TIMEOUT_MS)
        self._received.reopen()

    def data_received(self, data: bytes) -> None:
        self._received.put(data)
        if len(self._received) > _MAX_UNREAD_BYTES and self._transport is not None:
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._received.fail(PortError(f"connection lost: {exc or 'closed by the other side'}"))

    def send(self, data: bytes) -> None:
        if self._transport is None or self._received.lost is not None:
            raise PortError(str(self._received.lost or "not open"))
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > _MAX_UNSENT_BYTES:
            self.abort()
            raise PortError("takes no more bytes")

    async def receive(self) -> bytes:
        data = await self._received.get()
        self._resume()
        return data

    def discard(self) -> None:
        self._received.discard()
        self._resume()

    def take(self) -> bytes:
        data = self._received.take()
        self._resume()
        return data

    def abort(self) -> None:
        self._received.discard()
        self._received.fail(PortError("closed"))
        if self._transport is not None:
            self._transport.abort()

    def _resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
