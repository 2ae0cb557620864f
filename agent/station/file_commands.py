"""What a back-end may ask about firmware and logs, and what it is answered."""

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Protocol

from agent.domain.firmware_events import UpdateRequest
from agent.domain.log_upload import LogRequest
from agent.domain.vocabulary import FirmwareStatus, UploadStatus
from hal.value import dataclass

Begin = Callable[[], Awaitable[None]]
"""Begins what was accepted; to be called once the answer is on its way."""


class UpdateOutcome(Enum):
    """UpdateFirmwareStatusEnumType."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    ACCEPTED_CANCELED = "AcceptedCanceled"
    INVALID_CERTIFICATE = "InvalidCertificate"
    REVOKED_CERTIFICATE = "RevokedCertificate"


class LogOutcome(Enum):
    """LogStatusEnumType."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    ACCEPTED_CANCELED = "AcceptedCanceled"


@dataclass(frozen=True, slots=True)
class UpdateReply:
    """The answer to a request for an update."""

    outcome: UpdateOutcome
    begin: Begin | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LogReply:
    """The answer to a request for a log."""

    outcome: LogOutcome
    file_name: str | None = None
    begin: Begin | None = None
    reason: str = ""


class FirmwareCommands(Protocol):
    """Updates of the firmware."""

    async def request(self, request: UpdateRequest) -> UpdateReply:
        """Decide about an update; nothing has changed until it is begun."""

    @property
    def present(self) -> tuple[FirmwareStatus, int | None]:
        """Status, and the request that it is about; Idle and None while there is none."""


class LogCommands(Protocol):
    """Uploads of logs."""

    async def request(self, request: LogRequest) -> LogReply:
        """Decide about an upload; nothing has changed until it is begun."""

    @property
    def present(self) -> tuple[UploadStatus, int | None]:
        """Status, and the request that it is about; Idle and None while there is none."""


class FileCommands(Protocol):
    """Firmware and logs of one station."""

    @property
    def firmware(self) -> FirmwareCommands | None:
        """None: nobody here can install firmware."""

    @property
    def logs(self) -> LogCommands:
        """Uploads of logs."""
