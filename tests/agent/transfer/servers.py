"""Real file servers on loopback: ftp and ftps by pyftpdlib, sftp by asyncssh; http by the bench's own."""

import asyncio
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

from agent.transfer.course import Course

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # asyncore of Python 3.11
    from pyftpdlib import handlers  # type: ignore[import-untyped]  # no types
    from pyftpdlib.authorizers import DummyAuthorizer  # type: ignore[import-untyped]  # no types
    from pyftpdlib.servers import FTPServer  # type: ignore[import-untyped]  # no types

Foreign = Any  # of libraries without types, or with types that are not exported
USER, PASSWORD = "station", "s:ecr@t/ä"
ENCODED = "station:s%3Aecr%40t%2F%C3%A4"
IMAGE = bytes(range(256)) * 4096
"""1 MiB."""


@dataclass
class FtpHouse:
    """A running server and what it was asked for."""

    port: int
    folder: Path
    commands: list[str] = field(default_factory=list)
    cut_after: list[int] = field(default_factory=list)
    """Bytes after which the next data connections are cut."""


@contextmanager
def ftp_server(folder: Path, *, certificate: tuple[Path, Path] | None = None, rest: bool = True) -> Iterator[FtpHouse]:
    """Serve a folder by ftp, or by ftps with a certificate; `rest`: whether it can go on in the middle of a file."""
    house = FtpHouse(0, folder)
    handler = _ftp_handler(house, tls=certificate is not None, rest=rest)
    handler.authorizer = DummyAuthorizer()
    handler.authorizer.add_user(USER, PASSWORD, str(folder), perm="elradfmwMT")
    if certificate is not None:
        handler.certfile, handler.keyfile = (str(each) for each in certificate)
        handler.tls_control_required = handler.tls_data_required = True
    server = FTPServer(("127.0.0.1", 0), handler)
    house.port = server.socket.getsockname()[1]
    over = threading.Event()
    thread = threading.Thread(target=lambda: _until(server, over), daemon=True)
    thread.start()
    try:
        yield house
    finally:
        over.set()
        thread.join()


def _ftp_handler(house: FtpHouse, *, tls: bool, rest: bool) -> Foreign:
    class Handler(handlers.TLS_FTPHandler if tls else handlers.FTPHandler):  # type: ignore[misc]  # no types
        dtp_handler = _ftp_data(house, tls=tls)
        use_sendfile = False
        auth_failed_timeout = 0

        def pre_process_command(self, line: str, cmd: str, arg: str) -> None:
            house.commands.append(f"{cmd} {arg}".strip())
            super().pre_process_command(line, cmd, arg)

        def ftp_REST(self, line: str) -> None:  # noqa: N802 - the library's name
            if rest:
                super().ftp_REST(line)
            else:
                self.respond("502 not here")

    return Handler


def _ftp_data(house: FtpHouse, *, tls: bool) -> Foreign:
    class Data(handlers.TLS_DTPHandler if tls else handlers.DTPHandler):  # type: ignore[misc]  # no types
        ac_in_buffer_size = ac_out_buffer_size = 16_384

        def handle_read_event(self) -> None:
            super().handle_read_event()
            self._cut_if_due()

        def initiate_send(self) -> None:
            super().initiate_send()
            self._cut_if_due()

        def _cut_if_due(self) -> None:
            if house.cut_after and self.tot_bytes_sent + self.tot_bytes_received >= house.cut_after[0]:
                house.cut_after.pop(0)
                self.cmd_channel.close_when_done()
                self.close()

    return Data


def _until(server: Foreign, over: threading.Event) -> None:
    while not over.is_set():
        server.serve_forever(timeout=0.02, blocking=False, handle_exit=False)
    server.close_all()


@dataclass
class SftpHouse:
    """A running server."""

    port: int
    host_key: asyncssh.SSHKey
    opened: list[str]
    cut_after: list[int]
    files: list[Foreign] = field(default_factory=list)
    """asyncssh closes those of a connection only if its end is seen before the server's own."""

    def known_hosts(self, file: Path) -> Path:
        file.write_text(f"[127.0.0.1]:{self.port} {self.host_key.export_public_key().decode()}")
        return file


@contextmanager
def sftp_server(folder: Path, *, port: int = 0) -> Iterator[SftpHouse]:
    """Serve a folder by sftp, in a loop of its own."""
    ready: list[tuple[SftpHouse, asyncio.AbstractEventLoop, asyncio.Event]] = []
    started = threading.Event()

    async def serve() -> None:
        house = SftpHouse(0, asyncssh.generate_private_key("ssh-ed25519"), [], [])
        server = await asyncssh.listen(
            *("127.0.0.1", port),
            server_factory=_Ssh,
            server_host_keys=[house.host_key],
            sftp_factory=lambda channel: _Files(channel, house, folder),
        )
        house.port = server.sockets[0].getsockname()[1]
        over = asyncio.Event()
        ready.append((house, asyncio.get_running_loop(), over))
        started.set()
        await over.wait()
        server.close()
        await server.wait_closed()
        for file in house.files:
            file.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert started.wait(20)
    house, loop, over = ready[0]
    try:
        yield house
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)


class _Ssh(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:  # noqa: ARG002 - any user is asked
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, PASSWORD)


class _Files(asyncssh.SFTPServer):
    def __init__(self, channel: Foreign, house: SftpHouse, folder: Path) -> None:
        super().__init__(channel, chroot=str(folder).encode())
        self._house = house
        self._connection = channel.get_connection()
        self._moved = 0

    def open(self, path: bytes, pflags: int, attrs: Foreign) -> Foreign:
        self._house.opened.append(path.decode())
        file = super().open(path, pflags, attrs)
        self._house.files.append(file)
        return file

    def read(self, file_obj: Foreign, offset: int, size: int) -> Foreign:
        self._count(size)
        return super().read(file_obj, offset, size)

    def write(self, file_obj: Foreign, offset: int, data: bytes) -> Foreign:
        self._count(len(data))
        return super().write(file_obj, offset, data)

    def _count(self, size: int) -> None:
        self._moved += size
        if self._house.cut_after and self._moved > self._house.cut_after[0]:
            self._house.cut_after.pop(0)
            self._connection.abort()


async def until_moved(course: Course, size: int) -> None:
    """Wait until so many bytes have been counted by the transfer's thread."""
    while course.done_bytes < size:  # noqa: ASYNC110 - a thread counts, there is no event
        await asyncio.sleep(0.005)


def content(file: Path) -> bytes:
    return file.read_bytes()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
