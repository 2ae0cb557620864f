"""What can happen to an EVSE. Past tense; each is a value that carries all a rule needs."""

from enum import Enum, auto

from agent.domain.facts import Sample
from agent.domain.vocabulary import Authorization, IdToken, StoppedReason, TriggerReason
from hal.api import Fault, MeterReading, PlugInCounter
from hal.signed_meter import SignedRecord
from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class BoardAnswered:
    """The board is there and says how things stand; the first one ends the UNKNOWN state."""

    plugged: bool
    ev_asks: bool
    contactor_closed: bool | None
    enabled: bool
    restarted: bool
    """The board lost power or reset since it was last configured."""
    dark_s: float
    """How long it had been silent before, in seconds; 0 when it never was."""
    plug_in: PlugInCounter | None


@dataclass(frozen=True, slots=True)
class BoardWasReset:
    """The board restarted; its contactor is unknown until it answers."""


@dataclass(frozen=True, slots=True)
class EvPluggedIn:
    """A to B (or straight to C: an EV without PWM evaluation)."""

    simplified: bool = False


@dataclass(frozen=True, slots=True)
class EvRequestedPower:
    """B to C or D."""


@dataclass(frozen=True, slots=True)
class EvStoppedRequestingPower:
    """C or D to B."""


@dataclass(frozen=True, slots=True)
class EvUnplugged:
    """Anything to A."""


@dataclass(frozen=True, slots=True)
class PowerTurnedOn:
    """Feedback: contactor closed."""


@dataclass(frozen=True, slots=True)
class PowerTurnedOff:
    """Feedback: contactor open."""


class FaultSource(Enum):
    """Who sees a fault; it stands until all who saw it have seen it go."""

    BOARD = auto()
    """The board, a card beside it, or the meter: whoever reports it as a fault."""
    CONTROL_PILOT = auto()
    SUPERVISION = auto()
    DERATING = auto()


@dataclass(frozen=True, slots=True)
class FaultAppeared:
    """A fault stands."""

    fault: Fault
    detail: str = ""
    source: FaultSource = FaultSource.BOARD


@dataclass(frozen=True, slots=True)
class FaultDisappeared:
    """A fault no longer stands, as this source sees it."""

    fault: Fault
    source: FaultSource = FaultSource.BOARD


@dataclass(frozen=True, slots=True)
class LockMoved:
    """Feedback of the connector lock."""

    locked: bool


@dataclass(frozen=True, slots=True)
class PlugInProven:
    """The board's counters of this plug-in."""

    counter: PlugInCounter


@dataclass(frozen=True, slots=True)
class MeterSampled:
    """A fresh reading, whatever it is for."""

    reading: MeterReading


@dataclass(frozen=True, slots=True)
class SampleDue:
    """A reading that has to be told, taken now."""

    sample: Sample
    trigger: TriggerReason
    keep: bool = False
    """The end of the transaction tells it once more."""


@dataclass(frozen=True, slots=True)
class SigningBegan:
    """The meter signed the begin that was asked for under this number."""

    number: int
    record: SignedRecord


@dataclass(frozen=True, slots=True)
class SigningEnded:
    """The meter signed the end that was asked for under this number; None: it gave none."""

    number: int
    record: SignedRecord | None


@dataclass(frozen=True, slots=True)
class TokenPresented:
    """A token at the reader that serves this EVSE."""

    id_token: IdToken


@dataclass(frozen=True, slots=True)
class RemoteStartRequested:
    """A back-end wants this token to charge here."""

    id_token: IdToken
    group_token: IdToken | None
    remote_start_id: int | None
    authorize_first: bool


@dataclass(frozen=True, slots=True)
class AuthorizationAnswered:
    """The answer to `AskAuthorization`, for the session it was asked in."""

    session_number: int
    id_token: IdToken
    authorization: Authorization
    remote_start_id: int | None = None


@dataclass(frozen=True, slots=True)
class StopRequested:
    """End the authorisation in order: the pilot first, the contactor when the EV has let go."""

    reason: StoppedReason
    trigger: TriggerReason


@dataclass(frozen=True, slots=True)
class TokenInvalidated:
    """The token of this transaction is not valid, and it may take so much more energy, Wh."""

    transaction_id: str
    energy_wh: int


@dataclass(frozen=True, slots=True)
class LimitChanged:
    """The current that this EVSE may offer, A; below the board's minimum means none."""

    limit_a: float


@dataclass(frozen=True, slots=True)
class OperativeChanged:
    """Availability was changed."""

    operative: bool


@dataclass(frozen=True, slots=True)
class ReservationChanged:
    """A reservation that concerns this EVSE began or ended."""


@dataclass(frozen=True, slots=True)
class JournalHealthChanged:
    """The journal can be written, or cannot."""

    healthy: bool


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """The session's own deadline is reached."""


Event = (
    BoardAnswered
    | BoardWasReset
    | EvPluggedIn
    | EvRequestedPower
    | EvStoppedRequestingPower
    | EvUnplugged
    | PowerTurnedOn
    | PowerTurnedOff
    | FaultAppeared
    | FaultDisappeared
    | LockMoved
    | PlugInProven
    | MeterSampled
    | SampleDue
    | SigningBegan
    | SigningEnded
    | TokenPresented
    | RemoteStartRequested
    | AuthorizationAnswered
    | StopRequested
    | TokenInvalidated
    | LimitChanged
    | OperativeChanged
    | ReservationChanged
    | JournalHealthChanged
    | DeadlinePassed
)
