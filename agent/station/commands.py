"""What a back-end (or a local service) may ask of the station: typed requests, typed outcomes.

`StationCommands` is implemented by `ChargingStation`; adapters know nothing else of the station.
"""

from enum import Enum
from typing import Protocol

from agent.domain.charging_profile import ChargingProfile, ChargingRateUnit, ProfileCriteria
from agent.domain.composite_schedule import CompositeSchedule
from agent.domain.device_model import DeviceModel
from agent.domain.facts import Sample
from agent.domain.local_list import ListUpdate, UpdateOutcome
from agent.domain.reservation import Reservation, ReserveOutcome
from agent.domain.security_event import SecurityEventType
from agent.domain.session_state import EvseStatus
from agent.domain.vocabulary import IdToken, TxPoint
from agent.station.file_commands import FileCommands
from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class RemoteStart:
    """RequestStartTransaction / RemoteStartTransaction; evse_id None lets the station choose."""

    id_token: IdToken
    evse_id: int | None = None
    remote_start_id: int | None = None
    group_token: IdToken | None = None
    charging_profile: ChargingProfile | None = None
    """A TxProfile for the transaction that this begins; its evse_id is filled in."""


@dataclass(frozen=True, slots=True)
class RemoteStartOutcome:
    """Accepted or not; the transaction's id if one is open already at that EVSE; why, for the log and statusInfo."""

    accepted: bool
    transaction_id: str | None = None
    reason: str = ""


class AvailabilityOutcome(Enum):
    """ChangeAvailabilityStatusEnumType."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    SCHEDULED = "Scheduled"


class UnlockOutcome(Enum):
    """UnlockStatusEnumType, and what 1.6 calls NotSupported."""

    UNLOCKED = "Unlocked"
    UNLOCK_FAILED = "UnlockFailed"
    ONGOING_TRANSACTION = "OngoingAuthorizedTransaction"
    UNKNOWN_CONNECTOR = "UnknownConnector"
    NOT_SUPPORTED = "NotSupported"
    """This EVSE has no lock (attached cable)."""


class ResetKind(Enum):
    """How a reset treats running transactions."""

    IMMEDIATE = "immediate"
    ON_IDLE = "on_idle"
    SOFT = "soft"
    """1.6: end transactions in order, then restart."""


class ResetOutcome(Enum):
    """ResetStatusEnumType."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    SCHEDULED = "Scheduled"


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    """A transaction that has not ended."""

    transaction_id: str
    evse_id: int
    id_token: IdToken | None
    remote_start_id: int | None = None


class ProfileCommands(Protocol):
    """What a back-end may do with charging profiles."""

    async def set_profile(self, profile: ChargingProfile) -> str | None:
        """Install a profile; returns why it is refused, None if it is in force. A refusal changes nothing."""

    async def clear_profiles(self, criteria: ProfileCriteria) -> bool:
        """Remove what agrees with these criteria; False if nothing does. Raises: StoreError, and nothing is removed."""

    def composite_schedule(
        self, evse_id: int, duration_s: int, unit: ChargingRateUnit | None
    ) -> CompositeSchedule | None:
        """Return what will be allowed to an EVSE, or with 0 to all together; None if there is no such EVSE."""


class StationCommands(Protocol):
    """Every request a back-end can make; a failed request leaves the station as it was."""

    @property
    def evse_ids(self) -> tuple[int, ...]:
        """The ids of all EVSEs, 1…N."""

    @property
    def device_model(self) -> DeviceModel:
        """Variables, read and set synchronously."""

    @property
    def charging_profiles(self) -> ProfileCommands:
        """Charging profiles."""

    @property
    def files(self) -> FileCommands:
        """Firmware and logs."""

    def evse_status(self, evse_id: int) -> EvseStatus | None:
        """Return the present status; None while unknown or no such EVSE."""

    def station_fault(self) -> str | None:
        """Return the name of what keeps the whole station from working, if anything does."""

    def open_transactions(self) -> tuple[OpenTransaction, ...]:
        """Return transactions that have not ended."""

    def has_queued_facts(self, transaction_id: str | None = None) -> bool:
        """Tell whether facts (of this transaction) wait to be acknowledged by the back-end."""

    async def remote_start(self, request: RemoteStart) -> RemoteStartOutcome:
        """Start as if the token had been presented."""

    async def remote_stop(self, transaction_id: str) -> bool:
        """End this transaction; False if it is not open."""

    async def deauthorize(self, transaction_id: str) -> None:
        """Act on a back-end's refusal of the token of a running transaction (StopTxOnInvalidId)."""

    async def change_availability(self, evse_id: int | None, *, operative: bool) -> AvailabilityOutcome:
        """Make an EVSE (None: all, and the station) operative or not; survives a restart."""

    async def unlock(self, evse_id: int, *, stops_transaction: bool = False) -> UnlockOutcome:
        """Release the plug, never with power on it; what runs is left alone, or is ended first."""

    async def reset(self, kind: ResetKind, evse_id: int | None = None) -> ResetOutcome:
        """Restart the station (or refuse)."""

    async def read_sample(self, evse_id: int) -> Sample | None:
        """Take a sample now; None if the meter is silent."""

    async def trigger_transaction_sample(self, evse_id: int) -> bool:
        """Report a sample of the open transaction (trigger reason Trigger); False if none is open."""

    async def clear_authorization_cache(self) -> bool:
        """Forget cached authorisations; False if there is no cache or it is disabled."""

    def local_list_version(self) -> int | None:
        """Return the version of the local authorisation list, 0 of an empty one; None if it is disabled."""

    async def update_local_list(self, update: ListUpdate) -> UpdateOutcome:
        """Replace or change the local authorisation list; answered once it is durable."""

    async def reserve(self, reservation: Reservation) -> ReserveOutcome:
        """Keep an EVSE, or any, for a token; answered once that is durable."""

    def cancel_reservation(self, reservation_id: int) -> bool:
        """End a reservation; False if there is none of this id."""

    def raise_security_event(self, type_: SecurityEventType, tech_info: str = "") -> None:
        """Note a security event of now; repeated ones are counted. Nothing secret may be in `tech_info`."""

    def use_tx_points(self, start: frozenset[TxPoint], stop: frozenset[TxPoint]) -> None:
        """Set where transactions begin and end from the next session on (the protocol in use decides)."""
