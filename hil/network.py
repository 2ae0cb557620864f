"""The network between station and back-end: a TCP relay that can be cut (runner).

While it is cut every open connection is reset, and so is each new one: what a station sees when its modem is up but the
back-end is out of reach. The port stays taken, so that nobody else can answer on it.
"""

import asyncio
import socket
import struct
from contextlib import suppress
from urllib.parse import urlsplit

CHUNK_BYTES = 65_536
LINGER_NOT = struct.pack("ii", 1, 0)
"""SO_LINGER of zero seconds: close sends RST (Linux, socket(7))."""
HOST = "127.0.0.1"


class Network:
    """Relays every connection to the back-end once `reach` has said where it is."""

    def __init__(self) -> None:
        self.up = True
        self.refused = 0
        """Connections that were tried while the network was cut."""
        self._server: asyncio.Server | None = None
        self._target: tuple[str, int] | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> str:
        """Listen; gives the URL for the station. Raises: OSError."""
        self._server = await asyncio.start_server(self._connected, HOST, 0)
        port = self._server.sockets[0].getsockname()[1]
        return f"ws://{HOST}:{port}/"

    def reach(self, csms_url: str) -> None:
        """Relay to this back-end from now on."""
        parts = urlsplit(csms_url)
        self._target = (parts.hostname or HOST, parts.port or 80)

    def cut(self) -> None:
        """Reset what is open and whatever is tried."""
        self.up = False
        for writer in tuple(self._writers):
            _reset(writer)

    def restore(self) -> None:
        """Let new connections through again."""
        self.up = True

    async def close(self) -> None:
        """Stop listening and reset every connection."""
        if self._server is not None:
            self._server.close()
        self.cut()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A plain callback: asyncio logs a cancelled coroutine of its own as an error.
        task = asyncio.get_running_loop().create_task(self._relay(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if self.up and self._target is not None:
                await self._join(reader, writer, self._target)
            else:
                self.refused += 1
        except OSError:
            self.refused += 1
            _reset(writer)
        finally:
            self._writers.discard(writer)
            self._end(writer)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: tuple[str, int]) -> None:
        far_reader, far_writer = await asyncio.open_connection(*target)
        self._writers.add(far_writer)
        if not self.up:  # cut while dialling
            _reset(far_writer)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_pump(reader, far_writer))
                group.create_task(_pump(far_reader, writer))
        finally:
            self._writers.discard(far_writer)
            self._end(far_writer)

    def _end(self, writer: asyncio.StreamWriter) -> None:
        if self.up and self._target is not None:
            writer.close()
        else:
            _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Let the far end see a reset instead of an orderly end."""
    line: socket.socket = writer.get_extra_info("socket")
    with suppress(OSError):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
    writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    with suppress(OSError):
        writer.write_eof()
