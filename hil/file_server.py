"""Runner: the bench's file server: http or https with Range, If-Range, PUT and POST, and the faults of real ones.

It serves from memory in threads of its own, so that neither a virtual clock nor a busy loop matters to it.
"""

import hashlib
import ssl
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STALL_LIMIT_S = 60.0
_CHUNK_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class FileFault:
    """What befalls one request; the default is nothing."""

    cut_after: int | None = None
    """The connection is cut after so many bytes of the file, sent or received."""
    stall_after: int | None = None
    """Nothing more moves after so many bytes, until the server ends."""
    status: int | None = None
    """Answered instead of the file."""
    announced: int | None = None
    """Content-Length says this instead of the truth."""
    redirect: str | None = None
    """Where the file is said to be."""


@dataclass(frozen=True, slots=True)
class FileRequest:
    """What was asked for."""

    method: str
    path: str
    range: str | None
    authorization: str | None
    status: int


@dataclass(slots=True)
class FileShelf:
    """Files, uploads, requests seen and faults to come, one for each request; None: no fault."""

    files: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)
    requests: list[FileRequest] = field(default_factory=list)
    faults: deque[FileFault | None] = field(default_factory=deque)
    takes_ranges: bool = True
    takes_put: bool = True
    has_validators: bool = True
    always: FileFault | None = None
    """Befalls every request for which `faults` has none."""


class FileServer:
    """One shelf behind one port of the loopback."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.shelf = FileShelf()
        self._over = threading.Event()
        self._server = _Server(self.shelf, self._over)
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._scheme = "http" if context is None else "https"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="files", daemon=True)
        self._thread.start()

    def url(self, path: str = "/", host: str = "127.0.0.1", user: str = "") -> str:
        """The URL of a file; `user`: user and password as they go into it."""
        return f"{self._scheme}://{user and user + '@'}{host}:{self._server.server_address[1]}{path}"

    def close(self) -> None:
        """End, stalled answers included."""
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def file_server(context: ssl.SSLContext | None = None) -> Iterator[FileServer]:
    """Serve within the block; `context`: https."""
    server = FileServer(context)
    try:
        yield server
    finally:
        server.close()


class _Cut(Exception):  # noqa: N818 - no error: what was ordered
    """The connection is to be cut here."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, shelf: FileShelf, over: threading.Event) -> None:
        self.shelf = shelf
        self.over = over
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = STALL_LIMIT_S

    def do_GET(self) -> None:
        fault = self._fault()
        data = self.server.shelf.files.get(self.path.partition("?")[0])
        if fault.redirect is not None:
            self._answer(302, {"Location": fault.redirect})
        elif fault.status is not None or data is None:
            self._answer(fault.status or 404)
        else:
            self._send_file(data, fault)

    def do_PUT(self) -> None:
        self._take() if self.server.shelf.takes_put else self._answer(405, close=True)

    def do_POST(self) -> None:
        self._take()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing: `requests` tells."""

    def _fault(self) -> FileFault:
        fault = self.server.shelf.faults.popleft() if self.server.shelf.faults else self.server.shelf.always
        return fault or FileFault()

    def _send_file(self, data: bytes, fault: FileFault) -> None:
        tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        begin = self._begin(len(data), tag)
        if begin is not None and begin >= len(data):
            self._answer(416, {"Content-Range": f"bytes */{len(data)}"})
            return
        headers = {"ETag": tag} if self.server.shelf.has_validators else {}
        if begin is not None:
            headers["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
        rest = data[begin or 0 :]
        length = fault.announced if fault.announced is not None else len(rest)
        self._answer(200 if begin is None else 206, headers, length=length)
        self._move(rest, fault)
        if length != len(rest):
            self._cut()

    def _begin(self, size: int, tag: str) -> int | None:
        wanted = self.headers.get("Range")
        if wanted is None or not self.server.shelf.takes_ranges or self.headers.get("If-Range", tag) != tag or not size:
            return None
        return int(wanted.removeprefix("bytes=").partition("-")[0])

    def _move(self, data: bytes, fault: FileFault) -> None:
        limits = [each for each in (fault.cut_after, fault.stall_after) if each is not None]
        stop = min(limits, default=None)
        shown = data if stop is None else data[:stop]
        for at in range(0, len(shown), _CHUNK_BYTES):
            self.wfile.write(shown[at : at + _CHUNK_BYTES])
        self.wfile.flush()
        self._obey(fault, reached=stop is not None)

    def _take(self) -> None:
        fault = self._fault()
        if fault.status is not None:
            self._answer(fault.status, close=True)
            return
        length = int(self.headers.get("Content-Length", "0"))
        stop = next((each for each in (fault.cut_after, fault.stall_after) if each is not None), length)
        data = self.rfile.read(min(length, stop))
        self._obey(fault, reached=stop < length)
        self.server.shelf.uploads[self.path] = data
        self._answer(201)

    def _obey(self, fault: FileFault, *, reached: bool) -> None:
        if reached and fault.stall_after is not None:
            self.server.over.wait(STALL_LIMIT_S)
        if reached:
            self._cut()

    def _cut(self) -> None:
        self.close_connection = True
        raise _Cut

    def _answer(
        self, status: int, headers: dict[str, str] | None = None, *, length: int = 0, close: bool = False
    ) -> None:
        asked = (self.headers.get("Range"), self.headers.get("Authorization"))
        self.server.shelf.requests.append(FileRequest(self.command, self.path, *asked, status))
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        if close:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (_Cut, OSError):
            self.close_connection = True
