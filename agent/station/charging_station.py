"""The station: its EVSEs, what they share, and every request that a back-end can make (`StationCommands`)."""

import asyncio
import itertools
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import Final

from agent.domain import events as ev
from agent.domain.charging_session import ChargingSession
from agent.domain.device_model import DeviceModel
from agent.domain.evse_memory import EvseMemory
from agent.domain.facts import Fact, Sample, TransactionStarted, TransactionUpdated
from agent.domain.local_list import ListUpdate, UpdateOutcome
from agent.domain.reservation import Reservation, ReserveOutcome
from agent.domain.security_event import SecurityEventType
from agent.domain.session_state import EvseStatus, SessionState
from agent.domain.token_routing import choose_evse_for_start, choose_evse_for_token
from agent.domain.transaction import TransactionState
from agent.domain.vocabulary import Authorization, IdToken, StoppedReason, TriggerReason, TxPoint
from agent.station.back_end import BackEnd
from agent.station.charging_profiles import ChargingProfiles
from agent.station.commands import (
    AvailabilityOutcome,
    OpenTransaction,
    RemoteStart,
    RemoteStartOutcome,
    ResetKind,
    ResetOutcome,
    UnlockOutcome,
)
from agent.station.evse import Evse
from agent.station.file_jobs import FileJobs
from agent.station.limit_planner import LimitPlanner
from agent.station.orderly_reset import STOP_TIMEOUT_S, bring_to_rest, stop_in_order
from agent.station.phase_wiring import phases_of_evse
from agent.station.sampling import TRIGGERED, SampleIntervals, sample_intervals
from agent.station.station_parts import StationParts
from agent.station.supply import Supply
from agent.station.surroundings import EvseDevices, EvseTiming
from agent.store.boot_history import REMOTE_RESET, SCHEDULED_RESET

logger = logging.getLogger(__name__)

_RESET_REASONS: Final = {ResetKind.SOFT: StoppedReason.SOFT_RESET}


class ChargingStation:
    """Implements `StationCommands` for the back-end and `Surroundings` for the EVSEs."""

    def __init__(self, parts: StationParts, back_end: BackEnd, supply_max_current_a: float) -> None:
        self._parts = parts
        self._back_end = back_end
        phases = partial(phases_of_evse, parts.device_model)
        self._supply = Supply(supply_max_current_a, parts.limits.order, parts.sharing, phases)
        self._remote_starts = itertools.count(1)
        self._evses: dict[int, Evse] = {}
        self._group: asyncio.TaskGroup | None = None
        self._reset_pending = False
        self._resetting = False
        parts.journal.on_health(self._journal_health_changed)
        parts.charging_profiles.changed = parts.limits.changed = self._supply.refresh
        parts.reservations.on_change(self._reservation_changed)
        parts.authorizer.on_conflict(back_end.publish_list_conflict)

    def add(self, evses: Sequence[Evse]) -> None:
        """Take the EVSEs in; once, before `run`."""
        self._evses = {evse.evse_id: evse for evse in evses}
        desk = self._parts.reservations
        desk.book.seats = {evse_id: evse.session for evse_id, evse in self._evses.items()}
        for evse in evses:
            evse.session.reservations = desk.book.at(evse.evse_id)
            state = evse.session.recorder.state
            self.charging_profiles.transaction_changed(evse.evse_id, state)
            if state is not None and state.reservation_id is not None:
                desk.started(state.reservation_id)  # the start was stored, its reservation's end was not

    @property
    def evses(self) -> Mapping[int, Evse]:
        """EVSEs by id."""
        return self._evses

    def evse(self, session: ChargingSession, devices: EvseDevices, timing: EvseTiming | None) -> Evse:
        """Build an EVSE that lives in this station."""
        return Evse(
            session,
            devices,
            surroundings=self,
            facts=self,
            supply=self._supply,
            clock=self._parts.clock,
            timing=timing,
        )

    async def run(self) -> None:
        """Run all EVSEs for ever; returns only on cancellation."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            group.create_task(self._parts.reservations.run(), name="reservations")
            group.create_task(self._parts.files.run(), name="file jobs")
            group.create_task(self._parts.security_events.run(), name="security events")
            for evse in self._evses.values():
                group.create_task(evse.run(), name=f"evse {evse.evse_id}")

    async def heard(self) -> None:
        """Wait until every board has answered once."""
        for evse in self._evses.values():
            await evse.heard()

    # ------------------------------------------------------------------ Surroundings: what EVSEs need

    @property
    def is_online(self) -> bool:
        """Whether the back-end is connected and has accepted us."""
        return self._back_end.is_online

    @property
    def sample_intervals(self) -> SampleIntervals:
        """How often samples are due."""
        return sample_intervals(self.device_model)

    async def authorize(self, id_token: IdToken) -> Authorization:
        """Decide about a token."""
        authorization = await self._parts.authorizer.authorize(id_token, self._back_end)
        if not authorization.accepted:
            self._parts.security_events.token_refused()
        return authorization

    def status_changed(self, status: EvseStatus) -> None:
        """Publish the status of an EVSE."""
        self._back_end.publish_status(status)
        if self._cannot_serve(status.evse_id):
            self._parts.reservations.cannot_serve(status.evse_id)
        self._reset_if_idle()

    def _cannot_serve(self, evse_id: int) -> bool:
        """Faulted, or out of service by order: not for the moment of a restart."""
        evse = self._evses.get(evse_id)
        state = None if evse is None else evse.session.state
        return state is SessionState.FAULTED or (
            state is SessionState.UNAVAILABLE and not self._parts.availability.ordered_operative(evse_id)
        )

    def _reservation_changed(self, evse_id: int | None) -> None:
        for evse in self._evses.values():
            if evse_id in {None, evse.evse_id}:
                evse.post(ev.ReservationChanged())

    def _reset_if_idle(self) -> None:
        self._parts.files.look_again()
        if self._reset_pending and not self.open_transactions():
            self._reset_pending = False
            self._spawn_reset(StoppedReason.IMMEDIATE_RESET, SCHEDULED_RESET)

    def sample_outside(self, evse_id: int, sample: Sample) -> None:
        """Publish a sample that belongs to no transaction."""
        self._back_end.publish_sample(evse_id, sample)

    def record(self, evse_id: int, facts: tuple[Fact, ...], state: TransactionState | None) -> None:
        """Journal facts and the open transaction."""
        self._parts.charging_profiles.transaction_changed(evse_id, state)
        self._parts.journal.record(evse_id, facts, state, partial(logger.error, "journal not written error=%s"))
        for fact in facts:
            if isinstance(fact, TransactionStarted | TransactionUpdated) and fact.reservation_id is not None:
                self._parts.reservations.started(fact.reservation_id)
            self._parts.security_events.recorded(fact)
        if state is None:
            self._reset_if_idle()

    def note_register(self, evse_id: int, register_wh: Decimal) -> None:
        """Keep the register up to which energy is accounted for."""
        self._parts.journal.note_register(evse_id, register_wh, self._parts.clock.now().utc)

    def remember(self, evse_id: int, memory: EvseMemory) -> None:
        """Keep what an EVSE is to know after a restart."""
        self._parts.journal.remember(evse_id, memory)

    def _journal_health_changed(self, healthy: bool) -> None:  # noqa: FBT001 - the journal's callback
        for evse in self._evses.values():
            evse.post(ev.JournalHealthChanged(healthy))

    def card_presented(self, id_token: IdToken, served: Sequence[int]) -> None:
        """Hand a token at a reader to the EVSE that it is meant for."""
        sessions = [self._evses[evse_id].session for evse_id in served if evse_id in self._evses]
        chosen = choose_evse_for_token(sessions, id_token, self._parts.authorizer.group_of(id_token))
        if chosen is None:
            logger.info("token ignored: no EVSE served by this reader can use it")
            return
        self._evses[chosen].post(ev.TokenPresented(id_token))

    # ------------------------------------------------------------------ StationCommands: what a back-end asks

    @property
    def evse_ids(self) -> tuple[int, ...]:
        """The ids of all EVSEs, 1…N."""
        return tuple(self._evses)

    @property
    def device_model(self) -> DeviceModel:
        """Variables of the station."""
        return self._parts.device_model

    @property
    def charging_profiles(self) -> ChargingProfiles:
        """Charging profiles of the station."""
        return self._parts.charging_profiles

    @property
    def files(self) -> FileJobs:
        """Firmware and logs of the station."""
        return self._parts.files

    @property
    def limits(self) -> LimitPlanner:
        """What limits the station."""
        return self._parts.limits

    def evse_status(self, evse_id: int) -> EvseStatus | None:
        """Return the present status; None while unknown or no such EVSE."""
        evse = self._evses.get(evse_id)
        return evse.status(self._parts.clock.now()) if evse else None

    def station_fault(self) -> str | None:
        """Return what keeps the whole station from working."""
        return None if self._parts.journal.healthy else "journal_not_writable"

    def open_transactions(self) -> tuple[OpenTransaction, ...]:
        """Return transactions that have not ended."""
        states = (evse.session.recorder.state for evse in self._evses.values())
        return tuple(
            OpenTransaction(state.transaction_id, state.evse_id, state.id_token, state.remote_start_id)
            for state in states
            if state is not None
        )

    def has_queued_facts(self, transaction_id: str | None = None) -> bool:
        """Tell whether facts wait to be acknowledged."""
        return self._parts.journal.has_queued(transaction_id)

    async def remote_start(self, request: RemoteStart) -> RemoteStartOutcome:
        """Start as if the token had been presented; not for a back-end that has not accepted the station.

        Source: OCPP 1.6 section 4.2, OCPP 2.0.1 B02.FR.05: refused while registration is pending.
        """
        if not self.is_online:
            return RemoteStartOutcome(accepted=False, reason="the back-end has not accepted this station yet")
        group_token = request.group_token or self._parts.authorizer.group_of(request.id_token)
        wanted = request.evse_id
        evse = self._free_evse(request.id_token, group_token) if wanted is None else self._evses.get(wanted)
        if evse is None:
            return RemoteStartOutcome(accepted=False, reason="no such EVSE, or none is free")
        start_id, profile = request.remote_start_id, request.charging_profile
        if profile is not None:
            start_id = start_id or next(self._remote_starts)  # 1.6 has none; by it the profile finds its transaction
            reason = self.charging_profiles.promise(evse.evse_id, start_id, profile)
            if reason is not None:
                return RemoteStartOutcome(accepted=False, reason=reason)
        event = ev.RemoteStartRequested(
            request.id_token,
            group_token,
            start_id,
            authorize_first=self.device_model.boolean("AuthCtrlr", "AuthorizeRemoteStart"),
        )
        open_state = evse.session.recorder.state
        response = await evse.ask(event)
        if start_id is not None and not response.accepted:
            self.charging_profiles.break_promise(evse.evse_id, start_id)
        return RemoteStartOutcome(
            accepted=response.accepted,
            transaction_id=open_state.transaction_id if open_state is not None else None,
            reason=response.reason,
        )

    def _free_evse(self, id_token: IdToken, group_token: IdToken | None) -> Evse | None:
        chosen = choose_evse_for_start([evse.session for evse in self._evses.values()], id_token, group_token)
        return None if chosen is None else self._evses[chosen]

    async def remote_stop(self, transaction_id: str) -> bool:
        """End this transaction; False if it is not open, or the back-end has not accepted the station (B02.FR.05)."""
        return self.is_online and await self._stop(transaction_id, StoppedReason.REMOTE, TriggerReason.REMOTE_STOP)

    async def deauthorize(self, transaction_id: str) -> None:
        """Act on a refusal of the token of a running transaction. Source: OCPP 2.0.1 E05, 1.6 section 4.8."""
        energy_wh = self.device_model.integer("TxCtrlr", "MaxEnergyOnInvalidId")
        if self.device_model.boolean("TxCtrlr", "StopTxOnInvalidId"):
            await self._stop(transaction_id, StoppedReason.DEAUTHORIZED, TriggerReason.DEAUTHORIZED)
        elif energy_wh:
            for evse in self._evses.values():
                evse.post(ev.TokenInvalidated(transaction_id, energy_wh))

    async def _stop(self, transaction_id: str, reason: StoppedReason, trigger: TriggerReason) -> bool:
        for evse in self._evses.values():
            state = evse.session.recorder.state
            if state is not None and state.transaction_id == transaction_id:
                return (await evse.ask(ev.StopRequested(reason, trigger))).accepted
        return False

    async def change_availability(self, evse_id: int | None, *, operative: bool) -> AvailabilityOutcome:
        """Make an EVSE (None: all, and the station) operative or not. Source: OCPP 2.0.1 G03, G04."""
        if evse_id is not None and evse_id not in self._evses:
            return AvailabilityOutcome.REJECTED
        for changed_id in self._parts.availability.change(evse_id, operative=operative):
            self._parts.keep_availability(changed_id, operative)
        affected = [self._evses[evse_id]] if evse_id is not None else list(self._evses.values())
        busy = any(evse.session.is_stoppable() for evse in affected)
        for evse in affected:
            evse.post(ev.OperativeChanged(self._parts.availability.operative(evse.evse_id)))
        return AvailabilityOutcome.SCHEDULED if busy and not operative else AvailabilityOutcome.ACCEPTED

    async def unlock(self, evse_id: int, *, stops_transaction: bool = False) -> UnlockOutcome:
        """Release the plug, never with power on it; what runs is left alone, or is ended first."""
        evse = self._evses.get(evse_id)
        if evse is None:
            return UnlockOutcome.UNKNOWN_CONNECTOR
        if stops_transaction and evse.session.rules.has_lock and evse.session.is_authorized():
            await evse.ask(ev.StopRequested(StoppedReason.UNLOCK_COMMAND, TriggerReason.UNLOCK_COMMAND))
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_TIMEOUT_S):
                    await evse.at_rest()
        return await evse.unlock()

    async def reset(self, kind: ResetKind, evse_id: int | None = None) -> ResetOutcome:
        """Restart the station: at once after ending what runs, or when nothing runs. Source: OCPP 2.0.1 B11, B12."""
        if evse_id is not None or self._parts.files.is_installing:
            return ResetOutcome.REJECTED
        if kind is ResetKind.ON_IDLE and self.open_transactions():
            self._reset_pending = True
            for evse in self._evses.values():
                evse.post(ev.OperativeChanged(operative=False))  # what runs goes on; nothing new may put the reset off
            return ResetOutcome.SCHEDULED
        self._spawn_reset(_RESET_REASONS.get(kind, StoppedReason.IMMEDIATE_RESET), REMOTE_RESET)
        return ResetOutcome.ACCEPTED

    def _spawn_reset(self, reason: StoppedReason, boot_reason: str) -> None:
        if self._group is not None and not self._resetting:
            self._resetting = True
            self._group.create_task(self._reset(reason, boot_reason), name="reset")

    async def _reset(self, reason: StoppedReason, boot_reason: str) -> None:
        stop = partial(self.stop_all, reason, TriggerReason.RESET_COMMAND)
        retries = self.device_model.integer("OCPPCommCtrlr", "ResetRetries")
        await stop_in_order(stop, self._parts.journal.flush, retries)
        self.raise_security_event(SecurityEventType.RESET_OR_REBOOT, boot_reason)
        self._parts.restart(boot_reason)

    async def stop_all(self, reason: StoppedReason, trigger: TriggerReason) -> bool:
        """Ask every EVSE to stop in order and start nothing more; False if not all have when the time is over."""
        return await bring_to_rest(self._evses.values(), ev.StopRequested(reason, trigger))

    async def read_sample(self, evse_id: int) -> Sample | None:
        """Take a sample now; None if the meter is silent."""
        evse = self._evses.get(evse_id)
        return None if evse is None else await evse.fresh_sample(TRIGGERED.context)

    async def trigger_transaction_sample(self, evse_id: int) -> bool:
        """Report a sample of the open transaction; False if none is open."""
        evse = self._evses.get(evse_id)
        if evse is None or not evse.session.recorder.is_open:
            return False
        evse.post(TRIGGERED)
        return True

    async def clear_authorization_cache(self) -> bool:
        """Forget cached authorisations."""
        return self._parts.authorizer.clear()

    def local_list_version(self) -> int | None:
        """Return the version of the local list; None if it is disabled."""
        authorizer = self._parts.authorizer
        return authorizer.local_list.version if authorizer.list_enabled else None

    async def update_local_list(self, update: ListUpdate) -> UpdateOutcome:
        """Replace or change the local list."""
        return await self._parts.authorizer.local_list.update(update)

    async def reserve(self, reservation: Reservation) -> ReserveOutcome:
        """Keep an EVSE, or any, for a token."""
        return await self._parts.reservations.reserve(reservation)

    def cancel_reservation(self, reservation_id: int) -> bool:
        """End a reservation."""
        return self._parts.reservations.cancel(reservation_id)

    def raise_security_event(self, type_: SecurityEventType, tech_info: str = "") -> None:
        """Note a security event of now."""
        self._parts.security_events.raise_event(type_, tech_info)

    def use_tx_points(self, start: frozenset[TxPoint], stop: frozenset[TxPoint]) -> None:
        """Set where transactions begin and end from the next session on."""
        for evse in self._evses.values():
            evse.session.recorder.start_points = start
            evse.session.recorder.stop_points = stop
