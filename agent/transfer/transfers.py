"""Runner: transfers as coroutines.

Each attempt runs in a thread of its own, a daemon: a name server that never answers must not keep the process from
ending. Cancelling interrupts the attempt and waits until it has let its file go.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import ParamSpec, TypeVar

from agent.transfer.course import Course, InterruptedTransferError
from agent.transfer.errors import Failure, TransferError
from agent.transfer.location import Location, parse_location
from agent.transfer.settings import TransferSettings

T = TypeVar("T")
P = ParamSpec("P")
LET_GO_S = 5.0


class FileTransfers:
    """Downloads and uploads of one station."""

    def __init__(self, settings: TransferSettings) -> None:
        self._settings = settings
        self._threads = _Threads()

    def course(self) -> Course:
        """Make what one attempt reports to and is interrupted by."""
        return Course(self._settings.max_duration_s)

    async def download(self, url: str, target: Path, course: Course) -> None:
        """Receive a file whole, going on with what an earlier attempt left. Raises: TransferError."""
        location = parse_location(url)
        await self._perform(course, lambda: _download(location, target, self._settings, course))

    async def upload(self, url: str, source: Path, name: str, course: Course, *, resume: bool = False) -> None:
        """Send a file; `resume`: an earlier attempt of the same may have left a part there. Raises: TransferError."""
        location = parse_location(url)
        await self._perform(course, lambda: _upload(location, source, name, self._settings, course, resume=resume))

    async def _perform(self, course: Course, work: Callable[[], None]) -> None:
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            await asyncio.shield(future)
        except asyncio.CancelledError:
            course.interrupt()
            await asyncio.wait([future], timeout=LET_GO_S)
            if future.done() and not future.cancelled():
                future.exception()  # retrieved: whoever waited is gone
            raise
        except InterruptedTransferError as error:
            raise TransferError(Failure.UNREACHABLE, "interrupted") from error


def _download(location: Location, target: Path, settings: TransferSettings, course: Course) -> None:
    if location.scheme == "sftp":
        from agent.transfer import sftp_process  # noqa: PLC0415 - only what is used

        sftp_process.download(location, target, settings, course)
        return
    from agent.transfer.partial_file import PartialFile  # noqa: PLC0415

    file = PartialFile(target, location, settings.max_bytes, course)
    try:
        if location.is_http:
            from agent.transfer import http_client  # noqa: PLC0415 - only what is used

            http_client.download(location, file, settings, course)
        else:
            from agent.transfer import ftp_client  # noqa: PLC0415

            ftp_client.download(location, file, settings, course)
    finally:
        file.close()


def _upload(
    location: Location, source: Path, name: str, settings: TransferSettings, course: Course, *, resume: bool
) -> None:
    if location.is_http:
        from agent.transfer import http_client  # noqa: PLC0415 - only what is used

        http_client.upload(location, source, name, settings, course)
    elif location.scheme == "sftp":
        from agent.transfer import sftp_process  # noqa: PLC0415

        sftp_process.upload(location, source, name, settings, course, resume=resume)
    else:
        from agent.transfer import ftp_client  # noqa: PLC0415

        ftp_client.upload(location, source, name, settings, course, resume=resume)


class _Threads(Executor):
    """One daemon thread for each piece of work."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Begin it."""
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - handed to the loop
                future.set_exception(error)
            else:
                future.set_result(result)

        threading.Thread(target=run, name="file-transfer", daemon=True).start()
        return future
