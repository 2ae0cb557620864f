"""IEC 61851-1 Table A.6, as far as a pilot state says something of the car."""

import pytest

from agent.domain import events as ev
from agent.domain.control_pilot import ControlPilot
from hal.api import Fault, PilotState

PLUG, PLUG_ASKING = ev.EvPluggedIn(), ev.EvPluggedIn(simplified=True)
ASK, REST, LEAVE = ev.EvRequestedPower(), ev.EvStoppedRequestingPower(), ev.EvUnplugged()
DOWN = ev.FaultAppeared(Fault.PILOT, "control pilot at 0 V", ev.FaultSource.CONTROL_PILOT)
UP = ev.FaultDisappeared(Fault.PILOT, ev.FaultSource.CONTROL_PILOT)


@pytest.mark.parametrize(
    ("states", "events"),
    [
        ("A", ()),
        ("AB", (PLUG,)),
        ("AC", (PLUG_ASKING, ASK)),
        ("AD", (PLUG_ASKING, ASK)),
        ("ABC", (PLUG, ASK)),
        ("ABCD", (PLUG, ASK)),
        ("ABCB", (PLUG, ASK, REST)),
        ("ABA", (PLUG, LEAVE)),
        ("ABCA", (PLUG, ASK, LEAVE)),
        ("ABCBCB", (PLUG, ASK, REST, ASK, REST)),
        ("ABFB", (PLUG,)),
        ("ABE", (PLUG, DOWN)),
        ("ABEE", (PLUG, DOWN)),
        ("ABEB", (PLUG, DOWN, UP)),
        ("ABCE", (PLUG, ASK, DOWN, REST)),
        ("ABCEC", (PLUG, ASK, DOWN, REST, UP, ASK)),
        ("ABCEA", (PLUG, ASK, DOWN, REST, UP, LEAVE)),
        ("AEA", (DOWN, UP)),
    ],
)
def test_states_become_what_the_car_did(states: str, events: tuple[ev.Event, ...]) -> None:
    pilot = ControlPilot()
    assert tuple(event for state in states for event in pilot.changed(PilotState(state))) == events


@pytest.mark.parametrize(("state", "plugged", "asking"), [("A", False, False), ("B", True, False), ("D", True, True)])
def test_it_starts_from_a_state_without_events(state: str, plugged: bool, asking: bool) -> None:
    pilot = ControlPilot()
    pilot.start_from(PilotState(state))
    assert (pilot.plugged, pilot.asking) == (plugged, asking)


def test_a_start_without_a_known_state_leaves_the_car_as_it_was() -> None:
    pilot = ControlPilot()
    pilot.start_from(PilotState.C)
    pilot.start_from(None)
    assert pilot.plugged
    pilot.start_from(PilotState.E)
    assert pilot.plugged
    assert not pilot.asking
