import pytest

from agent.domain import events as ev
from agent.domain.control_pilot import ControlPilot
from agent.domain.vocabulary import StoppedReason, TriggerReason
from agent.station.board_events import BoardTranslator
from hal.api import (
    BoardConnected,
    BoardEvent,
    BoardLost,
    BoardReset,
    BoardStatus,
    CableDetected,
    Fault,
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
from tests.agent.domain.session_rig import counter


def connected(pilot: PilotState | None, at_s: float, *, restarted: bool = False) -> BoardConnected:
    return BoardConnected(BoardStatus("1", pilot, False, False, restarted, None), at_s)


def known(pilot: PilotState = PilotState.A) -> BoardTranslator:
    translator = BoardTranslator(ControlPilot())
    translator.translate(connected(pilot, 0.0))
    return translator


@pytest.mark.parametrize(
    ("event", "meaning"),
    [
        (PowerOn(1.0), (ev.PowerTurnedOn(),)),
        (PowerOff(1.0), (ev.PowerTurnedOff(),)),
        (FaultRaised(Fault.DIODE, "why", 1.0), (ev.FaultAppeared(Fault.DIODE, "why"),)),
        (FaultCleared(Fault.DIODE, 1.0), (ev.FaultDisappeared(Fault.DIODE),)),
        (PlugInCounted(counter(1, 2), 1.0), (ev.PlugInProven(counter(1, 2)),)),
        (LockChanged(True, 1.0), (ev.LockMoved(True),)),
        (StopButtonPressed(1.0), (ev.StopRequested(StoppedReason.LOCAL, TriggerReason.STOP_AUTHORIZED),)),
        (OfferConfirmed(16.0, 1.0), ()),
        (CableDetected(20.0, 1.0), ()),
        (TemperatureMeasured("pt1000_1", None, 1.0), ()),
        (PhasesSwitched(3, 1.0), ()),
        (BoardReset("watchdog", 1.0), (ev.BoardWasReset(),)),
        (PilotChanged(PilotState.B, 1.0), (ev.EvPluggedIn(),)),
    ],
)
def test_what_a_board_event_means(event: BoardEvent, meaning: tuple[ev.Event, ...]) -> None:
    assert known().translate(event) == meaning


def test_the_pilot_says_nothing_before_the_board_is_identified() -> None:
    assert BoardTranslator(ControlPilot()).translate(PilotChanged(PilotState.B, 1.0)) == ()


@pytest.mark.parametrize(("pilot", "plugged", "asks"), [("A", False, False), ("B", True, False), ("C", True, True)])
def test_the_first_answer_tells_the_car_without_an_edge(pilot: str, plugged: bool, asks: bool) -> None:
    (answered,) = BoardTranslator(ControlPilot()).translate(connected(PilotState(pilot), 5.0))
    assert isinstance(answered, ev.BoardAnswered)
    assert (answered.plugged, answered.ev_asks, answered.dark_s) == (plugged, asks, 0.0)


def test_a_car_that_left_while_the_board_was_away_is_told_after_the_answer() -> None:
    translator = known(PilotState.C)
    translator.translate(BoardLost("port", 10.0))
    translator.translate(BoardReset("again", 12.0))
    answered, unplugged = translator.translate(connected(PilotState.A, 40.0, restarted=True))
    assert isinstance(answered, ev.BoardAnswered)
    assert (answered.plugged, answered.dark_s, answered.restarted) == (True, 30.0, True)
    assert unplugged == ev.EvUnplugged()


def test_a_board_that_is_lost_at_time_zero_was_dark_since_then() -> None:
    translator = known()
    translator.translate(BoardLost("port", 0.0))
    translator.translate(BoardLost("port", 20.0))
    (answered,) = translator.translate(connected(None, 30.0))
    assert isinstance(answered, ev.BoardAnswered)
    assert answered.dark_s == 30.0


def test_a_board_was_dark_since_its_last_word_and_not_since_that_was_noticed() -> None:
    translator = known()
    translator.translate(BoardLost("nothing heard for 5.0 s", 15.0, 10.0))
    (answered,) = translator.translate(connected(None, 18.0, restarted=True))
    assert isinstance(answered, ev.BoardAnswered)
    assert answered.dark_s == 8.0


@pytest.mark.parametrize(("restarted", "stopped"), [(True, ()), (False, (ev.EvStoppedRequestingPower(),))])
def test_an_ev_in_b_at_a_board_that_restarted_has_not_stopped(restarted: bool, stopped: tuple[ev.Event, ...]) -> None:
    translator = known(PilotState.C)
    translator.translate(BoardLost("port", 10.0))
    answered, *changes = translator.translate(connected(PilotState.B, 20.0, restarted=restarted))
    assert isinstance(answered, ev.BoardAnswered)
    assert (answered.plugged, answered.ev_asks, tuple(changes)) == (True, not restarted, stopped)
