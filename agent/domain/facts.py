"""Facts: what a bill could quote. They are journalled as they are, and translated only when sent.

Within a transaction `seq_no` counts from 0 without gaps (OCPP 2.0.1 part 2, E01.FR.07); `offline` says whether
the station was without a back-end when it happened, not when it was sent.
"""

from dataclasses import field
from datetime import datetime
from decimal import Decimal

from agent.domain.security_event import SecurityEventType
from agent.domain.vocabulary import (
    ChargingState,
    FirmwareStatus,
    IdToken,
    ReadingContext,
    StoppedReason,
    TriggerReason,
    UploadStatus,
)
from hal.api import Fault, MeterReading
from hal.signed_meter import SignedRecord
from hal.value import dataclass

STATION = 0
"""evse_id of a fact about the station as a whole."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A meter reading and why it was taken."""

    context: ReadingContext
    reading: MeterReading
    offered_current_a: float = 0.0


@dataclass(frozen=True, slots=True)
class TransactionStarted:
    """A transaction began."""

    transaction_id: str
    evse_id: int
    seq_no: int
    at: datetime
    trigger: TriggerReason
    charging_state: ChargingState
    register_wh: Decimal | None
    """The lifetime register; None if the meter has never answered."""
    offline: bool
    id_token: IdToken | None = None
    group_token: IdToken | None = None
    remote_start_id: int | None = None
    samples: tuple[Sample, ...] = ()
    reservation_id: int | None = None
    """The reservation that `id_token` uses up by this."""


@dataclass(frozen=True, slots=True)
class TransactionUpdated:
    """Something changed within a transaction, or a sample was due.

    `id_token` is set only where this event is about it: the token that authorised, or took the authorisation away.
    """

    transaction_id: str
    evse_id: int
    seq_no: int
    at: datetime
    trigger: TriggerReason
    charging_state: ChargingState
    register_wh: Decimal | None
    offline: bool
    id_token: IdToken | None = None
    group_token: IdToken | None = None
    remote_start_id: int | None = None
    samples: tuple[Sample, ...] = ()
    reservation_id: int | None = None
    """The reservation that `id_token` uses up by this."""
    kept_as: int | None = None
    """The number of its sample among those of the kind that the end tells once more; None: the end does not."""


@dataclass(frozen=True, slots=True)
class TransactionEnded:
    """A transaction is over; nothing of it follows."""

    transaction_id: str
    evse_id: int
    seq_no: int
    at: datetime
    trigger: TriggerReason
    charging_state: ChargingState
    register_wh: Decimal | None
    offline: bool
    stopped_reason: StoppedReason
    register_confirmed: bool
    """False: the contactor's opening was not confirmed or the meter was silent, so this is the last register known."""
    id_token: IdToken | None = None
    """The token that ended it, where one did."""
    samples: tuple[Sample, ...] = ()
    signed_begin: SignedRecord | None = None
    signed_end: SignedRecord | None = None
    """Records as the meter gave them; without an end where it gave none."""


@dataclass(frozen=True, slots=True)
class UnauthorisedEnergyFound:
    """Energy flowed at this EVSE while no transaction was open, for instance while this software was dead."""

    evse_id: int
    at: datetime
    energy_wh: Decimal
    register_before_wh: Decimal
    register_now_wh: Decimal


@dataclass(frozen=True, slots=True)
class FaultChanged:
    """A fault appeared or is gone."""

    evse_id: int
    at: datetime
    fault: Fault
    stands: bool
    event_id: int
    """Grows from fact to fact, over restarts as well."""
    detail: str = ""
    variable_stands: bool = True
    """Whether any fault of the same OCPP 2.x variable stands now."""
    transaction_id: str | None = None
    """The transaction that was open meanwhile; the fact is no part of it."""


@dataclass(frozen=True, slots=True)
class FirmwareStatusChanged:
    """An update of the station's firmware came to another step."""

    at: datetime
    status: FirmwareStatus
    request_id: int | None = None
    """None: the back-end gave none (OCPP 1.6 without its security extension)."""
    evse_id: int = STATION


@dataclass(frozen=True, slots=True)
class UploadStatusChanged:
    """An upload of a log came to another step."""

    at: datetime
    status: UploadStatus
    request_id: int | None = None
    evse_id: int = STATION


@dataclass(frozen=True, slots=True)
class SecurityEventRaised:
    """A security event that the back-end is to be told; the security log has it as well."""

    type: SecurityEventType
    at: datetime
    tech_info: str = ""


TransactionFact = TransactionStarted | TransactionUpdated | TransactionEnded
StationFact = UnauthorisedEnergyFound | FaultChanged | FirmwareStatusChanged | UploadStatusChanged | SecurityEventRaised
"""Facts that belong to no transaction."""
Fact = TransactionFact | StationFact


@dataclass(frozen=True, slots=True)
class JournalRow:
    """A fact as it stands in the journal."""

    row_id: int
    fact: Fact
    attempts: int = 0
    message_ids: tuple[str, ...] = field(default=())
