"""The bench's control socket: JSON lines over a Unix socket (runner; `hil.control` decides)."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from hil.bench import Bench
from hil.control import Control
from hil.lines.clients import Clients, hang_up, known_client

MAX_LINE = 65_536
MAX_BACKLOG = 4_000_000
"""Bytes that a subscriber may leave unread before it is dropped."""


class ControlSocket:
    """Serves one bench to any number of clients."""

    def __init__(self, bench: Bench, control: Control, path: Path) -> None:
        self._bench = bench
        self._control = control
        self._path = path
        self._server: asyncio.Server | None = None
        self._clients: Clients = {}

    async def open(self) -> None:
        """Listen; a socket left behind by a dead bench is replaced. Raises: OSError."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._path.is_socket():
            self._path.unlink()
        self._server = await asyncio.start_unix_server(self._serve, self._path, limit=MAX_LINE)

    async def close(self) -> None:
        """Stop listening, remove the socket, hang up on everyone."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)
        await hang_up(self._clients)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with known_client(self._clients, writer):
            await self._talk(reader, writer)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def tell(message: dict[str, Any]) -> None:
            if writer.transport.get_write_buffer_size() > MAX_BACKLOG:
                writer.transport.abort()
            else:
                writer.write(_line(message))

        try:
            while line := await reader.readline():
                answer, subscribes = self._control.handle_line(line)
                writer.write(_line(answer))
                if subscribes and tell not in self._bench.subscribers:
                    self._bench.subscribers.append(tell)
                await writer.drain()
        except ValueError:
            writer.write(_line({"id": None, "ok": False, "error": f"a request is at most {MAX_LINE} bytes"}))
        except ConnectionError:
            pass
        finally:
            if tell in self._bench.subscribers:
                self._bench.subscribers.remove(tell)
            with suppress(RuntimeError):
                writer.close()


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"
