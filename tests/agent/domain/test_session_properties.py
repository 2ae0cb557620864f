"""Random sequences of events against the promises of a charging session."""

from typing import Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.domain import actions as act
from agent.domain import events as ev
from agent.domain.error_catalogue import CATALOGUE
from agent.domain.facts import TransactionEnded, TransactionStarted
from agent.domain.session_context import SessionRules
from agent.domain.session_state import SessionState
from agent.domain.session_table import ACTIVE, ENDING
from agent.domain.vocabulary import Authorization, AuthorizationStatus, StoppedReason, TriggerReason, TxPoint
from hal.api import Fault
from tests.agent.domain.session_rig import (
    DRIVER,
    FRIEND,
    GROUP,
    STRANGER,
    SessionRig,
    answered,
    assert_told_whole,
    counter,
    of,
    reading,
    stop,
)

TOKENS: Final = st.sampled_from([DRIVER, FRIEND, STRANGER])
GROUPS: Final = st.sampled_from([None, GROUP])
STATUSES: Final = st.sampled_from([AuthorizationStatus.ACCEPTED, AuthorizationStatus.INVALID])
COUNTERS: Final = st.builds(counter, st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
EVENTS: Final = st.one_of(
    st.builds(
        answered,
        plugged=st.booleans(),
        ev_asks=st.booleans(),
        contactor_closed=st.sampled_from([True, False, None]),
        enabled=st.booleans(),
        restarted=st.booleans(),
        dark_s=st.sampled_from([0.0, 60.0]),
        plug_in=st.none() | COUNTERS,
    ),
    st.sampled_from(
        [
            ev.BoardWasReset(),
            ev.EvPluggedIn(),
            ev.EvPluggedIn(simplified=True),
            ev.EvRequestedPower(),
            ev.EvStoppedRequestingPower(),
            ev.EvUnplugged(),
            ev.PowerTurnedOn(),
            ev.PowerTurnedOff(),
            ev.DeadlinePassed(),
            stop(),
            ev.StopRequested(StoppedReason.DEAUTHORIZED, TriggerReason.DEAUTHORIZED),
        ]
    ),
    st.builds(ev.FaultAppeared, st.sampled_from(Fault)),
    st.builds(ev.FaultDisappeared, st.sampled_from(Fault)),
    st.builds(ev.LockMoved, st.booleans()),
    st.builds(ev.PlugInProven, COUNTERS),
    st.builds(ev.TokenPresented, TOKENS),
    st.builds(ev.RemoteStartRequested, TOKENS, GROUPS, st.none() | st.integers(1, 9), st.booleans()),
    st.builds(ev.LimitChanged, st.sampled_from([0.0, 5.9, 6.0, 16.0])),
    st.builds(ev.OperativeChanged, st.booleans()),
    st.builds(ev.JournalHealthChanged, st.booleans()),
)
NUMBERED: Final = st.tuples(st.just("answer"), st.integers(-2, 0), TOKENS, STATUSES, GROUPS)
METERED: Final = st.tuples(st.just("meter"), st.none() | st.integers(0, 30))
WAITED: Final = st.tuples(st.just("wait"), st.sampled_from([0.5, 2.0, 7.0, 61.0]))
STEPS: Final = st.lists(st.one_of(EVENTS, EVENTS, EVENTS, NUMBERED, METERED, WAITED), max_size=40)
RULES: Final = st.builds(SessionRules, free_vend=st.none() | st.just(DRIVER), has_lock=st.booleans())
POINTS: Final = st.sets(st.sampled_from(TxPoint), min_size=1).map(frozenset)


class Watched(SessionRig):
    """A rig that checks every promise after every step."""

    register_wh = 1000

    def step(self, step: ev.Event | tuple[object, ...]) -> None:
        match step:
            case ("answer", int() as back, token, status, group):
                number = self.session.session_number + back
                self.checked(ev.AuthorizationAnswered(number, token, Authorization(status, group)))  # type: ignore[arg-type]  # as drawn by NUMBERED
            case ("meter", None):
                self.checked(ev.MeterSampled(reading(None, self.now_s)))
            case ("meter", int() as more):
                self.register_wh += more
                self.checked(ev.MeterSampled(reading(self.register_wh, self.now_s)))
            case ("wait", float() as seconds):
                self.check_actions(self.wait(seconds), None)
                self.check_state()
            case tuple():
                raise AssertionError(step)
            case _:
                self.checked(step)

    def checked(self, event: ev.Event) -> None:
        before = (self.session.state, self.session.id_token, len(self.facts), self.session.session_number)
        actions = self.feed(event)
        self.check_actions(actions, event)
        self.check_state()
        if isinstance(event, ev.AuthorizationAnswered) and event.session_number != before[3]:
            assert not actions, "an answer to an earlier session's question changes nothing"
            assert before == (self.session.state, self.session.id_token, len(self.facts), self.session.session_number)

    def check_actions(self, actions: list[act.Action], event: ev.Event | None) -> None:
        forbidden_at = [at for at, action in enumerate(actions) if isinstance(action, act.ForbidPower)]
        if event is not None:
            assert forbidden_at in ([], [0]), "forbidding power comes first"
        gives = [a for a in actions if isinstance(a, act.PermitPower)]
        gives_offer = [a for a in of(act.OfferCurrent, actions) if a.offered_current_a > 0]
        if gives or gives_offer:
            session = self.session
            assert session.state in ACTIVE
            assert session.id_token is not None
            assert session.plugged
            assert session.locked or not session.rules.has_lock
            assert not [fault for fault in session.faults if CATALOGUE[fault].blocks_power]
            assert session.limit_a >= session.rules.min_current_a
            assert all(offer.offered_current_a <= session.limit_a for offer in gives_offer)
        if event is not None and isinstance(event, ev.RemoteStartRequested | ev.StopRequested):
            assert len(of(act.Respond, actions)) == 1, "who asks is answered, once"

    def check_state(self) -> None:
        session = self.session
        if session.state in ENDING:
            assert session.deadline_s is not None
        if session.state is not SessionState.UNKNOWN:
            offered = self.offered_a()
            assert offered == 0 or session.state in ACTIVE, "no offer outlives what it was made for"
            if session.recorder.is_open and session.recorder.state is not None and session.state not in ENDING:
                assert session.recorder.state.id_token == session.id_token
        assert_told_whole(self.facts)

    def offered_a(self) -> float:
        return next((a.offered_current_a for a in reversed(of(act.OfferCurrent, self.actions))), 0.0)

    def leave(self) -> None:
        """The car goes, the contactor opens, the meter answers, and time goes by."""
        for fault in tuple(self.session.faults):
            self.checked(ev.FaultDisappeared(fault))
        self.step(answered(plugged=self.session.plugged, ev_asks=self.session.asking))
        self.step(("wait", 10.0))
        self.step(("meter", 0))
        self.step(ev.EvUnplugged())
        self.step(ev.PowerTurnedOff())
        self.step(("meter", 0))
        self.step(("wait", 61.0))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rules=RULES, operative=st.booleans(), steps=STEPS)
def test_no_sequence_of_events_breaks_a_promise(
    rules: SessionRules, operative: bool, steps: list[ev.Event | tuple[object, ...]]
) -> None:
    rig = Watched(rules, operative=operative)
    for step in steps:
        rig.step(step)
    rig.leave()
    assert rig.session.state in {SessionState.AVAILABLE, SessionState.UNAVAILABLE}
    assert len(of(TransactionStarted, rig.facts)) == len(of(TransactionEnded, rig.facts))
    assert rig.offered_a() == 0


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(start=POINTS, stop_points=POINTS, steps=STEPS)
def test_whatever_the_transaction_points_are_a_transaction_is_told_whole(
    start: frozenset[TxPoint], stop_points: frozenset[TxPoint], steps: list[ev.Event | tuple[object, ...]]
) -> None:
    rig = Watched()
    rig.session.recorder.start_points, rig.session.recorder.stop_points = start, stop_points
    for step in steps:
        rig.step(step)
    rig.leave()
    assert_told_whole(rig.facts)
