"""An upload of a log: event in, actions out.

`Uploading` is told once, however often it is tried (lesson 107); a restart goes on with the same request.
Source: OCPP 2.0.1 part 2, N01; OCPP 1.6 security white paper, N01; OCPP 1.6 section 5.9 (GetDiagnostics).
"""

from dataclasses import field, replace
from datetime import datetime

from agent.domain.transfer_attempts import Attempts
from agent.domain.vocabulary import LogType, UploadStatus
from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class LogRequest:
    """What a back-end asked for."""

    location: str = field(repr=False)
    log_type: LogType = LogType.DIAGNOSTICS
    request_id: int | None = None
    oldest: datetime | None = None
    latest: datetime | None = None
    attempts: Attempts = Attempts()


@dataclass(frozen=True, slots=True)
class UploadState:
    """What survives a restart."""

    number: int
    request: LogRequest
    file_name: str
    status: UploadStatus
    """The last one told."""
    attempts: Attempts
    is_over: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Upload:
    """Begin an attempt after so many seconds; `resumes`: a part may be there already."""

    after_s: float = 0.0
    resumes: bool = False


class LogUpload:
    """One upload; each method returns what is told (None: nothing) and what is done."""

    def __init__(self, state: UploadState) -> None:
        self.state = state

    @classmethod
    def of(cls, number: int, request: LogRequest, file_name: str) -> "LogUpload":
        """Make one that has not begun."""
        return cls(UploadState(number, request, file_name, UploadStatus.IDLE, request.attempts))

    @property
    def present_status(self) -> UploadStatus:
        """What a back-end that asks is told."""
        return UploadStatus.IDLE if self.state.is_over else self.state.status

    def begin(self) -> tuple[UploadStatus | None, Upload | None]:
        """Begin, or go on after a restart."""
        if self.state.is_over:
            return None, None
        if self.state.status is UploadStatus.UPLOADING:
            return None, Upload(resumes=True)
        self.state = replace(self.state, status=UploadStatus.UPLOADING)
        return UploadStatus.UPLOADING, Upload()

    def failed(
        self, why: UploadStatus, reason: str, reached_bytes: int = 0, *, is_final: bool = False
    ) -> tuple[UploadStatus | None, Upload | None]:
        """An attempt failed, and `why` is what a back-end is told if it was the last one."""
        attempts, wait_s = self.state.attempts.failed(reached_bytes, is_final=is_final)
        self.state = replace(self.state, attempts=attempts, reason=reason)
        return (self._end(why), None) if wait_s is None else (None, Upload(wait_s, resumes=True))

    def uploaded(self) -> UploadStatus:
        """It is there."""
        return self._end(UploadStatus.UPLOADED)

    def cancel(self) -> UploadStatus:
        """Another request takes its place."""
        self.state = replace(self.state, reason="another request took its place")
        return self._end(UploadStatus.ACCEPTED_CANCELED)

    def _end(self, status: UploadStatus) -> UploadStatus:
        self.state = replace(self.state, status=status, is_over=True)
        return status
