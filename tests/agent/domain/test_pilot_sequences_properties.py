"""What the pilot sequences never do, whatever happens in whatever order."""

from dataclasses import dataclass, field
from typing import Literal, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.pilot_commands import (
    Command,
    ConnectPhases,
    InterruptPilot,
    OfferOnPilot,
    SequenceValues,
    SteadyPilot,
    Step,
)
from agent.domain.pilot_sequences import PilotSequences
from hal.api import PilotState

TICK_S = 1e-5
VALUES = st.builds(
    SequenceValues,
    phase_switch_in_f=st.booleans(),
    one_to_three_while_plugged=st.booleans(),
    max_phase_switches=st.integers(0, 3),
    phase_dead_time_s=st.sampled_from([1.0, 10.0]),
)
EVENTS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.05, 0.7, 1.0, 3.0, 6.0, 12.0, 40.0, 200.0]),
        st.one_of(
            st.tuples(st.just("wish"), st.sampled_from([0.0, 5.0, 6.0, 10.0, 16.0, 32.0])),
            st.tuples(st.just("phases"), st.sampled_from([1, 3])),
            st.tuples(st.just("pilot"), st.sampled_from([*PilotState, None])),
            st.tuples(st.just("contactor"), st.sampled_from([True, False, None])),
            st.tuples(st.just("switched"), st.sampled_from([1, 3])),
        ),
    ),
    max_size=40,
)


@dataclass
class Watch:
    """Plays inputs, takes every deadline, and checks what is commanded."""

    rule: PilotSequences
    now_s: float = 1000.0
    pilot: PilotState | None = None
    closed: bool | None = None
    on_pilot_a: float | None = None
    changed_s: float = -1e9
    open_since_s: float = 1e9
    chances: int = 1
    wakes: int = 0
    log: list[Command] = field(default_factory=list)

    def wait(self, wait_s: float) -> None:
        end_s = self.now_s + wait_s
        while (deadline_s := self.rule.deadline_s) is not None and deadline_s <= end_s:
            assert deadline_s >= self.now_s - TICK_S, "a deadline that has passed was not taken"
            self.now_s = max(self.now_s, deadline_s)
            before = (self.rule.step, deadline_s)
            self.check(self.rule.time_passed(self.now_s))
            assert (self.rule.step, self.rule.deadline_s) != before, "a deadline that leads nowhere"
        self.now_s = end_s

    def feed(self, name: str, value: object) -> None:
        match name:
            case "wish":
                was_withdrawn = self.rule.step is Step.WITHDRAWN
                self.check(self.rule.wish(cast("float", value), self.now_s))
                self.chances += was_withdrawn and self.rule.step is Step.OFFERING
            case "phases":
                self.check(self.rule.wish_phases(cast("Literal[1, 3]", value), self.now_s))
            case "pilot":
                self.chances += value is PilotState.A
                self.pilot = cast("PilotState | None", value)
                self.check(self.rule.pilot_changed(self.pilot, self.now_s))
            case "contactor":
                self.open_since_s = self.now_s if value is False and self.closed is not False else self.open_since_s
                self.closed = cast("bool | None", value)
                self.check(self.rule.contactor_changed(self.closed, self.now_s))
            case _:
                self.check(self.rule.phases_switched(cast("Literal[1, 3]", value), self.now_s))

    def check(self, commands: list[Command]) -> None:
        self.log += commands
        for command in commands:
            match command:
                case OfferOnPilot(current_a):
                    assert current_a >= 6.0
                    assert self.rule.phases is not None, "an offer with unknown phases"
                    if self.on_pilot_a:
                        assert self.now_s - self.changed_s >= 5.0 - TICK_S, "two duty changes within 5 s"
                    self.on_pilot_a, self.changed_s = current_a, self.now_s
                case SteadyPilot():
                    self.on_pilot_a = 0.0
                case InterruptPilot():
                    if self.rule.step is Step.WAKING:
                        assert self.pilot is PilotState.B
                        assert self.closed is not True
                        self.wakes += 1
                    self.on_pilot_a = None
                case ConnectPhases():
                    assert self.closed is False, "phases switched under a contactor that is not open"
                    dead_s = self.now_s - self.open_since_s
                    assert dead_s >= self.rule.values.phase_dead_time_s - TICK_S
                    assert not self.on_pilot_a
                case _:
                    pass
        assert self.wakes <= self.chances


@settings(max_examples=400, deadline=None)
@given(values=VALUES, events=EVENTS)
def test_no_order_of_events_breaks_an_invariant_and_the_last_wish_is_reached(
    values: SequenceValues, events: list[tuple[float, tuple[str, object]]]
) -> None:
    watch = Watch(PilotSequences(values))
    for wait_s, (name, value) in events:
        watch.wait(wait_s)
        watch.feed(name, value)
    # The car goes as the pilot says, the contactor obeys, the switch confirms, and then nothing happens any more.
    watch.feed("pilot", PilotState.C)
    watch.wait(7.0)
    watch.feed("contactor", False)
    watch.wait(20.0)
    for _ in range(2):
        watch.feed("switched", watch.rule.wished_phases)
        watch.wait(60.0)
    assert watch.rule.is_settled
    assert (watch.on_pilot_a or 0.0) == watch.rule.wished_a
    assert watch.rule.phases == watch.rule.wished_phases


@settings(max_examples=200, deadline=None)
@given(values=VALUES, events=EVENTS)
def test_power_is_held_back_from_the_order_to_open_until_the_phases_are_known(
    values: SequenceValues, events: list[tuple[float, tuple[str, object]]]
) -> None:
    watch = Watch(PilotSequences(values))
    for wait_s, (name, value) in events:
        watch.wait(wait_s)
        watch.feed(name, value)
        assert watch.rule.holds_power or watch.rule.phases is not None
        assert not (watch.rule.holds_power and watch.rule.offered_a)
