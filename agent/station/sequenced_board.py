"""Carries out the pilot sequences for a board that leaves them to its host; itself a `PilotController` (runner).

* `forbid_power` passes at once and before anything else.
* A permission is kept back while phases are switched, and passed on afterwards if it is still unexpired.
* `OfferConfirmed` passes only while the board has been told what the session last wished: until then a lowered offer
  counts as held (`HeldOffer`), so that the shared supply is never exceeded by a lowering that waits its turn.
* For a board that does the sequences itself only the pacing of the duty cycle applies.
"""

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

from agent.domain.pilot_commands import (
    Command,
    ConnectPhases,
    InterruptPilot,
    OfferOnPilot,
    OpenContactor,
    SequenceValues,
    SteadyPilot,
)
from agent.domain.pilot_sequences import PilotSequences
from hal.abilities import Phases, PhaseSwitch, PilotInterrupt
from hal.api import (
    BoardCapabilities,
    BoardConnected,
    BoardEvent,
    BoardLost,
    BoardReset,
    ForbidReason,
    OfferConfirmed,
    PhasesSwitched,
    PilotChanged,
    PilotController,
    PowerOff,
    PowerOn,
)

logger = logging.getLogger(__name__)


class SequencedBoard:
    """A board behind `PilotSequences`; implements `PilotController` and `PhaseSwitch`."""

    def __init__(
        self,
        board: PilotController,
        values: SequenceValues | None = None,
        *,
        interrupt: PilotInterrupt | None = None,
        phase_switch: PhaseSwitch | None = None,
    ) -> None:
        values = values or SequenceValues()
        wakes_up = values.wakes_up and interrupt is not None and board.capabilities.leaves_sequences_to_host
        in_f = values.phase_switch_in_f and interrupt is not None
        self.sequences = PilotSequences(replace(values, wakes_up=wakes_up, phase_switch_in_f=in_f))
        self._board = board
        self._interrupt = interrupt
        self._phase_switch = phase_switch
        self._permitted_until_s = -math.inf
        self._held_power = False
        self._timer: asyncio.TimerHandle | None = None

    @property
    def capabilities(self) -> BoardCapabilities:
        """What the board can do; constant."""
        return self._board.capabilities

    @property
    def last_beat_s(self) -> float:
        """When the board's driver last came round."""
        return self._board.last_beat_s

    def offer_current(self, offered_current_a: float) -> None:
        """Wish this on the pilot, A; the board is told when a change is allowed. 0 goes at once."""
        commands = self.sequences.wish(offered_current_a, _now_s())
        if not commands and self.sequences.is_settled:
            self._board.offer_current(self.sequences.wished_a)  # no change: a board found running is to hear it still
        self._perform(commands)

    def permit_power(self, until_s: float) -> None:
        """Let the contactor close when the EV asks; kept back while phases are switched."""
        self._permitted_until_s = until_s
        if not self.sequences.holds_power:
            self._board.permit_power(until_s)

    def forbid_power(self, reason: ForbidReason) -> None:
        """Open the contactor at once."""
        self._board.forbid_power(reason)
        self._permitted_until_s = -math.inf

    def phase_refusal(self, phases: Phases) -> str | None:
        """Why so many phases will not be connected now; None: they will."""
        if self._phase_switch is None:
            return "this board has no phase switch"
        return self.sequences.refusal(phases)

    def switch_phases(self, phases: Phases) -> None:
        """Connect so many phases, in order; a refused wish is logged. `PhasesSwitched` tells when it is done."""
        refusal = self.phase_refusal(phases)
        if refusal is not None:
            logger.warning("phases not switched phases=%d reason=%s", phases, refusal)
            return
        self._perform(self.sequences.wish_phases(phases, _now_s()))

    async def run(self, emit: Callable[[BoardEvent], None]) -> None:
        """Run the board for ever; returns only on cancellation."""

        def take(event: BoardEvent) -> None:
            if not isinstance(event, OfferConfirmed) or self.sequences.is_settled:
                emit(event)
            self._perform(self._follow(event))

        await self._board.run(take)

    def _follow(self, event: BoardEvent) -> list[Command]:
        rule, now_s = self.sequences, _now_s()
        match event:
            case PilotChanged(state):
                return rule.pilot_changed(state, now_s)
            case PowerOn() | PowerOff():
                return rule.contactor_changed(isinstance(event, PowerOn), now_s)
            case BoardConnected(status):
                commands = rule.contactor_changed(status.contactor_closed, now_s)
                return commands + rule.pilot_changed(status.pilot, now_s)
            case BoardLost() | BoardReset():
                commands = rule.contactor_changed(None, now_s)
                return commands + rule.pilot_changed(None, now_s)
            case PhasesSwitched(phases=(1 | 3) as phases):
                return rule.phases_switched(phases, now_s)
        return []

    def _perform(self, commands: list[Command]) -> None:
        for command in commands:
            match command:
                case OfferOnPilot(current_a):
                    self._board.offer_current(current_a)
                case SteadyPilot():
                    self._board.offer_current(0.0)
                case InterruptPilot():
                    self._interrupt_pilot()
                case OpenContactor():
                    self._board.forbid_power(ForbidReason.STOPPED)
                case ConnectPhases(phases):
                    self._connect_phases(phases)
                case _:
                    assert_never(command)
        self._give_back_power()
        self._arm()

    def _interrupt_pilot(self) -> None:
        if self._interrupt is not None:
            self._interrupt.interrupt_pilot()

    def _connect_phases(self, phases: Phases) -> None:
        if self._phase_switch is not None:
            self._phase_switch.switch_phases(phases)

    def _give_back_power(self) -> None:
        held_power, self._held_power = self._held_power, self.sequences.holds_power
        if held_power and not self._held_power and self._permitted_until_s > _now_s():
            self._board.permit_power(self._permitted_until_s)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline_s = self.sequences.deadline_s
        if deadline_s is not None:
            self._timer = asyncio.get_running_loop().call_at(deadline_s, self._time_passed)

    def _time_passed(self) -> None:
        self._timer = None
        self._perform(self.sequences.time_passed(_now_s()))


def _now_s() -> float:
    return asyncio.get_running_loop().time()
