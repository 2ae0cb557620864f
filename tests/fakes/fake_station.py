"""A station that behaves: it keeps transactions, availability and a device model, and refuses what a real one would.

Steer it with `occupy`, `fault`, `silence_meter` and the public attributes; read what it was asked from `asked`.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal

from agent.domain.charging_profile import ChargingProfile, ChargingRateUnit, ProfileCriteria
from agent.domain.composite_schedule import CompositePeriod, CompositeSchedule
from agent.domain.device_model import DeviceModel
from agent.domain.facts import Sample
from agent.domain.local_list import ListUpdate, UpdateOutcome
from agent.domain.reservation import Reservation, ReserveOutcome
from agent.domain.security_event import SecurityEventType
from agent.domain.session_state import EvseStatus, SessionState
from agent.domain.variables import EvseDescription, StationDescription, station_definitions
from agent.domain.vocabulary import ChargingState, ConnectorStatus, IdToken, ReadingContext, TxPoint
from agent.station.commands import (
    AvailabilityOutcome,
    OpenTransaction,
    RemoteStart,
    RemoteStartOutcome,
    ResetKind,
    ResetOutcome,
    UnlockOutcome,
)
from agent.store.errors import StoreError
from hal.api import Fault, MeterReading, Quality
from tests.fakes.fake_files import FakeFiles

NOW = datetime(2026, 3, 14, 15, 9, 26, 535_000, tzinfo=UTC)


def device_model(evse_count: int = 2) -> DeviceModel:
    """Return the device model of a station with this many EVSEs."""
    evses = tuple(EvseDescription(evse_id) for evse_id in range(1, evse_count + 1))
    return DeviceModel(
        station_definitions(StationDescription("Pilotline", "Bench", "SN-1", "0.1.0", "station-1", 1, evses))
    )


def sample(energy_wh: str = "1234.567", context: ReadingContext = ReadingContext.SAMPLE_PERIODIC) -> Sample:
    """Return a three-phase sample at `NOW`."""
    reading = MeterReading(
        at=NOW,
        at_s=0.0,
        quality=Quality.GOOD,
        energy_import_wh=Decimal(energy_wh),
        power_w=Decimal("11040.4"),
        voltage_v=(Decimal("230.1"), Decimal("229.8"), Decimal("230.4")),
        current_a=(Decimal("16.01"), Decimal("15.98"), Decimal("16.02")),
        frequency_hz=Decimal("49.98"),
    )
    return Sample(context, reading, offered_current_a=16.0)


@dataclass
class FakeProfiles:
    """Implements `ProfileCommands`: takes what it is given unless `refusal` says why not."""

    installed: list[ChargingProfile] = field(default_factory=list)
    refusal: str | None = None
    disk_full: bool = False
    asked: list[tuple[int, int, ChargingRateUnit | None]] = field(default_factory=list)

    async def set_profile(self, profile: ChargingProfile) -> str | None:
        if self.refusal is None:
            self.installed.append(profile)
        return self.refusal

    async def clear_profiles(self, criteria: ProfileCriteria) -> bool:
        if self.disk_full:
            raise StoreError("disk full")
        left = [each for each in self.installed if not criteria.match(each)]
        found, self.installed = len(left) < len(self.installed), left
        return found

    def composite_schedule(
        self, evse_id: int, duration_s: int, unit: ChargingRateUnit | None
    ) -> CompositeSchedule | None:
        self.asked.append((evse_id, duration_s, unit))
        if evse_id not in {0, 1, 2}:
            return None
        periods = (CompositePeriod(0, 16.0), CompositePeriod(600, 6.5))
        return CompositeSchedule(int(NOW.timestamp()), duration_s, unit or ChargingRateUnit.A, 3, periods)


@dataclass
class FakeStation:
    """Implements `StationCommands`."""

    device_model: DeviceModel = field(default_factory=device_model)
    evse_ids: tuple[int, ...] = (1, 2)
    charging_profiles: FakeProfiles = field(default_factory=FakeProfiles)
    files: FakeFiles = field(default_factory=FakeFiles)
    asked: list[tuple[object, ...]] = field(default_factory=list)
    has_lock: bool = False
    cache_enabled: bool = True
    resets: bool = True
    reserved: ReserveOutcome = ReserveOutcome.ACCEPTED
    list_version: int | None = 0
    list_outcome: UpdateOutcome = UpdateOutcome.ACCEPTED
    statuses: dict[int, EvseStatus] = field(default_factory=dict)
    transactions: dict[str, OpenTransaction] = field(default_factory=dict)
    queued: set[str] = field(default_factory=set)
    broken: str | None = None
    tx_points: tuple[frozenset[TxPoint], frozenset[TxPoint]] | None = None

    def __post_init__(self) -> None:
        self.meter: Sample | None = sample()
        for evse_id in self.evse_ids:
            self._show(evse_id, ConnectorStatus.AVAILABLE, SessionState.AVAILABLE, ChargingState.IDLE)

    # ------------------------------------------------------------------ steering

    def occupy(self, evse_id: int, transaction_id: str | None = None, id_token: IdToken | None = None) -> None:
        """Plug in a car; with a transaction, it charges."""
        if transaction_id is None:
            self._show(
                evse_id, ConnectorStatus.OCCUPIED, SessionState.AWAITING_AUTHORIZATION, ChargingState.EV_CONNECTED
            )
            return
        self.transactions[transaction_id] = OpenTransaction(transaction_id, evse_id, id_token)
        self._show(evse_id, ConnectorStatus.OCCUPIED, SessionState.CHARGING, ChargingState.CHARGING)

    def fault(self, evse_id: int, fault: Fault, detail: str = "") -> None:
        """Let a fault stand at this EVSE."""
        self._show(evse_id, ConnectorStatus.FAULTED, SessionState.FAULTED, ChargingState.IDLE)
        self.statuses[evse_id] = replace(self.statuses[evse_id], fault=fault, fault_detail=detail)

    def forget(self, evse_id: int) -> None:
        """Have no feedback of this EVSE's board."""
        del self.statuses[evse_id]

    def silence_meter(self) -> None:
        """Let no meter answer."""
        self.meter = None

    # ------------------------------------------------------------------ StationCommands

    def evse_status(self, evse_id: int) -> EvseStatus | None:
        return self.statuses.get(evse_id)

    def station_fault(self) -> str | None:
        return self.broken

    def open_transactions(self) -> tuple[OpenTransaction, ...]:
        return tuple(self.transactions.values())

    def has_queued_facts(self, transaction_id: str | None = None) -> bool:
        return bool(self.queued) if transaction_id is None else transaction_id in self.queued

    async def remote_start(self, request: RemoteStart) -> RemoteStartOutcome:
        self.asked.append(("remote_start", request))
        evse_id = request.evse_id if request.evse_id is not None else self._free_evse()
        status = self.statuses.get(evse_id) if evse_id is not None else None
        if evse_id is None or status is None:
            return RemoteStartOutcome(accepted=False, reason="no such EVSE, or none free")
        if status.connector_status in {ConnectorStatus.FAULTED, ConnectorStatus.UNAVAILABLE}:
            return RemoteStartOutcome(accepted=False, reason="the EVSE cannot charge")
        for transaction in self.transactions.values():
            if transaction.evse_id == evse_id and transaction.id_token is not None:
                return RemoteStartOutcome(accepted=False, reason="a transaction is authorised already")
            if transaction.evse_id == evse_id:
                return RemoteStartOutcome(accepted=True, transaction_id=transaction.transaction_id)
        return RemoteStartOutcome(accepted=True)

    async def remote_stop(self, transaction_id: str) -> bool:
        self.asked.append(("remote_stop", transaction_id))
        return self._end(transaction_id)

    async def deauthorize(self, transaction_id: str) -> None:
        self.asked.append(("deauthorize", transaction_id))
        self._end(transaction_id)

    async def change_availability(self, evse_id: int | None, *, operative: bool) -> AvailabilityOutcome:
        self.asked.append(("change_availability", evse_id, operative))
        evse_ids = self.evse_ids if evse_id is None else (evse_id,)
        busy = {transaction.evse_id for transaction in self.transactions.values()}
        if not operative and busy.intersection(evse_ids):
            return AvailabilityOutcome.SCHEDULED
        status = ConnectorStatus.AVAILABLE if operative else ConnectorStatus.UNAVAILABLE
        state = SessionState.AVAILABLE if operative else SessionState.UNAVAILABLE
        for each in evse_ids:
            self._show(each, status, state, ChargingState.IDLE)
        return AvailabilityOutcome.ACCEPTED

    async def unlock(self, evse_id: int, *, stops_transaction: bool = False) -> UnlockOutcome:
        self.asked.append(("unlock", evse_id))
        if evse_id not in self.evse_ids:
            return UnlockOutcome.UNKNOWN_CONNECTOR
        if not self.has_lock:
            return UnlockOutcome.NOT_SUPPORTED
        running = [key for key, transaction in self.transactions.items() if transaction.evse_id == evse_id]
        if running and not stops_transaction:
            return UnlockOutcome.ONGOING_TRANSACTION
        for key in running:
            del self.transactions[key]
        return UnlockOutcome.UNLOCKED

    async def reset(self, kind: ResetKind, evse_id: int | None = None) -> ResetOutcome:
        self.asked.append(("reset", kind, evse_id))
        if not self.resets or evse_id is not None:
            return ResetOutcome.REJECTED
        return ResetOutcome.SCHEDULED if kind is ResetKind.ON_IDLE and self.transactions else ResetOutcome.ACCEPTED

    async def read_sample(self, evse_id: int) -> Sample | None:
        self.asked.append(("read_sample", evse_id))
        return self.meter

    async def trigger_transaction_sample(self, evse_id: int) -> bool:
        self.asked.append(("trigger_transaction_sample", evse_id))
        return any(transaction.evse_id == evse_id for transaction in self.transactions.values())

    async def clear_authorization_cache(self) -> bool:
        self.asked.append(("clear_authorization_cache",))
        return self.cache_enabled

    def local_list_version(self) -> int | None:
        return self.list_version

    async def update_local_list(self, update: ListUpdate) -> UpdateOutcome:
        self.asked.append(("update_local_list", update))
        if self.list_outcome is UpdateOutcome.ACCEPTED:
            self.list_version = update.version
        return self.list_outcome

    async def reserve(self, reservation: Reservation) -> ReserveOutcome:
        self.asked.append(("reserve", reservation))
        return self.reserved

    def cancel_reservation(self, reservation_id: int) -> bool:
        self.asked.append(("cancel_reservation", reservation_id))
        return self.reserved is ReserveOutcome.ACCEPTED

    def raise_security_event(self, type_: SecurityEventType, tech_info: str = "") -> None:
        self.asked.append(("raise_security_event", type_, tech_info))

    def use_tx_points(self, start: frozenset[TxPoint], stop: frozenset[TxPoint]) -> None:
        self.tx_points = (start, stop)

    # ------------------------------------------------------------------ private

    def _show(self, evse_id: int, status: ConnectorStatus, state: SessionState, charging: ChargingState) -> None:
        self.statuses[evse_id] = EvseStatus(evse_id, status, state, charging, NOW)

    def _free_evse(self) -> int | None:
        busy = {transaction.evse_id for transaction in self.transactions.values()}
        return next((evse_id for evse_id in self.evse_ids if evse_id not in busy), None)

    def _end(self, transaction_id: str) -> bool:
        return self.transactions.pop(transaction_id, None) is not None
