"""One EVSE's charging session: events in, actions out; never waits, never raises for an event.

`handle` first takes note of the event, then lets the table move the state, then lets the transaction recorder see
what changed. Invariants: `ForbidPower` is the first action of its list; power is offered only when authorised,
plugged in, locked (where there is a lock), without a blocking fault and with a limit of at least the minimum; an
answer to a question of an earlier session changes nothing.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Final, cast

from transitions import Machine

from agent.clock import Instant
from agent.domain import events as ev
from agent.domain.actions import (
    Action,
    AskAuthorization,
    ForbidPower,
    LockConnector,
    OfferCurrent,
    PermitPower,
    ReadMeter,
    Report,
    Respond,
    ShowRejected,
    UnlockConnector,
)
from agent.domain.deadlines import Due
from agent.domain.error_catalogue import CATALOGUE
from agent.domain.reconciliation import Verdict, judge_restart, judge_return
from agent.domain.session_context import METER_FAULTS, SessionContext, SessionRules
from agent.domain.session_machine import TRIGGERS
from agent.domain.session_state import SessionState
from agent.domain.session_table import ENDING
from agent.domain.signed_transaction import SignedTransaction
from agent.domain.transaction import Cause, Sighting, TransactionRecorder, TransactionState
from agent.domain.unauthorised_energy import UnauthorisedEnergyWatch
from agent.domain.vocabulary import StoppedReason, TriggerReason
from hal.api import Fault, ForbidReason, MeterReading

_SUSPENDED: Final = Cause(TriggerReason.CHARGING_STATE_CHANGED)


class ChargingSession(SessionContext):
    """The session of one EVSE, from cable in to cable out and from token to token."""

    def __init__(
        self,
        evse_id: int,
        rules: SessionRules,
        machine: Machine,
        *,
        restored: TransactionState | None = None,
        last_register_wh: Decimal | None = None,
        operative: bool = True,
    ) -> None:
        super().__init__(rules, operative=operative)
        self.recorder = TransactionRecorder(evse_id, restored)
        self.offline = True
        """Kept by the runner: whether facts happen without a back-end."""
        if restored is not None:
            self.id_token, self.group_token = restored.id_token, restored.group_token
            self._remote_start_id = restored.remote_start_id
            self.signing = SignedTransaction(rules.signing, restored)
        self._restored = restored
        self._watch = UnauthorisedEnergyWatch(evse_id, last_register_wh, rules.unauthorised_threshold_wh)
        self._cause = _SUSPENDED
        self._actions: list[Action] = []
        self._now: Instant
        self._machine = machine
        machine.add_model(self)

    # ------------------------------------------------------------------ the one entrance

    @property
    def deadline_s(self) -> float | None:
        """Monotonic time at which `DeadlinePassed` is to be fed, if any."""
        return self._deadlines.next_s

    def handle(self, event: ev.Event, now: Instant) -> list[Action]:
        """Return what is to be done about `event`, in order; total over all states and events."""
        self._actions = []
        self._now = now
        self._cause = _SUSPENDED
        if isinstance(event, ev.DeadlinePassed):
            due = self._deadlines.take(now.monotonic_s)
            if due is None:
                return []
            if due is Due.JOURNAL:
                event = ev.StopRequested(StoppedReason.OTHER, TriggerReason.ABNORMAL_CONDITION)
        self._event = event
        before = self.state
        self._transaction_open = self.recorder.is_open
        self._take_note(event, now)
        self._register_known = self.recorder.register_wh is not None
        trigger = TRIGGERS.get(type(event))
        if trigger is not None:
            self._machine.events[trigger].trigger(self)
        entered = self.state is not before
        self._observe(self._cause)
        self._actions += self.signing.asks(self.state, self.recorder, self.id_token, now.utc)
        if entered:
            self._set_deadline(before, now)
        self._transaction_open = self.recorder.is_open
        return self._actions

    def _take_note(self, event: ev.Event, now: Instant) -> None:
        match event:
            case ev.BoardAnswered():
                self._note_board(event)
            case ev.BoardWasReset():
                self.contactor_closed = None
            case ev.EvPluggedIn(simplified):
                self.plugged, self.plugged_at_s = True, now.monotonic_s
                self.asking = simplified
                self.recorder.plug_in_began()
                self._cause = Cause(TriggerReason.CABLE_PLUGGED_IN)
            case ev.EvUnplugged():
                self.plugged = self.asking = False
                self._cause = Cause(TriggerReason.EV_COMMUNICATION_LOST, StoppedReason.EV_DISCONNECTED)
            case ev.EvRequestedPower() | ev.EvStoppedRequestingPower():
                self.asking = isinstance(event, ev.EvRequestedPower)
            case ev.PowerTurnedOn() | ev.PowerTurnedOff():
                self._note_contactor(closed=isinstance(event, ev.PowerTurnedOn), now=now)
            case ev.FaultAppeared(fault, detail):
                self._note_fault(fault, detail)
            case ev.FaultDisappeared(fault):
                self.faults.pop(fault, None)
            case ev.LockMoved(locked):
                self.locked = locked
            case ev.PlugInProven() | ev.TokenInvalidated():
                self.recorder.told(event)
            case ev.MeterSampled(reading):
                self._note_reading(reading)
            case ev.SigningBegan() | ev.SigningEnded():
                self.signing.answered(event)
                self.recorder.signed(self.signing.begin, self.signing.end)
            case ev.SampleDue():
                self._tell_sample(event, now)
            case ev.LimitChanged(limit_a):
                self.limit_a = limit_a
                self._cause = Cause(TriggerReason.CHARGING_RATE_CHANGED)
            case ev.OperativeChanged(operative):
                self.operative = operative
            case ev.JournalHealthChanged(healthy):
                self._deadlines.journal_changed(healthy=healthy, until_s=now.monotonic_s + self.rules.journal_grace_s)

    def _note_reading(self, reading: MeterReading) -> None:
        self.recorder.meter_read(reading, is_ours=self.state is not SessionState.UNKNOWN)
        self._is_read = self._is_read or (self.state is SessionState.READING_METER and self.is_final_reading())
        self._watch_register()

    def _note_board(self, event: ev.BoardAnswered) -> None:
        verdict = self._judge(event)
        self.plugged, self.asking = event.plugged, event.ev_asks
        self.contactor_closed = event.contactor_closed
        if event.contactor_closed is False:
            self.faults.pop(Fault.CONTACTOR_UNCONFIRMED, None)
            self._release_plug()  # a kill may have left it locked
        if event.plug_in is not None and (verdict is None or verdict.continues):
            self.recorder.plug_in_counted(event.plug_in)
        if verdict is None or verdict.continues:
            return
        self._ending, self._plug_in_lost = verdict.cause, not verdict.same_plug_in
        self.recorder.billable_until_wh = verdict.billable_until_wh

    def _judge(self, event: ev.BoardAnswered) -> Verdict | None:
        """Decide whether an open transaction goes on; None if there is none or it is ending anyway."""
        restored, self._restored = self._restored, None
        resume = self.rules.resume_after_power_loss
        if self.state is SessionState.UNKNOWN and restored is not None:
            return judge_restart(restored, event, Sighting(self.rules.boot_id, self._now.monotonic_s), resume=resume)
        if self.recorder.state is None or self.state in ENDING:
            return None
        return judge_return(self.recorder.state, event, resume=resume)

    def _note_contactor(self, *, closed: bool, now: Instant) -> None:
        self.contactor_closed = closed
        if not closed:
            self._opened_at_s = now.monotonic_s
            self.faults.pop(Fault.CONTACTOR_UNCONFIRMED, None)
            self._release_plug()

    def _set_deadline(self, before: SessionState, now: Instant) -> None:
        wait_s = self._wait_s()
        paused_until = self._deadlines.state_s if before is SessionState.SUSPENDED_EVSE else None
        self._deadlines.state_s = None if wait_s is None else now.monotonic_s + wait_s
        if self.state is SessionState.STOPPING and paused_until is not None:
            self._deadlines.state_s = paused_until  # 6 s count from the moment the offer was withdrawn

    @property
    def accounted_register_wh(self) -> Decimal | None:
        """The register up to which all energy is billed or reported."""
        return self._watch.accounted_wh

    # ------------------------------------------------------------------ transaction

    def _observe(self, cause: Cause) -> None:
        if self.state in ENDING or self.state is SessionState.UNKNOWN:
            return
        facts = self.recorder.observe(self._view(), cause, self._now, offline=self.offline)
        self._actions += [Report(fact) for fact in facts]

    def _tell_sample(self, due: ev.SampleDue, now: Instant) -> None:
        if self.recorder.state is not None and self.recorder.billable_until_wh is None:
            view = replace(self._view(), charging_state=self.recorder.state.charging_state)
            fact = self.recorder.sampled(view, due, now, offline=self.offline)
            self._actions.append(Report(fact))

    def _note_fault(self, fault: Fault, detail: str) -> None:
        self.faults[fault] = detail
        self._cause = Cause(TriggerReason.ABNORMAL_CONDITION)
        if fault in METER_FAULTS and self.recorder.register_wh is None:
            # A silent meter delays nothing: from where it was left.
            self.recorder.register_wh = self._watch.accounted_wh

    def _watch_register(self, *, starting: bool = False) -> None:
        register_wh = self.recorder.register_wh
        if register_wh is None or (self.state is SessionState.UNKNOWN and not starting):
            return
        if self.recorder.is_open or self.id_token is not None:
            return
        found = self._watch.look(register_wh, self._now.utc, contactor_open=self.contactor_closed is False)
        if found is not None:
            self._actions.append(Report(found))

    # ------------------------------------------------------------------ effects of the table
    # A cast names the only event for which the table has the effect.

    def _forbid(self, reason: ForbidReason) -> None:
        self._actions.insert(0, ForbidPower(reason))

    def _do_forbid_stopped(self) -> None:
        self._forbid(ForbidReason.STOPPED)

    def _do_forbid_fault(self) -> None:
        self._forbid(ForbidReason.FAULT)

    def _do_forbid_unplugged(self) -> None:
        self._forbid(ForbidReason.EV_UNPLUGGED)

    def _do_forbid_ev_stopped(self) -> None:
        self._forbid(ForbidReason.EV_STOPPED)

    def _do_forbid_unauthorized(self) -> None:
        self._forbid(ForbidReason.NOT_AUTHORIZED)

    def _do_forbid_if_closed(self) -> None:
        event = self._event
        if self.contactor_closed is not False or (isinstance(event, ev.BoardAnswered) and event.enabled):
            self._forbid(ForbidReason.NOT_AUTHORIZED)

    def _do_offer(self) -> None:
        self._offer(self.limit_a)
        self._do_permit()

    def _do_offer_again(self) -> None:
        self._offer(self.limit_a)

    def _offer(self, current_a: float) -> None:
        self._actions.append(OfferCurrent(current_a))
        self.recorder.current_offered(current_a)

    def _do_permit(self) -> None:
        self._actions.append(PermitPower())

    def _do_permit_if_open(self) -> None:
        if self.contactor_closed is False:
            self._do_permit()

    def _do_withdraw(self) -> None:
        self._offer(0.0)

    def _do_read_meter(self) -> None:
        self._actions.append(ReadMeter())

    def _do_lock(self) -> None:
        if self.rules.has_lock:
            self._actions.append(LockConnector())

    def _do_show_rejected(self) -> None:
        self._actions.append(ShowRejected(reserved=self.is_reserved_for_other()))

    def _do_respond_accepted(self) -> None:
        self._actions.append(Respond(accepted=True))

    def _do_respond_rejected(self) -> None:
        self._actions.append(Respond(accepted=False, reason=self.refusal))

    def _do_ask(self) -> None:
        event = self._event
        if self.cannot_bill():
            self._do_show_rejected()
        elif isinstance(event, ev.RemoteStartRequested):
            self._actions.append(AskAuthorization(self.session_number, event.id_token, event.remote_start_id))
        else:
            token = cast("ev.TokenPresented", event).id_token
            self._actions.append(AskAuthorization(self.session_number, token))

    def _do_accept(self) -> None:
        self._watch_register(starting=True)
        match self._event:
            case ev.AuthorizationAnswered(id_token=token, authorization=answer, remote_start_id=start_id):
                self.id_token, self.group_token = token, answer.group_token
            case event:
                request = cast("ev.RemoteStartRequested", event)
                self.id_token, self.group_token = request.id_token, request.group_token
                start_id = request.remote_start_id
        trigger = TriggerReason.AUTHORIZED if start_id is None else TriggerReason.REMOTE_START
        self._remote_start_id = start_id
        self.session_number += 1  # an answer that was asked for before starts nothing more, and stops nothing
        self._cause = Cause(trigger)

    def _do_accept_free(self) -> None:
        self._watch_register(starting=True)
        self.id_token = self.rules.free_vend

    def _do_stop_by_token(self) -> None:
        self._end_with(Cause(TriggerReason.STOP_AUTHORIZED, StoppedReason.LOCAL, self._shown_token()))

    def _do_stop_by_unplugging(self) -> None:
        self._departed = True
        self._end_with(Cause(TriggerReason.EV_COMMUNICATION_LOST, StoppedReason.EV_DISCONNECTED))

    def _do_stop_by_fault(self) -> None:
        fault = cast("ev.FaultAppeared", self._event).fault
        reason = CATALOGUE[fault].ends_transaction or StoppedReason.OTHER
        self._end_with(Cause(TriggerReason.ABNORMAL_CONDITION, reason))

    def _do_stop_as_requested(self) -> None:
        request = cast("ev.StopRequested", self._event)
        self._end_with(Cause(request.trigger, request.reason))

    def _end_with(self, cause: Cause) -> None:
        """Keep the first cause: what follows it (the car leaving, say) does not change why it ended."""
        if self._ending is None:
            self._ending = cause
            self.recorder.end_began(cause)

    def _do_note_departure(self) -> None:
        self._departed = True

    def _do_time_out(self) -> None:
        self._ending = Cause(TriggerReason.EV_CONNECT_TIMEOUT, StoppedReason.TIMEOUT)

    def _do_give_up_waiting(self) -> None:
        if self.state is SessionState.AWAITING_EV:
            self._ending = Cause(TriggerReason.ABNORMAL_CONDITION, StoppedReason.OTHER)
            self._do_cancel()

    def _do_cancel(self) -> None:
        """Take the authorisation back from a driver who has not plugged in."""
        cause = self._ending or Cause(TriggerReason.STOP_AUTHORIZED, StoppedReason.LOCAL, self._shown_token())
        self._let_go(cause)

    def _do_miss_confirmation(self) -> None:
        if self.contactor_closed is False:
            return  # the board told so when it came back, not as a change
        self.faults[Fault.CONTACTOR_UNCONFIRMED] = "no feedback of the open contactor"
        self._opened_at_s = self._now.monotonic_s
        self._do_miss_reading()

    def _do_miss_reading(self) -> None:
        if not self._is_read:
            self._ending = replace(self._ending or _SUSPENDED, register_confirmed=False)

    def _do_end_authorization(self) -> None:
        cause = self._ending or Cause(TriggerReason.CHARGING_STATE_CHANGED)
        billed_wh = self.recorder.billable_until_wh
        self._let_go(cause)
        self._watch.account(self.recorder.register_wh if billed_wh is None else billed_wh)
        self.recorder.billable_until_wh = None
        self._served = self._stays_plugged()
        self._departed = self._plug_in_lost = self._is_read = False
        self.signing.close()
        if not self.recorder.is_open:
            self.recorder.signed(None, None)
        self._release_plug()

    def _release_plug(self) -> None:
        if self.rules.has_lock and self.contactor_closed is False and self.id_token is None:
            self._actions.append(UnlockConnector())

    def _do_end_plug_in(self) -> None:
        self._served = False
        self.session_number += 1

    def _let_go(self, cause: Cause) -> None:
        self.id_token = self.group_token = self._remote_start_id = None
        self.session_number += 1
        self._ending = None
        view = replace(self._view(), charging_state=self._resting_charging_state())
        if self._plug_in_lost:
            view = replace(view, ev_connected=False)  # whatever is connected now is another plug-in
        facts = self.recorder.observe(view, cause, self._now, offline=self.offline)
        self._actions += [Report(fact) for fact in facts]
