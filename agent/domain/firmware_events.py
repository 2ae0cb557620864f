"""Values of a firmware update: what is asked for, what is kept, what happens, what is to be done."""

from dataclasses import field
from datetime import datetime
from enum import Enum

from agent.domain.transfer_attempts import Attempts
from agent.domain.vocabulary import FirmwareStatus
from hal.value import dataclass


class UpdateStep(Enum):
    """What is being done, or waited for."""

    SCHEDULED = "scheduled"
    DOWNLOADING = "downloading"
    VERIFYING = "verifying"
    WAITING = "waiting"
    """For the install date, or for transactions to end."""
    INSTALLING = "installing"
    REBOOTING = "rebooting"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class UpdateRequest:
    """What a back-end asked for."""

    location: str = field(repr=False)
    retrieve_at: datetime
    install_at: datetime | None = None
    request_id: int | None = None
    signing_certificate: str | None = None
    """PEM; None: the file is not signed by the means of OCPP."""
    signature: str | None = None
    """Base64."""
    attempts: Attempts = Attempts()


@dataclass(frozen=True, slots=True)
class UpdateState:
    """What survives a restart."""

    number: int
    """Grows with each request: what comes of an older one is ignored."""
    request: UpdateRequest
    step: UpdateStep
    status: FirmwareStatus
    """The last one told."""
    attempts: Attempts
    install_starts: int = 0
    holds: bool = False
    """EVSEs are held out of service."""
    reason: str = ""
    """Why the last attempt, or the update, failed; for people."""


# ---------------------------------------------------------------------- events


@dataclass(frozen=True, slots=True)
class Begun:
    """A new request, or with `restored` the first event after a restart of this software."""

    now: datetime
    restored: bool = False


@dataclass(frozen=True, slots=True)
class Looked:
    """The clock and the transactions were looked at."""

    now: datetime
    busy: bool
    """A transaction is open."""
    new_sessions: bool = False
    """AllowNewSessionsPendingFirmwareUpdate."""


@dataclass(frozen=True, slots=True)
class DownloadBegan:
    """An attempt begins."""


@dataclass(frozen=True, slots=True)
class DownloadFailed:
    """An attempt ended without the whole file."""

    reason: str
    reached_bytes: int
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class Downloaded:
    """The whole file is here."""


@dataclass(frozen=True, slots=True)
class SignatureChecked:
    """The file was held against its signature; a reason means that it is not good."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class InstallEnded:
    """The installer is done; a reason means that it failed."""

    needs_reboot: bool = False
    reason: str = ""
    not_verified: bool = False
    """It failed since the image is not what it should be."""


@dataclass(frozen=True, slots=True)
class Proven:
    """The new firmware runs and is well; a reason means that the old one runs again."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class RebootMissing:
    """This is still the boot in which the installer ran."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Another request takes its place."""


Event = (
    Begun
    | Looked
    | DownloadBegan
    | DownloadFailed
    | Downloaded
    | SignatureChecked
    | InstallEnded
    | Proven
    | RebootMissing
    | Cancelled
)

# ---------------------------------------------------------------------- actions


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell the back-end this status."""

    status: FirmwareStatus


@dataclass(frozen=True, slots=True)
class Download:
    """Begin an attempt after so many seconds."""

    after_s: float = 0.0


class Do(Enum):
    """Actions that need no more words."""

    VERIFY = "verify"
    HOLD = "hold"
    LET_GO = "let_go"
    INSTALL = "install"
    REBOOT = "reboot"
    PROVE = "prove"
    DISCARD = "discard"
    """Forget the file."""
    ALARM_SIGNATURE = "alarm_signature"
    """Raise the security event InvalidFirmwareSignature."""
    ALARM_UPDATED = "alarm_updated"
    """Raise the security event FirmwareUpdated."""


Action = Tell | Download | Do
Actions = list[Action]
