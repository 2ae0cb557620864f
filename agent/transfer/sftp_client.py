"""sftp: reads and writes at an offset. Blocking, with a loop of its own; runs in a process of its own.

A host is known by its key: one of the configured file, or else the first one that was seen, which is kept; any other
key is refused from then on. Keys, agents and settings of the account under which the station runs are never used.
A path is absolute; `~/` at its beginning is the directory after login.
"""

import asyncio
import os
from collections.abc import Awaitable, Coroutine
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from agent.transfer.course import Course, InterruptedTransferError
from agent.transfer.errors import Failure, TransferError
from agent.transfer.location import Location
from agent.transfer.partial_file import PartialFile
from agent.transfer.settings import TransferSettings

if TYPE_CHECKING:
    import asyncssh

T = TypeVar("T")
BUFFER_BYTES = 128 * 1024
SSH_PORT = 22


def download(location: Location, file: PartialFile, settings: TransferSettings, course: Course) -> None:
    """Receive a file, going on where it stopped. Raises: TransferError, InterruptedTransferError."""
    _run(_download(location, file, settings), location, course)


def upload(
    location: Location, source: Path, name: str, settings: TransferSettings, course: Course, *, resume: bool
) -> None:
    """Send a file to this path, or under its name into it where it is a directory. Raises: as `download`."""
    _run(_upload(location, source, name, settings, course, resume=resume), location, course)


async def _download(location: Location, file: PartialFile, settings: TransferSettings) -> None:
    stall_s = settings.stall_timeout_s
    async with await _connect(location, settings) as connection, connection.start_sftp_client() as sftp:
        path = _path(location)
        attributes = await _in_time(sftp.stat(path), stall_s)
        size = attributes.size
        validator = f"{size} {attributes.mtime}"
        held = file.held()
        offset = held.size if held.validator == validator and held.size <= (size or 0) else 0
        file.begin(offset, size, validator)
        async with sftp.open(path, "rb") as remote:
            while data := await _in_time(remote.read(BUFFER_BYTES, offset), stall_s):
                file.write(cast("bytes", data))  # opened as bytes
                offset += len(data)
    file.finish()


async def _upload(
    location: Location, source: Path, name: str, settings: TransferSettings, course: Course, *, resume: bool
) -> None:
    stall_s = settings.stall_timeout_s
    total = course.total_bytes = source.stat().st_size  # noqa: ASYNC240 - a loop of its own
    async with await _connect(location, settings) as connection, connection.start_sftp_client() as sftp:
        path = _path(location)
        if location.is_directory or await _in_time(sftp.isdir(path), stall_s):
            path = f"{path.rstrip('/')}/{name}"
        there = await _in_time(sftp.getsize(path), stall_s) if resume and await sftp.exists(path) else 0
        offset = there if there and there <= total else 0
        course.done_bytes = offset
        async with sftp.open(path, "r+b" if offset else "wb") as remote:
            with source.open("rb") as file:
                file.seek(offset)
                while data := file.read(BUFFER_BYTES):
                    await _in_time(remote.write(data, offset), stall_s)
                    offset += len(data)
                    course.moved(len(data))
        stored = await _in_time(sftp.getsize(path), stall_s)
        if stored != total:
            raise TransferError(Failure.DAMAGED, f"{stored} of {total} bytes are there after the upload")


async def _connect(location: Location, settings: TransferSettings) -> "asyncssh.SSHClientConnection":
    import asyncssh  # noqa: PLC0415 - 18 MiB that only a station with sftp needs

    known = settings.known_hosts_file or settings.learnt_hosts_file
    if known is None:
        raise TransferError(Failure.NOT_SUPPORTED, "sftp needs a file of known host keys, and none is configured")
    if settings.known_hosts_file is None and not _is_learnt(known, location):
        await _learn(known, location, settings)
    return await asyncssh.connect(
        *(location.host, location.port),
        username=location.username or "anonymous",
        password=location.password,
        known_hosts=str(known),
        client_keys=None,
        agent_path=None,
        config=None,
        preferred_auth="password,keyboard-interactive",
        connect_timeout=settings.connect_timeout_s,
        login_timeout=settings.connect_timeout_s,
        keepalive_interval=settings.stall_timeout_s,
    )


def _path(location: Location) -> str:
    return location.path.removeprefix("~/") if location.path.startswith("~/") else f"/{location.path}"


def _pattern(location: Location) -> str:
    return location.host if location.port == SSH_PORT else f"[{location.host}]:{location.port}"


def _is_learnt(file: Path, location: Location) -> bool:
    try:
        return any(line.split(" ", 1)[0] == _pattern(location) for line in file.read_text("utf-8").splitlines())
    except FileNotFoundError:
        return False


async def _learn(file: Path, location: Location, settings: TransferSettings) -> None:
    import asyncssh  # noqa: PLC0415 - see `_connect`

    key = await _in_time(
        asyncssh.get_server_host_key(location.host, location.port, config=None), settings.connect_timeout_s
    )
    if key is None:
        raise TransferError(Failure.UNTRUSTED, f"{location.host} shows no host key")
    line = f"{_pattern(location)} {key.export_public_key('openssh').decode().strip()}\n"
    file.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a", encoding="utf-8") as known:
        known.write(line)


async def _in_time(awaitable: Awaitable[T], timeout_s: float) -> T:
    async with asyncio.timeout(timeout_s):
        return await awaitable


def _run(work: Coroutine[Any, Any, None], location: Location, course: Course) -> None:
    try:
        asyncio.run(_interruptible(work, course))
    except (TransferError, InterruptedTransferError):
        raise
    except asyncio.CancelledError:
        course.check()
        raise
    except TimeoutError as error:
        raise TransferError(Failure.UNREACHABLE, f"{location.host} has been silent for too long") from error
    except Exception as error:
        course.check()
        raise _failure(error, location) from error


async def _interruptible(work: Coroutine[Any, Any, None], course: Course) -> None:
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    with (
        suppress(InterruptedTransferError),
        course.closed_by_interrupt(partial(loop.call_soon_threadsafe, task.cancel)),
    ):
        await task
        return
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    course.check()


def _failure(error: Exception, location: Location) -> TransferError:
    import asyncssh  # noqa: PLC0415 - see `_connect`

    host = location.host
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return TransferError(Failure.UNTRUSTED, f"the host key of {host} is not the known one")
    if isinstance(error, asyncssh.PermissionDenied | asyncssh.SFTPPermissionDenied):
        return TransferError(Failure.DENIED, f"{host} denies this user or this file")
    if isinstance(error, asyncssh.SFTPNoSuchFile | asyncssh.SFTPNoSuchPath):
        return TransferError(Failure.MISSING, f"there is no such file or directory on {host}")
    if isinstance(error, asyncssh.SFTPOpUnsupported):
        return TransferError(Failure.NOT_SUPPORTED, f"{host} does not do that")
    if isinstance(error, asyncssh.SFTPConnectionLost | asyncssh.ConnectionLost | asyncssh.SFTPNoConnection | OSError):
        return TransferError(Failure.UNREACHABLE, f"the connection to {host} failed")
    return TransferError(Failure.REFUSED, f"{host} refuses: {type(error).__name__}")
