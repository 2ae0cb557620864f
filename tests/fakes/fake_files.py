"""Firmware and logs of a station that behaves: takes what it is asked, and says what it is told to say."""

from dataclasses import dataclass, field

from agent.domain.firmware_events import UpdateRequest
from agent.domain.log_upload import LogRequest
from agent.domain.vocabulary import FirmwareStatus, UploadStatus
from agent.station.file_commands import LogOutcome, LogReply, UpdateOutcome, UpdateReply


@dataclass
class FakeFirmware:
    """Implements `FirmwareCommands`."""

    outcome: UpdateOutcome = UpdateOutcome.ACCEPTED
    reason: str = ""
    present: tuple[FirmwareStatus, int | None] = (FirmwareStatus.IDLE, None)
    asked: list[UpdateRequest] = field(default_factory=list)
    begun: list[UpdateRequest] = field(default_factory=list)

    async def request(self, request: UpdateRequest) -> UpdateReply:
        self.asked.append(request)

        async def begin() -> None:
            self.begun.append(request)

        accepted = self.outcome in {UpdateOutcome.ACCEPTED, UpdateOutcome.ACCEPTED_CANCELED}
        return UpdateReply(self.outcome, begin if accepted else None, self.reason)


@dataclass
class FakeLogs:
    """Implements `LogCommands`."""

    outcome: LogOutcome = LogOutcome.ACCEPTED
    reason: str = ""
    present: tuple[UploadStatus, int | None] = (UploadStatus.IDLE, None)
    asked: list[LogRequest] = field(default_factory=list)
    begun: list[LogRequest] = field(default_factory=list)

    async def request(self, request: LogRequest) -> LogReply:
        self.asked.append(request)

        async def begin() -> None:
            self.begun.append(request)

        if self.outcome is LogOutcome.REJECTED:
            return LogReply(self.outcome, reason=self.reason)
        return LogReply(self.outcome, "log.zip", begin)


@dataclass
class FakeFiles:
    """Implements `FileCommands`."""

    firmware: FakeFirmware | None = field(default_factory=FakeFirmware)
    logs: FakeLogs = field(default_factory=FakeLogs)
