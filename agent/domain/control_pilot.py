"""Control pilot states to events of the car, by one table.

Source: IEC 61851-1 Table A.6 sequences 1.1/1.2 (plug in), 2.x (unplug), 4 (EV ready), 7/8 (EV stops), 12 (E/F), as
cited in facts: iec61851_facts.
"""

from typing import Final

from agent.domain.events import (
    Event,
    EvPluggedIn,
    EvRequestedPower,
    EvStoppedRequestingPower,
    EvUnplugged,
    FaultAppeared,
    FaultDisappeared,
    FaultSource,
)
from hal.api import Fault, PilotState

X1_GRACE_S: Final = 6.2
"""How long an EV may stay in C or D after the offer is withdrawn: 6 s, and what the wire may take from that.

Source: IEC 61851-1 Table A.6, sequence 10.2.
"""

_A, _B, _C, _D, _E, _F = PilotState
_PLUGGED: Final = frozenset({_B, _C, _D})
_ASKING: Final = frozenset({_C, _D})
_PILOT_DOWN: Final = FaultAppeared(Fault.PILOT, "control pilot at 0 V", FaultSource.CONTROL_PILOT)
_PILOT_WELL: Final = FaultDisappeared(Fault.PILOT, FaultSource.CONTROL_PILOT)


def _edge(before: PilotState, after: PilotState) -> tuple[Event, ...]:
    """Events of one edge between states that say something of the car (A-D)."""
    if after is _A:
        return (EvUnplugged(),) if before in _PLUGGED else ()
    events: list[Event] = []
    if before is _A:
        events.append(EvPluggedIn(simplified=after in _ASKING))
    if after in _ASKING and before not in _ASKING:
        events.append(EvRequestedPower())
    if after is _B and before in _ASKING:
        events.append(EvStoppedRequestingPower())
    return tuple(events)


class ControlPilot:
    """Remembers the last state that said something of the car; E and F say nothing of it."""

    def __init__(self) -> None:
        self._car: PilotState = _A
        self._down = False

    @property
    def plugged(self) -> bool:
        """True if a car is connected, as far as the pilot ever told."""
        return self._car in _PLUGGED

    @property
    def asking(self) -> bool:
        """True in C or D."""
        return self._car in _ASKING and not self._down

    def start_from(self, state: PilotState | None) -> None:
        """Take over a state without events: the board has just come up."""
        self._down = state is _E
        if state in {_A, _B, _C, _D}:
            self._car = state

    def changed(self, state: PilotState) -> tuple[Event, ...]:
        """Return what this state means, given the one before. F is the station's own doing and means nothing."""
        if state is _F:
            return ()
        if state is _E:
            if self._down:
                return ()
            self._down = True
            if self._car not in _ASKING:
                return (_PILOT_DOWN,)
            self._car = _B
            return (_PILOT_DOWN, EvStoppedRequestingPower())
        recovered: tuple[Event, ...] = (_PILOT_WELL,) if self._down else ()
        self._down = False
        events = _edge(self._car, state)
        self._car = state
        return recovered + events
