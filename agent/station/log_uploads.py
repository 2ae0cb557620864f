"""Runner of log uploads: has a log written, sends it away, tells how that went by the journal.

What is told and the state of the upload are one commit. Writing and sending run in threads: charging never waits.
"""

import asyncio
import logging
import re
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

from agent.clock import Clock
from agent.domain.facts import STATION, UploadStatusChanged
from agent.domain.log_upload import LogRequest, LogUpload, Upload, UploadState
from agent.domain.vocabulary import LogType, UploadStatus
from agent.station.file_commands import LogOutcome, LogReply
from agent.station.journal import Journal
from agent.store import file_jobs
from agent.store.database import Database
from agent.store.errors import StoreError
from agent.store.json_codec import encode
from agent.transfer.errors import Failure, TransferError
from agent.transfer.location import parse_location
from agent.transfer.transfers import FileTransfers
from hal.value import dataclass

logger = logging.getLogger(__name__)

MAX_FILE_NAME_CHARS: Final = 255
_FAILURES: Final = {
    Failure.DENIED: UploadStatus.PERMISSION_DENIED,
    Failure.NOT_SUPPORTED: UploadStatus.NOT_SUPPORTED_OPERATION,
    Failure.BAD_REQUEST: UploadStatus.BAD_MESSAGE,
}
_UNSAFE = re.compile(r"[^\w.-]", re.ASCII)


class LogSource(Protocol):
    """Somebody who can write a log to a file."""

    @property
    def suffix(self) -> str:
        """How the name of the file ends, with the dot."""

    async def write(self, target: Path, oldest: datetime | None, latest: datetime | None) -> None:
        """Write what lies between these times (None: without limit). Raises: OSError."""


@dataclass(frozen=True, slots=True)
class UploadParts:
    """What uploads are made with."""

    database: Database
    journal: Journal
    clock: Clock
    transfers: FileTransfers
    sources: Mapping[LogType, LogSource]
    folder: Path
    station_name: str
    """Begins the name of every file."""


class LogUploads:
    """Implements `LogCommands`; `run` returns only on cancellation."""

    def __init__(self, parts: UploadParts) -> None:
        self._parts = parts
        self._upload: LogUpload | None = None
        self._group: asyncio.TaskGroup | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Load the upload that was under way. Raises: StoreError."""
        state = await self._parts.database.run(partial(file_jobs.load, name=file_jobs.LOG_UPLOAD, type_=UploadState))
        self._upload = None if state is None else LogUpload(state)

    @property
    def present(self) -> tuple[UploadStatus, int | None]:
        """Status, and the request that it is about."""
        if self._upload is None or self._upload.state.is_over:
            return UploadStatus.IDLE, None
        return self._upload.present_status, self._upload.state.request.request_id

    async def request(self, request: LogRequest) -> LogReply:
        """Decide about an upload. Source: OCPP 2.0.1 N01; security white paper, N01."""
        source = self._parts.sources.get(request.log_type)
        if source is None:
            return _refused(f"there is no {request.log_type.value}")
        try:
            parse_location(request.location)
        except TransferError as error:
            return _refused(str(error))
        if request.oldest is not None and request.latest is not None and request.latest < request.oldest:
            return _refused("the period ends before it begins")
        number = 1 if self._upload is None else self._upload.state.number + 1
        name = self._file_name(number, request, source.suffix)
        is_first = self._upload is None or self._upload.state.is_over
        outcome = LogOutcome.ACCEPTED if is_first else LogOutcome.ACCEPTED_CANCELED
        return LogReply(outcome, name, partial(self._begin, LogUpload.of(number, request, name)))

    async def run(self) -> None:
        """Go on with what was under way."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            if self._upload is not None:
                self._go_on(*self._upload.begin())
            await asyncio.Event().wait()

    async def _begin(self, upload: LogUpload) -> None:
        if self._upload is not None and not self._upload.state.is_over:
            self._go_on(self._upload.cancel(), None)
        await self._stop_task()
        self._upload = upload
        self._go_on(*upload.begin())

    async def _stop_task(self) -> None:
        task, self._task = self._task, None
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task])

    def _go_on(self, told: UploadStatus | None, action: Upload | None) -> None:
        if self._upload is not None and (told is not None or action is not None):
            self._keep(self._upload.state, told)
        if self._upload is not None and action is not None:
            self._spawn(self._attempt(self._upload, action))

    def _keep(self, state: UploadState, told: UploadStatus | None) -> None:
        write = partial(file_jobs.put, name=file_jobs.LOG_UPLOAD, text=encode(state))
        if told is None:
            self._parts.database.submit(write, _log_failure)
            return
        request_id = state.request.request_id
        logger.info("log upload request=%s status=%s %s", request_id, told.value, state.reason)
        fact = UploadStatusChanged(self._parts.clock.now().utc, told, request_id)
        self._parts.journal.record(STATION, [fact], None, _log_failure, also=write)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        if self._group is None:
            raise RuntimeError("not running")
        self._task = self._group.create_task(work, name="log upload")

    async def _attempt(self, upload: LogUpload, action: Upload) -> None:
        state = upload.state
        file = self._parts.folder / state.file_name
        course = self._parts.transfers.course()
        try:
            await asyncio.sleep(action.after_s)
            await self._write(file, state.request)
            await self._parts.transfers.upload(
                state.request.location, file, state.file_name, course, resume=action.resumes
            )
        except asyncio.CancelledError:
            if upload.state.is_over:
                _delete(file)
            raise
        except TransferError as error:
            logger.warning("log upload failed reason=%s", error)
            why = _FAILURES.get(error.failure, UploadStatus.UPLOAD_FAILURE)
            outcome = upload.failed(why, str(error), course.done_bytes, is_final=error.is_final)
        except OSError as error:
            reason = f"the log cannot be written: {error.strerror or error}"
            outcome = upload.failed(UploadStatus.UPLOAD_FAILURE, reason, is_final=True)
        else:
            outcome = upload.uploaded(), None
        if upload.state.is_over:
            _delete(file)
        self._go_on(*outcome)

    async def _write(self, file: Path, request: LogRequest) -> None:
        source = self._parts.sources.get(request.log_type)
        if source is None:
            raise OSError(f"there is no {request.log_type.value} any more")
        if not await asyncio.to_thread(file.exists):
            await asyncio.to_thread(_make_folder, self._parts.folder)
            await source.write(file, request.oldest, request.latest)

    def _file_name(self, number: int, request: LogRequest, suffix: str) -> str:
        kind = "security" if request.log_type is LogType.SECURITY else "diagnostics"
        tail = f"-{kind}-{self._parts.clock.now().utc:%Y%m%dT%H%M%SZ}-{number}{suffix}"
        return _UNSAFE.sub("_", self._parts.station_name)[: MAX_FILE_NAME_CHARS - len(tail)] + tail


def _make_folder(folder: Path) -> None:
    """Logs of uploads that nobody remembers are swept out."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in folder.iterdir():
        _delete(left)


def _delete(file: Path) -> None:
    with suppress(OSError):
        file.unlink(missing_ok=True)


def _refused(reason: str) -> LogReply:
    logger.warning("log upload refused reason=%s", reason)
    return LogReply(LogOutcome.REJECTED, reason=reason)


def _log_failure(error: StoreError) -> None:
    logger.error("state of the log upload not stored error=%s", error)
