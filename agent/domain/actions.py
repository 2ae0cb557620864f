"""What a rule wants done. Imperative; the runner performs them in the order given."""

from datetime import datetime

from agent.domain.facts import Fact
from agent.domain.vocabulary import IdToken
from hal.api import ForbidReason
from hal.signed_meter import SignedRecord, SigningRequest
from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class ForbidPower:
    """Open the contactor at once. Always the first of its list."""

    reason: ForbidReason


@dataclass(frozen=True, slots=True)
class OfferCurrent:
    """Put this current on the pilot, A; 0 is steady +12 V (X1), by which the EV is asked to stop."""

    offered_current_a: float


@dataclass(frozen=True, slots=True)
class PermitPower:
    """Let the contactor close when the EV asks, until forbidden; the runner renews the lease."""


@dataclass(frozen=True, slots=True)
class LockConnector:
    """Lock the plug, where there is a lock."""


@dataclass(frozen=True, slots=True)
class UnlockConnector:
    """Release the plug, where there is a lock."""


@dataclass(frozen=True, slots=True)
class ReadMeter:
    """Take a fresh reading and feed it back as `MeterSampled`."""


@dataclass(frozen=True, slots=True)
class StartSigning:
    """Let the meter sign the begin; answered by `SigningBegan`, or by a fault."""

    number: int
    request: SigningRequest
    since: datetime
    """UTC: a begin that the meter signed later than this is already this transaction's."""


@dataclass(frozen=True, slots=True)
class StopSigning:
    """Let the meter sign the end, or fetch it if it has; answered by `SigningEnded`."""

    number: int
    request: SigningRequest
    since: datetime
    begin: SignedRecord | None


@dataclass(frozen=True, slots=True)
class AskAuthorization:
    """Find out whether this token may charge; the answer carries the session number back."""

    session_number: int
    id_token: IdToken
    remote_start_id: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Journal this fact."""

    fact: Fact


@dataclass(frozen=True, slots=True)
class Respond:
    """Answer the request that this event was."""

    accepted: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ShowRejected:
    """Let the driver see and hear that a token was refused."""

    reserved: bool = False
    """Only because of somebody else's reservation."""


Action = (
    ForbidPower
    | OfferCurrent
    | PermitPower
    | LockConnector
    | UnlockConnector
    | ReadMeter
    | StartSigning
    | StopSigning
    | AskAuthorization
    | Report
    | Respond
    | ShowRejected
)
