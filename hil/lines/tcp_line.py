"""A Modbus TCP meter's line: a listening port on this machine (runner)."""

import asyncio
from collections.abc import Callable

from hal.codecs.recording import Direction
from hil.device_line import Device
from hil.lines.clients import Clients, hang_up, known_client
from hil.lines.tap import Tap, no_tap

HOST = "127.0.0.1"
READ_SIZE = 4096


class TcpLine:
    """Serves one device to one or more clients; replies go to the client that spoke last."""

    def __init__(self, line: Device, tap: Tap = no_tap) -> None:
        self._tap = tap
        self._line = line
        self._server: asyncio.Server | None = None
        self._clients: Clients = {}
        self.port = 0

    async def open(self, port: int = 0) -> None:
        """Listen at this port, or at a free one if it is 0 or taken."""
        try:
            self._server = await asyncio.start_server(self._serve, HOST, port)
        except OSError:
            self._server = await asyncio.start_server(self._serve, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and hang up on everyone."""
        if self._server is not None:
            self._server.close()
        await hang_up(self._clients)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with known_client(self._clients, writer):
            await self._talk(reader, writer)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(READ_SIZE):
                self._tap(Direction.TO_DEVICE, data)
                self._line.output = self._tapped(writer)
                self._line.receive(data)
        except ConnectionError:
            pass
        finally:
            writer.close()

    def _tapped(self, writer: asyncio.StreamWriter) -> Callable[[bytes], None]:
        def write(data: bytes) -> None:
            self._tap(Direction.FROM_DEVICE, data)
            writer.write(data)

        return write
