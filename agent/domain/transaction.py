"""The billed span: where a transaction begins and ends, and which facts tell it.

The recorder watches the session from outside. It compares what holds before and after each event (OCPP 2.0.1's
transaction points) and turns differences into facts with gapless `seq_no` (E01.FR.07). It decides nothing else.
"""

import uuid
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from agent.clock import Instant
from agent.domain.events import PlugInProven, SampleDue, TokenInvalidated
from agent.domain.facts import (
    Sample,
    TransactionEnded,
    TransactionFact,
    TransactionStarted,
    TransactionUpdated,
)
from agent.domain.kept_samples import KeptSamples
from agent.domain.vocabulary import (
    ChargingState,
    IdToken,
    ReadingContext,
    StoppedReason,
    TriggerReason,
    TxPoint,
)
from hal.api import MeterReading, PlugInCounter, Quality
from hal.signed_meter import SignedRecord
from hal.value import dataclass

DEFAULT_START_POINTS = frozenset({TxPoint.POWER_PATH_CLOSED})
DEFAULT_STOP_POINTS = frozenset({TxPoint.EV_CONNECTED, TxPoint.AUTHORIZED})


@dataclass(frozen=True, slots=True)
class Cause:
    """Why the view changed."""

    trigger: TriggerReason
    stopped_reason: StoppedReason = StoppedReason.OTHER
    id_token: IdToken | None = None
    """The token presented to stop."""
    register_confirmed: bool = True


@dataclass(frozen=True, slots=True)
class Sighting:
    """A moment of this boot of the computer: comparable across restarts of the agent, not across reboots."""

    boot_id: str
    monotonic_s: float

    def seconds_since(self, before: "Sighting") -> float | None:
        """Seconds from `before` to this; None if the computer was restarted in between."""
        return self.monotonic_s - before.monotonic_s if self.boot_id == before.boot_id else None


@dataclass(frozen=True, slots=True)
class TransactionState:
    """An open transaction as it is stored: all that a restarted agent needs to go on with it or to end it."""

    transaction_id: str
    evse_id: int
    next_seq_no: int
    started_at: datetime
    start_register_wh: Decimal | None
    last_register_wh: Decimal | None
    charging_state: ChargingState
    points: tuple[TxPoint, ...]
    stop_points: tuple[TxPoint, ...]
    id_token: IdToken | None = None
    """Who is authorised now; None before authorisation and after it was taken away."""
    group_token: IdToken | None = None
    remote_start_id: int | None = None
    last_sample_at: datetime | None = None
    plug_in: PlugInCounter | None = None
    offered_current_a: float = 0.0
    """What the board was last told to offer, A: the share of the supply it may still hold."""
    seen: Sighting | None = None
    """When its car was last known to be connected, as of the last time this was stored."""
    signed_begin: SignedRecord | None = None
    signed_end: SignedRecord | None = None
    reservation_id: int | None = None
    """The reservation that it used up."""
    allowed_until_wh: Decimal | None = None
    """Its token turned out to be invalid: it is stopped so that its register does not pass this one."""
    ending: Cause | None = None
    """Why it is being ended: a stop once accepted is not forgotten, whatever happens before its car lets go."""


@dataclass(frozen=True, slots=True)
class SessionView:
    """What holds at one moment, as far as a transaction is concerned."""

    ev_connected: bool
    id_token: IdToken | None
    group_token: IdToken | None
    charging_state: ChargingState
    remote_start_id: int | None = None
    reservation_id: int | None = None
    """The reservation that a start would use up."""

    @property
    def points(self) -> frozenset[TxPoint]:
        """The transaction points that hold. Source: OCPP 2.0.1 part 2, section 2.6.4 (TxStartPoint values)."""
        points = set()
        if self.ev_connected:
            points.add(TxPoint.EV_CONNECTED)
        if self.id_token is not None:
            points.add(TxPoint.AUTHORIZED)
        if self.ev_connected and self.id_token is not None:
            points.add(TxPoint.POWER_PATH_CLOSED)
        if self.charging_state is ChargingState.CHARGING:
            points.add(TxPoint.ENERGY_TRANSFER)
        return frozenset(points)


class TransactionRecorder:
    """Turns changes of the view into transaction facts."""

    def __init__(self, evse_id: int, restored: TransactionState | None = None) -> None:
        self.evse_id = evse_id
        self.state = restored
        self.start_points = DEFAULT_START_POINTS
        self.stop_points = DEFAULT_STOP_POINTS
        self._points: frozenset[TxPoint] = frozenset(restored.points) if restored else frozenset()
        self.register_wh: Decimal | None = restored.last_register_wh if restored else None
        self.billable_until_wh: Decimal | None = None
        """What the meter counted beyond this register is not the open transaction's; None: everything is."""
        self.last_reading: MeterReading | None = None
        self.signed_begin: SignedRecord | None = restored.signed_begin if restored else None
        self.signed_end: SignedRecord | None = restored.signed_end if restored else None
        self.kept = KeptSamples()
        """Of the open transaction, for its end."""
        self._plug_in: PlugInCounter | None = None
        self._offered_current_a = restored.offered_current_a if restored else 0.0

    @property
    def is_open(self) -> bool:
        """True while a transaction is open."""
        return self.state is not None

    def meter_read(self, reading: MeterReading, *, is_ours: bool = True) -> None:
        """Remember the latest reading; only a good register counts, and it never goes back.

        `is_ours`: False while nobody knows whether the open transaction goes on: then it is not told.
        """
        known_wh = self.state.last_register_wh if self.state is not None else None
        if known_wh is not None and reading.energy_import_wh is not None and reading.energy_import_wh < known_wh:
            # Another meter than the one that this transaction began on: its register is no energy of this transaction.
            reading = replace(reading, energy_import_wh=None, quality=Quality.NO_ENERGY)
        self.last_reading = reading
        if reading.energy_import_wh is not None:
            self.register_wh = reading.energy_import_wh
        if self.state is not None and is_ours and self.billable_until_wh is None:
            self.state = replace(self.state, last_register_wh=self.register_wh, last_sample_at=reading.at)

    def seen(self, boot_id: str, monotonic_s: float) -> None:
        """Note that the car of the open transaction is connected at this moment."""
        if self.state is not None:
            self.state = replace(self.state, seen=Sighting(boot_id, monotonic_s))

    def plug_in_counted(self, counter: PlugInCounter) -> None:
        """Remember the board's proof of this plug-in."""
        self._plug_in = counter
        if self.state is not None:
            self.state = replace(self.state, plug_in=counter)

    def plug_in_began(self) -> None:
        """Forget the counters of an earlier plug-in."""
        self._plug_in = None

    def current_offered(self, offered_current_a: float) -> None:
        """Remember the offer, for the state that survives a crash and for samples."""
        self._offered_current_a = offered_current_a
        if self.state is not None:
            self.state = replace(self.state, offered_current_a=offered_current_a)

    def signed(self, begin: SignedRecord | None, end: SignedRecord | None) -> None:
        """Remember what the meter signed so far; None for what it has not."""
        self.signed_begin, self.signed_end = begin, end
        if self.state is not None:
            self.state = replace(self.state, signed_begin=begin, signed_end=end)

    def told(self, event: PlugInProven | TokenInvalidated) -> None:
        """Remember what concerns the open transaction; of a token that is invalid, the first word counts."""
        if isinstance(event, PlugInProven):
            self.plug_in_counted(event.counter)
            return
        state = self.state
        if state is not None and state.transaction_id == event.transaction_id and state.allowed_until_wh is None:
            self.state = replace(state, allowed_until_wh=(self.register_wh or Decimal(0)) + event.energy_wh)

    def end_began(self, cause: Cause) -> None:
        """Remember why the open transaction is being ended."""
        if self.state is not None:
            self.state = replace(self.state, ending=cause)

    def observe(self, view: SessionView, cause: Cause, now: Instant, *, offline: bool) -> list[TransactionFact]:
        """Compare `view` with the one before and return what follows from it."""
        before, self._points = self._points, view.points
        if self.state is None:
            starts = bool(self._points - before) and bool(self.start_points & self._points)
            return [self._start(view, cause, now, offline=offline)] if starts else []
        # Whatever the stop points say: with neither a car nor a driver there is nobody whose transaction it could be.
        nobody = not self._points & {TxPoint.EV_CONNECTED, TxPoint.AUTHORIZED}
        if nobody or frozenset(self.state.stop_points) & (before - self._points):
            return [self._end(view, cause, now, offline=offline)]
        changed = (
            before != self._points
            or view.charging_state is not self.state.charging_state
            or view.id_token != self.state.id_token
        )
        return [self._update(view, cause, now, (), offline=offline)] if changed else []

    def sampled(self, view: SessionView, due: SampleDue, now: Instant, *, offline: bool) -> TransactionFact:
        """Tell a sample within the open transaction, and keep it for the end where that is asked for."""
        fact = self._update(view, Cause(due.trigger), now, (due.sample,), offline=offline)
        return replace(fact, kept_as=self.kept.add(due.sample)) if due.keep else fact

    def _sample(self, context: ReadingContext) -> tuple[Sample, ...]:
        return (Sample(context, self.last_reading, self._offered_current_a),) if self.last_reading else ()

    def _start(self, view: SessionView, cause: Cause, now: Instant, *, offline: bool) -> TransactionStarted:
        self.state = TransactionState(
            transaction_id=str(uuid.uuid4()),
            evse_id=self.evse_id,
            next_seq_no=1,
            started_at=now.utc,
            start_register_wh=self.register_wh,
            last_register_wh=self.register_wh,
            charging_state=view.charging_state,
            points=tuple(sorted(self._points, key=lambda point: point.value)),
            stop_points=tuple(sorted(self.stop_points, key=lambda point: point.value)),
            id_token=view.id_token,
            group_token=view.group_token,
            remote_start_id=view.remote_start_id,
            reservation_id=view.reservation_id,
            plug_in=self._plug_in,
            offered_current_a=self._offered_current_a,
            signed_begin=self.signed_begin,
        )
        begin, self.kept = self._sample(ReadingContext.TRANSACTION_BEGIN), KeptSamples()
        for sample in begin:
            self.kept.add(sample)
        return TransactionStarted(
            transaction_id=self.state.transaction_id,
            evse_id=self.evse_id,
            seq_no=0,
            at=now.utc,
            trigger=cause.trigger,
            charging_state=view.charging_state,
            register_wh=self.register_wh,
            offline=offline,
            id_token=view.id_token,
            group_token=view.group_token,
            remote_start_id=view.remote_start_id,
            reservation_id=view.reservation_id,
            samples=begin,
        )

    def _update(
        self, view: SessionView, cause: Cause, now: Instant, samples: tuple[Sample, ...], *, offline: bool
    ) -> TransactionUpdated:
        state = self._open_state()
        newly_authorized = view.id_token is not None and view.id_token != state.id_token
        self.state = replace(
            state,
            next_seq_no=state.next_seq_no + 1,
            charging_state=view.charging_state,
            points=tuple(sorted(self._points, key=lambda point: point.value)),
            id_token=view.id_token,
            group_token=view.group_token,
            remote_start_id=view.remote_start_id or state.remote_start_id,
            reservation_id=view.reservation_id if newly_authorized else state.reservation_id,
            ending=None if view.id_token is None else state.ending,
        )
        return TransactionUpdated(
            transaction_id=state.transaction_id,
            evse_id=self.evse_id,
            seq_no=state.next_seq_no,
            at=now.utc,
            trigger=cause.trigger,
            charging_state=view.charging_state,
            register_wh=self.register_wh,
            offline=offline,
            id_token=view.id_token if newly_authorized else cause.id_token,
            group_token=view.group_token if newly_authorized else None,
            remote_start_id=view.remote_start_id if newly_authorized else None,
            reservation_id=view.reservation_id if newly_authorized else None,
            samples=samples,
        )

    def _end(self, view: SessionView, cause: Cause, now: Instant, *, offline: bool) -> TransactionEnded:
        state = self._open_state()
        self.state = None
        billed_wh = self.register_wh if self.billable_until_wh is None else self.billable_until_wh
        end_sample = self._sample(ReadingContext.TRANSACTION_END) if self.billable_until_wh is None else ()
        samples, self.kept = (*self.kept.all(), *end_sample), KeptSamples()
        begin, end, self.signed_begin, self.signed_end = self.signed_begin, self.signed_end, None, None
        return TransactionEnded(
            transaction_id=state.transaction_id,
            evse_id=self.evse_id,
            seq_no=state.next_seq_no,
            at=now.utc,
            trigger=cause.trigger,
            charging_state=view.charging_state,
            register_wh=billed_wh,
            offline=offline,
            stopped_reason=cause.stopped_reason,
            register_confirmed=cause.register_confirmed,
            id_token=cause.id_token,
            samples=samples,
            signed_begin=begin,
            signed_end=end,
        )

    def _open_state(self) -> TransactionState:
        if self.state is None:
            raise ValueError("no transaction is open")
        return self.state
