"""ftp and ftps (explicit, RFC 4217): RETR and STOR with REST, passive. Blocking; runs in a thread.

A path is relative to the directory after login, as in RFC 1738; one that begins with a second slash is absolute.
"""

import ftplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from agent.transfer.course import Course
from agent.transfer.errors import Failure, TransferError
from agent.transfer.location import Location
from agent.transfer.partial_file import PartialFile
from agent.transfer.settings import TransferSettings
from agent.transfer.trust import client_context, connection_failure

BUFFER_BYTES = 64 * 1024
_DENIED = ("530", "532", "331", "332")
_NOT_SUPPORTED = ("500", "502", "504", "534", "431")
_BROKEN_OFF = ("421", "425", "426", "451")
_MISSING_OR_DENIED = "550"


def download(location: Location, file: PartialFile, settings: TransferSettings, course: Course) -> None:
    """Receive a file, going on where it stopped. Raises: TransferError, InterruptedTransferError."""
    with _session(location, settings, course) as ftp:
        size = _size(ftp, location.path)
        validator = "" if size is None else f"{size} {_date(ftp, location.path)}"
        held = file.held()
        offset = held.size if held.validator == validator and size is not None and held.size <= size else 0
        if offset:
            offset = _restart_or_none(ftp, offset)
        file.begin(offset, size, validator)
        if offset == size and size:
            file.finish()
            return
        with _data(ftp, f"RETR {location.path}", offset, course) as conn:
            while data := conn.recv(BUFFER_BYTES):
                file.write(data)
        ftp.voidresp()
    file.finish()


def upload(
    location: Location, source: Path, name: str, settings: TransferSettings, course: Course, *, resume: bool
) -> None:
    """Send a file to this path, or under its name into it where it is a directory. Raises: as `download`."""
    total = course.total_bytes = source.stat().st_size
    with _session(location, settings, course) as ftp:
        path = location.child(name).path if location.is_directory or _is_directory(ftp, location) else location.path
        there = (_size(ftp, path) or 0) if resume else 0
        offset = _restart_or_none(ftp, there) if 0 < there <= total else 0
        course.done_bytes = offset
        with source.open("rb") as file, _data(ftp, f"STOR {path}", offset, course) as conn:
            file.seek(offset)
            while data := file.read(BUFFER_BYTES):
                conn.sendall(data)
                course.moved(len(data))
        ftp.voidresp()
        stored = _size(ftp, path)
        if stored is not None and stored != total:
            raise TransferError(Failure.DAMAGED, f"{stored} of {total} bytes are there after the upload")


class _Ftps(ftplib.FTP_TLS):
    """Takes the session of the control connection up in data connections, as many servers demand (RFC 4217, 10.2)."""

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        """As the standard library does, with the session."""
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)  # noqa: S321 - asked for
        session = self.sock.session if isinstance(self.sock, ssl.SSLSocket) else None
        try:
            return self.context.wrap_socket(conn, server_hostname=self.host, session=session), size
        except OSError:
            conn.close()
            raise


@contextmanager
def _session(location: Location, settings: TransferSettings, course: Course) -> Iterator[ftplib.FTP]:
    """A control connection after login. Raises: TransferError, InterruptedTransferError."""
    ftp = ftplib.FTP() if location.scheme == "ftp" else _Ftps(context=client_context(settings))  # noqa: S321 - asked for
    try:
        ftp.connect(location.host, location.port, timeout=settings.connect_timeout_s)
        raw = ftp.sock
        if raw is None:
            raise ConnectionError("no connection")
        ftp.timeout = settings.stall_timeout_s
        raw.settimeout(settings.stall_timeout_s)
        with course.closed_by_interrupt(partial(_wake, raw.fileno())):
            _log_in(ftp, location)
            yield ftp
            with suppress(OSError, EOFError, ftplib.Error):
                ftp.quit()
    except ftplib.Error as error:
        course.check()
        raise _failure(error, location) from error
    except EOFError as error:
        course.check()
        raise TransferError(Failure.UNREACHABLE, f"{location.host} broke off") from error
    except OSError as error:
        course.check()
        raise connection_failure(error, location.host) from error
    except ValueError as error:
        raise TransferError(Failure.REFUSED, f"{location.host} does not speak FTP") from error
    finally:
        ftp.close()


def _log_in(ftp: ftplib.FTP, location: Location) -> None:
    ftp.encoding = "utf-8"
    ftp.login(location.username or "", location.password or "")
    if isinstance(ftp, ftplib.FTP_TLS):
        ftp.prot_p()
    ftp.voidcmd("TYPE I")


@contextmanager
def _data(ftp: ftplib.FTP, command: str, offset: int, course: Course) -> Iterator[socket.socket]:
    conn = ftp.transfercmd(command, offset or None)
    try:
        with course.closed_by_interrupt(partial(_wake, conn.fileno())):
            yield conn
            if isinstance(conn, ssl.SSLSocket):
                with suppress(OSError, ValueError):  # a server that is done may have closed without this courtesy
                    conn.unwrap()
    finally:
        conn.close()


def _restart_or_none(ftp: ftplib.FTP, offset: int) -> int:
    """Ask whether the server can go on at `offset`; 0 if it cannot."""
    try:
        ftp.sendcmd(f"REST {offset}")
    except ftplib.Error:
        return 0
    return offset


def _size(ftp: ftplib.FTP, path: str) -> int | None:
    try:
        return ftp.size(path)
    except ftplib.Error:
        return None


def _date(ftp: ftplib.FTP, path: str) -> str:
    try:
        return ftp.sendcmd(f"MDTM {path}")
    except ftplib.Error:
        return ""


def _is_directory(ftp: ftplib.FTP, location: Location) -> bool:
    try:
        here = ftp.pwd()
        ftp.cwd(location.path)
        ftp.cwd(here)
    except ftplib.Error:
        return False
    return True


def _wake(descriptor: int) -> None:
    """End whatever waits on this socket; a copy, so that neither the TLS layer nor the owner is disturbed."""
    with socket.socket(fileno=socket.dup(descriptor)) as copy:
        copy.shutdown(socket.SHUT_RDWR)


def _failure(error: ftplib.Error, location: Location) -> TransferError:
    text = str(error).replace("\n", " ")[:80]
    code = text[:3]
    said = f"{location.host} answered {text}"
    if code in _DENIED:
        return TransferError(Failure.DENIED, said)
    if code in _NOT_SUPPORTED:
        return TransferError(Failure.NOT_SUPPORTED, said)
    if code in _BROKEN_OFF:
        return TransferError(Failure.UNREACHABLE, said)
    if code == _MISSING_OR_DENIED:
        denied = "ermission" in text or "denied" in text or "rivilege" in text
        return TransferError(Failure.DENIED if denied else Failure.MISSING, said)
    return TransferError(Failure.REFUSED, said)
