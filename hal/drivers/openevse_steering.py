"""From what the agent asks and the board answers to events and to the next command (rule).

Time comes in with every call, bytes and tasks are elsewhere. Permission, faults and the opening of the contactor are
decided here; `openevse_plan` turns the outcome into one command at a time.
Source: facts: rapi_openevse; iec61851_facts, sequences 7-10 and 12.
"""

import logging
import math
from typing import Final

from hal.api import (
    BoardConnected,
    BoardEvent,
    BoardStatus,
    Fault,
    ForbidReason,
    PilotChanged,
    PilotState,
    PlugInCounted,
    PowerOff,
    PowerOn,
)
from hal.codecs.rapi import EnergyReply, HeartbeatReply, Reply, StateReply, StateReported
from hal.codecs.rapi_values import MIN_CURRENT_A, TIME_LIMIT_STEP_MIN, EvseState, HeartbeatTrigger, Verb, VFlags
from hal.drivers.openevse_faults import FaultLedger
from hal.drivers.openevse_identity import Identity, accepted, plug_in_counter
from hal.drivers.openevse_marks import RestartMarks, idle_current_a
from hal.drivers.openevse_offer import OfferLedger, current_answered, heartbeat_answered
from hal.drivers.openevse_plan import (
    FAST_POLL_S,
    HOLD_F_S,
    Command,
    Known,
    Target,
    Wanted,
    next_command,
    next_due_s,
    target,
)
from hal.drivers.openevse_state import OpenEvseState
from hal.drivers.openevse_temperature import Thermometer
from hal.value import dataclass

logger = logging.getLogger(__name__)

RETURN_GRACE_S: Final = 0.5
"""How long an EV that came back may stay in C without permission: less than the board's B->C to relay, 1.33 s."""
_FAST_FOR_S: Final = 5.0
"""Longer than the board takes to open after `$FS`."""
_REPEAT_S: Final = 1.0
_ENERGY_POLL_S: Final = 5.0
_TIME_LIMIT_RETRY_S: Final = 60.0
_SECONDS_PER_STEP: Final = TIME_LIMIT_STEP_MIN * 60
_ASKING: Final = frozenset({PilotState.C, PilotState.D})
_AWAKE: Final = frozenset({EvseState.UNKNOWN, EvseState.A, EvseState.B, EvseState.C})
_CHANGES: Final = frozenset({Verb.ENABLE, Verb.DISABLE, Verb.SLEEP})


@dataclass(frozen=True, slots=True)
class Settings:
    """Configured values of one board."""

    max_current_a: int
    poll_interval_s: float
    heartbeat_interval_s: int
    heartbeat_fallback_a: int
    time_limit_steps: int
    adoption_grace_s: float
    opening_time_s: float
    stop_opening_time_s: float
    allow_protection_off: frozenset[str]
    stored_current_a: int | None
    """What the board offers after darkness until it is steered; None leaves the board's own."""


class Steering:
    """Knows what is wanted of one board and what the board is."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.wanted = Wanted()
        self.known = Known(settings.time_limit_steps)
        self.board = OpenEvseState()
        self.connected = False
        self._faults = FaultLedger()
        self._marks = RestartMarks()
        self._offer = OfferLedger(self.wanted, self.board)
        self._thermometer = Thermometer(is_used="temperature" not in settings.allow_protection_off)
        self._state_asked_after_change = False
        self._fast_until_s = -math.inf

    # What the agent asks.

    def offer(self, offered_current_a: float, now_s: float) -> None:
        """Take a new offer; less than 6 A is none (trap 2: `$SC` must never stop)."""
        floor_a = min(math.floor(offered_current_a), self.settings.max_current_a)
        self.wanted.offered_current_a = floor_a if floor_a >= MIN_CURRENT_A else 0
        self.wanted.refused_current_a = None
        self._offer.is_asked = True
        if self.wanted.offered_current_a == 0:
            self.wanted.undecided_until_s = self.wanted.waits_for_ev_until_s = -math.inf
        self._quicken(now_s)

    def permit(self, until_s: float, now_s: float) -> None:
        """Take a new lease; an expired one is none."""
        if now_s >= self.wanted.permitted_until_s:
            self._quicken(now_s)
        self.wanted.permitted_until_s = until_s
        self.wanted.waits_for_ev_until_s = -math.inf
        if not self.wanted.opening and self._may_run(now_s):
            self.wanted.open_by_s = math.inf

    def forbid(self, reason: ForbidReason, now_s: float) -> bool:
        """Withdraw permission; True if `$FD` must be written in this very call."""
        self.wanted.permitted_until_s = self.wanted.undecided_until_s = -math.inf
        self._quicken(now_s)
        if reason is ForbidReason.EV_STOPPED:
            self.wanted.waits_for_ev_until_s = now_s + RETURN_GRACE_S if self.board.pilot in _ASKING else math.inf
            if self.board.contactor_closed is not False:
                self._must_be_open_by(now_s + self.settings.opening_time_s)
            return False
        self.wanted.waits_for_ev_until_s = -math.inf
        if not self.known.stale and self.board.is_off_and_open:
            return False
        if reason is ForbidReason.FAULT and self.board.has_opened_by_itself:
            return False
        self._begin_opening()
        return True

    @property
    def lease_end_s(self) -> float:
        """When permission ends, or the grace of an EV that came back; infinite if there is nothing to end."""
        return max(self.wanted.permitted_until_s, self.wanted.waits_for_ev_until_s)

    # What the board tells.

    def lost(self) -> None:
        """The line is gone: nothing is known any more."""
        self._forget()
        self._offer.announced_a = None

    def restarted(self) -> None:
        """The board restarted: nothing is known, its contactor let go, and permission must be given anew."""
        self._forget()
        self.wanted.opening = False
        self.wanted.permitted_until_s = self.wanted.waits_for_ev_until_s = -math.inf

    def reported(self, report: StateReported, now_s: float) -> list[BoardEvent]:
        """Take an `$AT`."""
        if report.offered_current_a != self.known.current_a:
            self.known.current_a, self.known.asked_current_a = report.offered_current_a, None
        return self._observe(report.state, report.pilot, report.vflags, now_s)

    def booted(self, post_code: int, now_s: float) -> list[BoardEvent]:
        """Take the self-test result of an `$AB`; announced at once, for the board may say nothing more."""
        self.board.observe_boot(post_code)
        return self._changed_faults(now_s)

    def board_state(self, state: StateReply, now_s: float) -> None:
        """Take the state that was asked at connection; it is told as a whole in `BoardConnected`."""
        self.board.elapsed_s = state.elapsed_s
        self._observe(state.state, state.pilot, state.vflags, now_s)

    def sent(self, command: Command, now_s: float) -> None:
        """Note that this command is being written now."""
        known = self.known
        match command.verb:
            case Verb.SET_CURRENT:
                known.current_a = None
            case Verb.GET_STATE:
                self._state_asked_after_change = True
                fast = now_s < self._fast_until_s
                known.next_poll_s = now_s + (FAST_POLL_S if fast else self.settings.poll_interval_s)
            case Verb.SET_HEARTBEAT:
                known.next_heartbeat_s = now_s + self.settings.heartbeat_interval_s / 3
            case Verb.GET_ENERGY:
                known.next_energy_s = now_s + _ENERGY_POLL_S
            case Verb.GET_TEMPERATURES:
                self._thermometer.asked(now_s)
            case Verb.SET_TIME_LIMIT:
                known.next_time_limit_s = now_s + _TIME_LIMIT_RETRY_S
            case Verb.DISABLE:
                known.next_open_s = now_s + _REPEAT_S
                self._must_be_open_by(now_s + self.settings.opening_time_s)
            case Verb.SLEEP if self.board.contactor_closed is not False:
                self._must_be_open_by(now_s + self.settings.stop_opening_time_s)
        if command.verb in _CHANGES:
            known.stale, self._state_asked_after_change = True, False
            known.next_change_s = now_s + _REPEAT_S
            known.last_order = command.verb
            self._quicken(now_s)

    def answered(self, command: Command, reply: Reply, now_s: float) -> list[BoardEvent]:
        """Take a reply. Raises: BadFrameError, DeviceRefusedError."""
        match command.verb:
            case Verb.GET_STATE:
                state = StateReply.from_params(accepted(reply))
                self.board.elapsed_s = state.elapsed_s
                self.known.stale = not self._state_asked_after_change
                return self._observe(state.state, state.pilot, state.vflags, now_s)
            case Verb.SET_CURRENT:
                current_answered(self.wanted, self.known, int(command.params[0]), reply)
            case Verb.GET_HEARTBEAT | Verb.SET_HEARTBEAT:
                heartbeat_answered(self.known, command, reply, now_s)
            case Verb.SET_TIME_LIMIT if reply.ok:
                self.known.next_time_limit_s = now_s + self.known.time_limit_steps * _SECONDS_PER_STEP / 3
            case Verb.GET_ENERGY if reply.ok:
                energy = EnergyReply.from_params(reply.params)
                return [PlugInCounted(plug_in_counter(energy, self.board.elapsed_s), now_s)]
            case Verb.GET_ENERGY:
                self.known.next_energy_s = math.inf
            case Verb.GET_TEMPERATURES:
                return [self._thermometer.answered(reply, now_s)]
            case _ if not reply.ok:
                logger.warning("board refused command=%s", command.verb)
            case _:
                pass
        return []

    def order_at_once(self, found: StateReply, now_s: float) -> Verb | None:
        """Choose what a board that has just been found needs before all questions; None: it may stay as it is.

        It may have started by itself meanwhile, and closes 1.3 s after its car asks. Before the agent has decided, what
        runs goes on; a fault is left as it is (trap 8).
        """
        if self.wanted.opening:
            return Verb.DISABLE
        if self.wanted.offered_current_a is None or found.state not in _AWAKE:
            return None
        waits = now_s < max(self.wanted.waits_for_ev_until_s, self.wanted.undecided_until_s)
        return None if waits or self._may_run(now_s) else Verb.SLEEP

    def has_restarted(self, found: StateReply, identity: Identity) -> bool:
        """Tell whether the board was dark since it was configured; asked once, before it is configured anew."""
        restarted = self._marks.are_gone(identity) or self._lost_its_settings(found, identity)
        self._marks.forget()
        return restarted

    def identified(self, identity: Identity, now_s: float, *, restarted: bool) -> list[BoardEvent]:
        """Take what a configured board is; from now on events are told one by one."""
        if restarted:
            self.board.restarted()
            self.wanted.permitted_until_s = self.wanted.waits_for_ev_until_s = -math.inf
        self._judge(identity)
        adopts = self.board.enabled and self.board.ev_connected and not restarted and not self._may_run(now_s)
        self.wanted.undecided_until_s = now_s + self.settings.adoption_grace_s if adopts else -math.inf
        self.connected = True
        self._quicken(now_s)
        status = BoardStatus(
            firmware_version=identity.firmware_version,
            pilot=self.board.pilot,
            contactor_closed=self.board.contactor_closed,
            enabled=self.board.enabled,
            restarted=restarted,
            plug_in=identity.plug_in,
        )
        return [*self._changed_faults(now_s), BoardConnected(status, now_s)]

    def heartbeat_is_ours(self, heartbeat: HeartbeatReply | None) -> bool:
        """Tell whether the board has our heartbeat settings."""
        ours = (self.settings.heartbeat_interval_s, self.settings.heartbeat_fallback_a)
        return heartbeat is not None and (heartbeat.interval_s, heartbeat.fallback_current_a) == ours

    def _lost_its_settings(self, found: StateReply, identity: Identity) -> bool:
        """Tell whether the board lacks what was set when it was configured, as another agent would find it too.

        `$SY` may survive darkness in EEPROM, but not that it ever missed us, nor a volatile current or the time limit
        of a plug-in. The time limit alone proves nothing: unplugging clears it as well.
        """
        heartbeat = identity.heartbeat
        if heartbeat is not None and not self.heartbeat_is_ours(heartbeat):
            return True
        if heartbeat is not None and heartbeat.trigger != HeartbeatTrigger.NEVER_MISSED:
            return False
        steered = self.settings.stored_current_a not in {None, identity.offered_current_a}
        runs = found.state in _AWAKE and VFlags.EV_CONNECTED in found.vflags
        return runs and not steered and VFlags.TIME_LIMIT not in found.vflags

    def safe_current_a(self, identity: Identity, *, restarted: bool) -> int:
        """Current to configure at connection: what is wanted, else what a car is being given, else the least."""
        if self.wanted.offered_current_a:
            return self.wanted.offered_current_a
        if self.board.enabled and not restarted:
            return min(identity.offered_current_a, self.settings.max_current_a)
        return idle_current_a(self.settings.stored_current_a, self.settings.max_current_a)

    # What follows.

    def step(self, now_s: float) -> tuple[list[BoardEvent], Command | None]:
        """Settle what time has brought, then choose the next command."""
        events = self._check_opening(now_s)
        self.wanted.faulty = self._faults.any
        aim = target(self.wanted, self.board, now_s)
        closed = self.board.contactor_closed
        asked_to_stop = self.wanted.offered_current_a == 0 and not self.wanted.faulty
        if aim is Target.ASLEEP and self.board.enabled and closed and not asked_to_stop and not self.wanted.opening:
            self._begin_opening()
        if self.connected:
            events += self._offer.events(self.known, now_s)
        command = next_command(self.wanted, self.known, self.board, now_s)
        return events, command or self._thermometer.command(now_s)

    def next_due_s(self, now_s: float) -> float:
        """When to call `step` again if nothing happens before."""
        return min(next_due_s(self.wanted, self.known, now_s), self._thermometer.next_s)

    def _forget(self) -> None:
        if self.connected:
            self._marks.keep(self.known)
        self.connected = False
        self._thermometer.forget()
        self.board.forget()
        self.known = Known(self.settings.time_limit_steps)

    def _quicken(self, now_s: float) -> None:
        self._fast_until_s = now_s + _FAST_FOR_S
        self.known.next_poll_s = min(self.known.next_poll_s, now_s + FAST_POLL_S)

    def _may_run(self, now_s: float) -> bool:
        return target(self.wanted, self.board, now_s) is Target.ENABLED

    def _begin_opening(self) -> None:
        self.wanted.opening = True
        self.known.open_since_s = None
        self.known.next_open_s = -math.inf

    def _must_be_open_by(self, time_s: float) -> None:
        self.wanted.open_by_s = min(self.wanted.open_by_s, time_s)

    def _observe(self, state: EvseState, pilot: EvseState, vflags: VFlags, now_s: float) -> list[BoardEvent]:
        events = self.board.observe(state, pilot, vflags, now_s)
        if self.board.contactor_closed is False:
            self._seen_open(now_s)
        if events:
            self._quicken(now_s)
        if not self.board.ev_connected:
            self.known.next_energy_s = -math.inf  # the proof of the next plug-in is due at once
        self._watch_return(events, now_s)
        if not self.connected:
            return []
        told: list[BoardEvent] = [event for event in events if isinstance(event, PilotChanged)]
        told += self._changed_faults(now_s)
        return told + [event for event in events if isinstance(event, PowerOn | PowerOff)]

    def _seen_open(self, now_s: float) -> None:
        self.wanted.open_by_s = math.inf
        self._faults.stand(Fault.CONTACTOR_UNCONFIRMED, "")
        evse = self.board.evse
        at_rest = evse is EvseState.DISABLED or (evse is not None and evse.is_fault)
        if self.wanted.opening and at_rest and self.known.open_since_s is None:
            self.known.open_since_s = now_s

    def _watch_return(self, events: list[BoardEvent], now_s: float) -> None:
        if self.wanted.waits_for_ev_until_s == -math.inf:
            return
        for event in events:
            if isinstance(event, PilotChanged) and event.state in _ASKING:
                self.wanted.waits_for_ev_until_s = min(self.wanted.waits_for_ev_until_s, now_s + RETURN_GRACE_S)
            elif isinstance(event, PilotChanged) and event.state is PilotState.B:
                self.wanted.waits_for_ev_until_s = math.inf

    def _check_opening(self, now_s: float) -> list[BoardEvent]:
        since_s = self.known.open_since_s
        if self.wanted.opening and since_s is not None and now_s >= since_s + HOLD_F_S:
            self.wanted.opening = False
            self.known.open_since_s = None
            self.known.next_change_s = now_s
        if now_s < self.wanted.open_by_s or self.board.contactor_closed is False:
            return []
        self.wanted.open_by_s = math.inf
        if not self.wanted.opening:
            self._begin_opening()
        elif self.board.fault is not Fault.CONTACTOR_WELDED:  # which says more
            self._faults.stand(Fault.CONTACTOR_UNCONFIRMED, "no feedback of an open contactor after $FD")
        return self._changed_faults(now_s)

    def _judge(self, identity: Identity) -> None:
        """Refuse by name what must not be used; a standing refusal keeps the board from being enabled."""
        off = [name for name in identity.protections_off if name not in self.settings.allow_protection_off]
        self._faults.stand(Fault.PROTECTION_OFF, ", ".join(off))
        self._faults.stand(Fault.BOARD_FIRMWARE, identity.foreign_protocol)
        missing = "" if identity.heartbeat is not None else "no heartbeat supervision in this firmware"
        self._faults.stand(Fault.BOARD_UNSUITABLE, missing)

    def _changed_faults(self, now_s: float) -> list[BoardEvent]:
        return self._faults.changes(self.board.fault, self.board.fault_detail, now_s)
