"""Pilot sequences that a board leaves to its host: pacing, pause, wake-up, phase switching (rule).

Stands between the session's wish and the board. Invariants:
* The duty cycle changes at most once in 5 s; withdrawing, and the first offer after it, go at once.
* Never less than 6 A (10 %) on the pilot: a smaller wish is X1.
* F to wake a sleeping EV only while it is in B: once in a plug-in in which it never asked for power, and once for an
  offer after a pause that stopped it from drawing or in which it still had never asked.
* Phases are switched only with the contactor confirmed open for the dead time, and never with an offer on the pilot.
* When nothing changes any more, the last wish is reached.
Source: IEC 61851-1 Table A.6 sequences 5, 6, 10.2 and A.5.3, as cited in facts: iec61851_facts; lessons 31, 32 and 65.
"""

import math
from collections.abc import Callable
from typing import Final

from agent.domain.deadlines import TIMER_TOLERANCE_S
from agent.domain.pilot_commands import (
    Command,
    ConnectPhases,
    InterruptPilot,
    OfferOnPilot,
    OpenContactor,
    SequenceValues,
    SteadyPilot,
    Step,
)
from hal.abilities import Phases
from hal.api import PilotState

MIN_CURRENT_A: Final = 6.0
_ASKING: Final = frozenset({PilotState.C, PilotState.D})
_PLUGGED: Final = frozenset({PilotState.B, *_ASKING})
_NOT_DRAWING: Final = frozenset({PilotState.A, PilotState.B, PilotState.E})
_HOLDING_POWER: Final = frozenset({Step.OPENING, Step.DEAD_TIME, Step.SWITCHING})


class PilotSequences:
    """Follows wish, pilot and contactor of one EVSE; every input returns the commands that follow, in order."""

    def __init__(self, values: SequenceValues) -> None:
        self.values = values
        self.step = Step.WITHDRAWN
        self.wished_a = 0.0
        self.offered_a = 0.0
        """On the pilot now, A; 0 in X1 and F."""
        self.wished_phases: Phases = values.phases
        self.phases: Phases | None = values.phases
        """Connected; None while a switching is not confirmed."""
        self.phase_switches = 0
        """Since the car came."""
        self._pilot: PilotState | None = None
        self._contactor_closed: bool | None = None
        self._since_s = self._changed_s = self._offered_since_s = self._pilot_since_s = self._opened_s = -math.inf
        self._may_wake = True
        self._has_asked = False
        """The EV was in C or D in this plug-in."""
        self._was_asking_when_withdrawn = False
        self._commands: list[Command] = []
        self._advance: dict[Step, Callable[[float], Step]] = {
            Step.WITHDRAWN: self._withdrawn,
            Step.OFFERING: self._offering,
            Step.WAKING: self._waking,
            Step.RETURNING: self._returning,
            Step.LETTING_GO: self._letting_go,
            Step.OPENING: self._opening,
            Step.DEAD_TIME: self._dead_time,
            Step.SWITCHING: self._switching,
        }

    # ------------------------------------------------------------------ inputs

    def wish(self, offered_a: float, now_s: float) -> list[Command]:
        """The session wants this offered, A; less than 6 A is none."""
        self.wished_a = offered_a if offered_a >= MIN_CURRENT_A else 0.0
        return self.time_passed(now_s)

    def wish_phases(self, phases: Phases, now_s: float) -> list[Command]:
        """So many phases are wanted; nothing follows if `refusal` says why not."""
        if self.refusal(phases) is None:
            self.wished_phases = phases
        return self.time_passed(now_s)

    def refusal(self, phases: Phases) -> str | None:
        """Why so many phases will not be connected now; None: they will."""
        if phases in {self.phases, self.wished_phases}:
            return None
        if self.phase_switches >= self.values.max_phase_switches:
            return f"phases were switched {self.phase_switches} times in this plug-in already"
        if phases > 1 and self._pilot in _PLUGGED and not self.values.one_to_three_while_plugged:
            return "one to three phases under a plugged-in car is forbidden by configuration"
        return None

    def pilot_changed(self, state: PilotState | None, now_s: float) -> list[Command]:
        """The board sees this on the pilot; None: unknown."""
        if state is not self._pilot:
            self._pilot, self._pilot_since_s = state, now_s
        if state is PilotState.A:
            self._may_wake, self._has_asked, self._was_asking_when_withdrawn = True, False, False
            self.phase_switches = 0
        elif state in _ASKING:
            self._may_wake, self._has_asked = False, True
        return self.time_passed(now_s)

    def contactor_changed(self, closed: bool | None, now_s: float) -> list[Command]:  # noqa: FBT001 - feedback
        """Feedback of the contactor; None: unknown."""
        if closed is False and self._contactor_closed is not False:
            self._opened_s = now_s
        self._contactor_closed = closed
        return self.time_passed(now_s)

    def phases_switched(self, phases: Phases, now_s: float) -> list[Command]:
        """Feedback of the phase switch."""
        self.phases = phases
        return self.time_passed(now_s)

    def time_passed(self, now_s: float) -> list[Command]:
        """Take every step that is due."""
        while True:
            following = self._advance[self.step](now_s)
            if following is self.step:
                break
            self.step, self._since_s = following, now_s
        commands, self._commands = self._commands, []
        return commands

    # ------------------------------------------------------------------ what others see

    @property
    def holds_power(self) -> bool:
        """True while no permission may reach the board."""
        return self.step in _HOLDING_POWER

    @property
    def is_settled(self) -> bool:
        """True while what is on the pilot is what the session wants."""
        return self.step in {Step.WITHDRAWN, Step.OFFERING} and self.offered_a == self.wished_a

    @property
    def deadline_s(self) -> float | None:
        """Monotonic time at which `time_passed` is to be called, if any."""
        match self.step:
            case Step.OFFERING:
                due_s = min(self._duty_due_s, self._wake_up_due_s)
            case Step.WAKING:
                due_s = self._since_s + self.values.wake_up_f_s
            case Step.RETURNING:
                due_s = self._since_s + self.values.wake_up_x1_s
            case Step.LETTING_GO:
                due_s = self._since_s + self.values.x1_grace_s
            case Step.DEAD_TIME:
                due_s = self._opened_s + self.values.phase_dead_time_s
            case Step.SWITCHING:
                due_s = self._since_s + self.values.phase_confirm_s
            case _:
                due_s = math.inf
        return due_s if math.isfinite(due_s) else None

    @property
    def _duty_due_s(self) -> float:
        changes = self.offered_a != self.wished_a
        return self._changed_s + self.values.duty_interval_s if changes else math.inf

    @property
    def _wake_up_due_s(self) -> float:
        sleeps = self._pilot is PilotState.B and self._contactor_closed is not True
        if not (self.values.wakes_up and self._may_wake and sleeps):
            return math.inf
        return max(self._pilot_since_s, self._offered_since_s) + self.values.wake_up_after_s

    # ------------------------------------------------------------------ steps

    def _withdrawn(self, now_s: float) -> Step:
        if self._is_switch_wanted:
            return self._let_go()
        if not self.wished_a:
            return Step.WITHDRAWN
        self._may_wake = not self._has_asked or self._was_asking_when_withdrawn
        return self._offer(now_s)

    def _offering(self, now_s: float) -> Step:
        if self._is_switch_wanted:
            return self._let_go()
        if not self.wished_a:
            return self._withdraw()
        if _is_due(self._duty_due_s, now_s):
            self._put_offer(now_s)
        if not _is_due(self._wake_up_due_s, now_s):
            return Step.OFFERING
        self._may_wake = False
        self._put(InterruptPilot())
        return Step.WAKING

    def _waking(self, now_s: float) -> Step:
        if self._is_switch_wanted:
            return self._let_go()
        if not self.wished_a:
            return self._withdraw()
        if self._pilot not in _ASKING and not _is_due(self._since_s + self.values.wake_up_f_s, now_s):
            return Step.WAKING
        self._put(SteadyPilot())
        return Step.RETURNING

    def _returning(self, now_s: float) -> Step:
        if self._is_switch_wanted:
            return self._let_go()
        if not self.wished_a:
            return self._withdraw()
        if self._pilot not in _ASKING and not _is_due(self._since_s + self.values.wake_up_x1_s, now_s):
            return Step.RETURNING
        return self._offer(now_s)

    def _letting_go(self, now_s: float) -> Step:
        if not self._is_switch_wanted:
            return self._resume(now_s)
        stopped = self._pilot in _NOT_DRAWING or self._contactor_closed is False
        if not stopped and not _is_due(self._since_s + self.values.x1_grace_s, now_s):
            return Step.LETTING_GO
        self._commands.append(OpenContactor())
        return Step.OPENING

    def _opening(self, now_s: float) -> Step:
        if not self._is_switch_wanted:
            return self._resume(now_s)
        return Step.DEAD_TIME if self._contactor_closed is False else Step.OPENING

    def _dead_time(self, now_s: float) -> Step:
        if not self._is_switch_wanted:
            return self._resume(now_s)
        if self._contactor_closed is not False:
            self._commands.append(OpenContactor())
            return Step.OPENING
        if not _is_due(self._opened_s + self.values.phase_dead_time_s, now_s):
            return Step.DEAD_TIME
        if self.phases is not None:
            self.phase_switches += 1
        self.phases = None
        self._commands.append(ConnectPhases(self.wished_phases))
        return Step.SWITCHING

    def _switching(self, now_s: float) -> Step:
        if not self._is_switch_wanted:
            return self._resume(now_s)
        if self._contactor_closed is not False:
            self._commands.append(OpenContactor())
            return Step.OPENING
        unconfirmed = _is_due(self._since_s + self.values.phase_confirm_s, now_s)
        return Step.DEAD_TIME if unconfirmed or self.phases is not None else Step.SWITCHING

    # ------------------------------------------------------------------ parts of steps

    @property
    def _is_switch_wanted(self) -> bool:
        return self.wished_phases != self.phases

    def _let_go(self) -> Step:
        self._note_withdrawal()
        self._put(InterruptPilot() if self.values.phase_switch_in_f else SteadyPilot())
        return Step.LETTING_GO

    def _withdraw(self) -> Step:
        self._note_withdrawal()
        self._put(SteadyPilot())
        return Step.WITHDRAWN

    def _resume(self, now_s: float) -> Step:
        if self.wished_a:
            return self._offer(now_s)
        if self.values.phase_switch_in_f:
            self._put(SteadyPilot())
        return Step.WITHDRAWN

    def _offer(self, now_s: float) -> Step:
        self._offered_since_s = now_s
        self._put_offer(now_s)
        return Step.OFFERING

    def _note_withdrawal(self) -> None:
        if self.offered_a:
            self._was_asking_when_withdrawn = self._pilot in _ASKING

    def _put_offer(self, now_s: float) -> None:
        self.offered_a, self._changed_s = self.wished_a, now_s
        self._commands.append(OfferOnPilot(self.wished_a))

    def _put(self, command: SteadyPilot | InterruptPilot) -> None:
        self.offered_a = 0.0
        self._commands.append(command)


def _is_due(time_s: float, now_s: float) -> bool:
    return now_s >= time_s - TIMER_TOLERANCE_S
