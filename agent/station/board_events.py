"""Board events to session events: a rule with the pilot's memory.

What a board tells of cable, temperatures and phases means nothing to a session yet, and is let go here.
"""

from typing import assert_never

from agent.domain import events as ev
from agent.domain.control_pilot import ControlPilot
from agent.domain.vocabulary import StoppedReason, TriggerReason
from hal.api import (
    BoardConnected,
    BoardEvent,
    BoardLost,
    BoardReset,
    CableDetected,
    FaultCleared,
    FaultRaised,
    LockChanged,
    OfferConfirmed,
    PhasesSwitched,
    PilotChanged,
    PilotState,
    PlugInCounted,
    PowerOff,
    PowerOn,
    StopButtonPressed,
    TemperatureMeasured,
)


class BoardTranslator:
    """Remembers the pilot and since when the board is away."""

    def __init__(self, pilot: ControlPilot) -> None:
        self._pilot = pilot
        self._known = False
        self._away_since_s: float | None = None

    def translate(self, event: BoardEvent) -> tuple[ev.Event, ...]:
        """What this means to the session."""
        match event:
            case BoardConnected():
                return self._connected(event)
            case BoardLost(at_s=at_s, last_heard_s=heard_s):
                return self._went_away(at_s if heard_s is None else heard_s)
            case BoardReset(at_s=at_s):
                return self._went_away(at_s)
            case PilotChanged(state):
                return self._pilot.changed(state) if self._known else ()
            case PowerOn():
                return (ev.PowerTurnedOn(),)
            case PowerOff():
                return (ev.PowerTurnedOff(),)
            case FaultRaised(fault, detail):
                return (ev.FaultAppeared(fault, detail),)
            case FaultCleared(fault):
                return (ev.FaultDisappeared(fault),)
            case PlugInCounted(counter):
                return (ev.PlugInProven(counter),)
            case LockChanged(locked):
                return (ev.LockMoved(locked),)
            case StopButtonPressed():
                return (ev.StopRequested(StoppedReason.LOCAL, TriggerReason.STOP_AUTHORIZED),)
            case OfferConfirmed() | CableDetected() | TemperatureMeasured() | PhasesSwitched():
                return ()
            case _:
                assert_never(event)

    def _went_away(self, since_s: float) -> tuple[ev.Event, ...]:
        """Silence counts from the last word and not from when it was noticed: so long it may have been dark."""
        self._away_since_s = since_s if self._away_since_s is None else self._away_since_s
        return (ev.BoardWasReset(),)

    def _connected(self, event: BoardConnected) -> tuple[ev.Event, ...]:
        """The board's answer first, then what the car did meanwhile."""
        status = event.status
        dark_s = 0.0 if self._away_since_s is None else event.at_s - self._away_since_s
        self._away_since_s = None
        if not self._known:
            self._pilot.start_from(status.pilot)
        elif status.restarted and status.pilot is PilotState.B and self._pilot.asking:
            self._pilot.start_from(status.pilot)  # the EV did not stop: the board that started offered it nothing
        self._known = True
        was_plugged, was_asking = self._pilot.plugged, self._pilot.asking
        changes = () if status.pilot is None else self._pilot.changed(status.pilot)
        answered = ev.BoardAnswered(
            plugged=was_plugged,
            ev_asks=was_asking,
            contactor_closed=status.contactor_closed,
            enabled=status.enabled,
            restarted=status.restarted,
            dark_s=dark_s,
            plug_in=status.plug_in,
        )
        return (answered, *changes)
