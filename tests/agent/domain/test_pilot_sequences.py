"""Every step of the pilot sequences under every input. Times: facts iec61851_facts (Table A.6, A.5.3)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest

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
from agent.domain.pilot_sequences import PilotSequences
from hal.api import PilotState

A, B, C, D, E, F = PilotState
VALUES: Final = SequenceValues()
NOW: Final = 1000.0


def due_s(rule: PilotSequences) -> float | None:
    return rule.deadline_s


def holds(rule: PilotSequences) -> bool:
    return rule.holds_power


def plugged(values: SequenceValues = VALUES) -> PilotSequences:
    rule = PilotSequences(values)
    rule.contactor_changed(False, NOW)
    rule.pilot_changed(A, NOW)
    rule.pilot_changed(B, NOW)
    return rule


def offering(values: SequenceValues = VALUES) -> PilotSequences:
    rule = plugged(values)
    assert rule.wish(16.0, NOW) == [OfferOnPilot(16.0)]
    return rule


def waking() -> PilotSequences:
    rule = offering()
    assert rule.time_passed(NOW + 30.0) == [InterruptPilot()]
    return rule


def returning() -> PilotSequences:
    rule = waking()
    assert rule.time_passed(NOW + 34.0) == [SteadyPilot()]
    return rule


def charging(values: SequenceValues = VALUES) -> PilotSequences:
    rule = offering(values)
    rule.pilot_changed(C, NOW)
    rule.contactor_changed(True, NOW)
    return rule


def letting_go(values: SequenceValues = VALUES) -> PilotSequences:
    rule = charging(values)
    expected: Command = InterruptPilot() if values.phase_switch_in_f else SteadyPilot()
    assert rule.wish_phases(1, NOW) == [expected]
    return rule


def opening() -> PilotSequences:
    rule = letting_go()
    assert rule.pilot_changed(B, NOW + 1) == [OpenContactor()]
    return rule


def dead_time() -> PilotSequences:
    rule = opening()
    assert rule.contactor_changed(False, NOW + 2) == []
    return rule


def switching() -> PilotSequences:
    rule = dead_time()
    assert rule.time_passed(NOW + 12) == [ConnectPhases(1)]
    return rule


START: Final[dict[Step, Callable[[], PilotSequences]]] = {
    Step.WITHDRAWN: plugged,
    Step.OFFERING: offering,
    Step.WAKING: waking,
    Step.RETURNING: returning,
    Step.LETTING_GO: letting_go,
    Step.OPENING: opening,
    Step.DEAD_TIME: dead_time,
    Step.SWITCHING: switching,
}

Input = Callable[[PilotSequences, float], list[Command]]
INPUTS: Final[dict[str, Input]] = {
    "wish 0": lambda rule, now_s: rule.wish(0.0, now_s),
    "wish 5": lambda rule, now_s: rule.wish(5.0, now_s),
    "wish 10": lambda rule, now_s: rule.wish(10.0, now_s),
    "1 phase": lambda rule, now_s: rule.wish_phases(1, now_s),
    "3 phases": lambda rule, now_s: rule.wish_phases(3, now_s),
    "A": lambda rule, now_s: rule.pilot_changed(A, now_s),
    "B": lambda rule, now_s: rule.pilot_changed(B, now_s),
    "C": lambda rule, now_s: rule.pilot_changed(C, now_s),
    "D": lambda rule, now_s: rule.pilot_changed(D, now_s),
    "E": lambda rule, now_s: rule.pilot_changed(E, now_s),
    "F": lambda rule, now_s: rule.pilot_changed(F, now_s),
    "pilot unknown": lambda rule, now_s: rule.pilot_changed(None, now_s),
    "open": lambda rule, now_s: rule.contactor_changed(False, now_s),
    "closed": lambda rule, now_s: rule.contactor_changed(True, now_s),
    "contactor unknown": lambda rule, now_s: rule.contactor_changed(None, now_s),
    "1 connected": lambda rule, now_s: rule.phases_switched(1, now_s),
    "3 connected": lambda rule, now_s: rule.phases_switched(3, now_s),
    "time": lambda rule, now_s: rule.time_passed(now_s),
}

X1, INTERRUPT, OPEN, ONE = SteadyPilot(), InterruptPilot(), OpenContactor(), ConnectPhases(1)
OFFER_16 = OfferOnPilot(16.0)

# What an input does a moment after a step was entered; everything else leaves the step and commands nothing.
EFFECTS: Final[dict[tuple[Step, str], tuple[Step, list[Command]]]] = {
    (Step.WITHDRAWN, "wish 10"): (Step.OFFERING, [OfferOnPilot(10.0)]),
    (Step.WITHDRAWN, "1 phase"): (Step.DEAD_TIME, [X1, OPEN]),
    (Step.WITHDRAWN, "1 connected"): (Step.DEAD_TIME, [X1, OPEN]),
    (Step.OFFERING, "wish 0"): (Step.WITHDRAWN, [X1]),
    (Step.OFFERING, "wish 5"): (Step.WITHDRAWN, [X1]),
    (Step.OFFERING, "1 phase"): (Step.DEAD_TIME, [X1, OPEN]),
    (Step.OFFERING, "1 connected"): (Step.DEAD_TIME, [X1, OPEN]),
    (Step.WAKING, "wish 0"): (Step.WITHDRAWN, [X1]),
    (Step.WAKING, "wish 5"): (Step.WITHDRAWN, [X1]),
    (Step.WAKING, "1 phase"): (Step.SWITCHING, [X1, OPEN, ONE]),  # the contactor has been open for 30 s
    (Step.WAKING, "1 connected"): (Step.SWITCHING, [X1, OPEN, ConnectPhases(3)]),
    (Step.WAKING, "C"): (Step.OFFERING, [X1, OFFER_16]),
    (Step.WAKING, "D"): (Step.OFFERING, [X1, OFFER_16]),
    (Step.RETURNING, "wish 0"): (Step.WITHDRAWN, [X1]),
    (Step.RETURNING, "wish 5"): (Step.WITHDRAWN, [X1]),
    (Step.RETURNING, "1 phase"): (Step.SWITCHING, [X1, OPEN, ONE]),
    (Step.RETURNING, "1 connected"): (Step.SWITCHING, [X1, OPEN, ConnectPhases(3)]),
    (Step.RETURNING, "C"): (Step.OFFERING, [OFFER_16]),
    (Step.RETURNING, "D"): (Step.OFFERING, [OFFER_16]),
    (Step.LETTING_GO, "A"): (Step.OPENING, [OPEN]),
    (Step.LETTING_GO, "B"): (Step.OPENING, [OPEN]),
    (Step.LETTING_GO, "E"): (Step.OPENING, [OPEN]),
    (Step.LETTING_GO, "open"): (Step.DEAD_TIME, [OPEN]),
    (Step.LETTING_GO, "3 phases"): (Step.OFFERING, [OFFER_16]),
    (Step.LETTING_GO, "1 connected"): (Step.OFFERING, [OFFER_16]),
    (Step.OPENING, "open"): (Step.DEAD_TIME, []),
    (Step.OPENING, "3 phases"): (Step.OFFERING, [OFFER_16]),
    (Step.OPENING, "1 connected"): (Step.OFFERING, [OFFER_16]),
    (Step.DEAD_TIME, "3 phases"): (Step.OFFERING, [OFFER_16]),
    (Step.DEAD_TIME, "1 connected"): (Step.OFFERING, [OFFER_16]),
    (Step.DEAD_TIME, "closed"): (Step.OPENING, [OPEN]),
    (Step.DEAD_TIME, "contactor unknown"): (Step.OPENING, [OPEN]),
    (Step.SWITCHING, "closed"): (Step.OPENING, [OPEN]),
    (Step.SWITCHING, "contactor unknown"): (Step.OPENING, [OPEN]),
    (Step.SWITCHING, "1 connected"): (Step.OFFERING, [OFFER_16]),
    (Step.SWITCHING, "3 connected"): (Step.SWITCHING, [ONE]),
}
MOMENT: Final = {
    Step.WAKING: NOW + 30.1,
    Step.RETURNING: NOW + 34.1,
    Step.OPENING: NOW + 1.1,
    Step.DEAD_TIME: NOW + 2.1,
    Step.SWITCHING: NOW + 12.1,
}


@pytest.mark.parametrize("step", Step)
@pytest.mark.parametrize("name", INPUTS)
def test_every_input_has_its_effect_in_every_step(step: Step, name: str) -> None:
    rule = START[step]()
    assert rule.step is step
    commands = INPUTS[name](rule, MOMENT.get(step, NOW + 0.1))
    assert (rule.step, commands) == EFFECTS.get((step, name), (step, []))


# ---------------------------------------------------------------------- pacing


def test_the_duty_cycle_follows_after_five_seconds_with_the_last_wish() -> None:
    rule = offering()
    assert rule.wish(10.0, NOW + 1) == []
    assert due_s(rule) == NOW + 5.5
    assert rule.wish(8.0, NOW + 2) == []
    assert rule.time_passed(NOW + 5.49) == []
    assert rule.time_passed(NOW + 5.5) == [OfferOnPilot(8.0)]
    assert rule.is_settled


def test_a_wish_that_returned_in_time_changes_nothing() -> None:
    rule = offering()
    rule.wish(10.0, NOW + 1)
    assert rule.wish(16.0, NOW + 2) == []
    assert rule.time_passed(NOW + 29) == []


def test_withdrawing_and_the_first_offer_after_it_go_at_once() -> None:
    rule = offering()
    assert rule.wish(0.0, NOW + 0.1) == [SteadyPilot()]
    assert rule.wish(10.0, NOW + 0.2) == [OfferOnPilot(10.0)]


def test_less_than_six_ampere_is_x1_and_never_a_smaller_duty() -> None:
    rule = offering()
    assert rule.wish(5.9, NOW + 9) == [SteadyPilot()]
    assert rule.offered_a == 0.0


def test_a_timer_that_fires_a_tick_early_counts() -> None:
    rule = offering()
    rule.wish(10.0, NOW + 1)
    assert rule.time_passed(NOW + 5.5 - 5e-7) == [OfferOnPilot(10.0)]


# ---------------------------------------------------------------------- wake-up, A.5.3


def test_a_sleeping_ev_is_woken_once_with_f_x1_and_the_offer() -> None:
    rule = offering()
    assert due_s(rule) == NOW + 30
    assert rule.time_passed(NOW + 29.9) == []
    assert rule.time_passed(NOW + 30) == [InterruptPilot()]
    assert due_s(rule) == NOW + 34
    assert rule.pilot_changed(F, NOW + 30.1) == []
    assert rule.time_passed(NOW + 34) == [SteadyPilot()]
    assert rule.pilot_changed(B, NOW + 34.1) == []
    assert rule.time_passed(NOW + 34.75) == [OfferOnPilot(16.0)]
    assert due_s(rule) is None
    assert rule.time_passed(NOW + 1000) == []


def test_an_ev_that_asked_once_is_not_woken_later_in_this_plug_in() -> None:
    rule = charging()
    rule.contactor_changed(False, NOW + 60)
    rule.pilot_changed(B, NOW + 60)
    assert due_s(rule) is None
    rule.pilot_changed(A, NOW + 70)
    rule.pilot_changed(B, NOW + 80)
    assert due_s(rule) == NOW + 110


def test_thirty_seconds_count_from_the_offer_and_from_the_arrival_in_b() -> None:
    rule = plugged()
    rule.wish(16.0, NOW + 100)
    assert due_s(rule) == NOW + 130
    rule.pilot_changed(E, NOW + 110)
    assert due_s(rule) is None
    rule.pilot_changed(B, NOW + 120)
    assert due_s(rule) == NOW + 150


def test_an_offer_after_a_pause_wakes_an_ev_that_was_asking_when_it_came() -> None:
    rule = charging()
    rule.wish(0.0, NOW + 60)
    rule.pilot_changed(B, NOW + 61)
    rule.contactor_changed(False, NOW + 61)
    rule.wish(16.0, NOW + 100)
    assert due_s(rule) == NOW + 130
    rule.time_passed(NOW + 130)
    assert rule.step is Step.WAKING


def test_an_offer_after_a_pause_lets_a_full_ev_sleep() -> None:
    rule = charging()
    rule.contactor_changed(False, NOW + 60)
    rule.pilot_changed(B, NOW + 60)
    rule.wish(0.0, NOW + 61)
    rule.wish(16.0, NOW + 100)
    assert due_s(rule) is None


def test_nobody_is_woken_where_that_is_switched_off_or_current_may_flow() -> None:
    assert due_s(offering(replace(VALUES, wakes_up=False))) is None
    rule = offering()
    rule.contactor_changed(True, NOW + 1)
    assert due_s(rule) is None


# ---------------------------------------------------------------------- phases, lesson 65


def test_phases_are_switched_in_order_with_the_dead_time_and_closed_once() -> None:
    rule = letting_go()
    assert not holds(rule)
    assert due_s(rule) == NOW + 6.2
    assert rule.pilot_changed(B, NOW + 1) == [OpenContactor()]
    assert holds(rule)
    assert rule.contactor_changed(False, NOW + 1.1) == []
    assert due_s(rule) == NOW + 11.1
    assert rule.time_passed(NOW + 11.1) == [ConnectPhases(1)]
    assert rule.phases is None
    assert rule.phases_switched(1, NOW + 11.3) == [OfferOnPilot(16.0)]
    assert not holds(rule)


def test_an_ev_that_does_not_let_go_is_opened_after_six_seconds_and_not_before() -> None:
    rule = letting_go()
    assert rule.time_passed(NOW + 6.1) == []
    assert rule.time_passed(NOW + 6.2) == [OpenContactor()]
    assert rule.time_passed(NOW + 600) == []
    assert rule.step is Step.OPENING


def test_phases_of_an_evse_that_stands_open_long_enough_are_switched_at_once() -> None:
    rule = plugged()
    assert rule.wish_phases(1, NOW + 20) == [SteadyPilot(), OpenContactor(), ConnectPhases(1)]
    assert rule.phases_switched(1, NOW + 21) == []
    assert rule.step is Step.WITHDRAWN


def test_an_unknown_contactor_switches_no_phases() -> None:
    rule = PilotSequences(VALUES)
    rule.pilot_changed(B, NOW)
    rule.wish_phases(1, NOW)
    assert rule.time_passed(NOW + 1000) == []
    assert rule.step is Step.OPENING


def test_a_switching_that_is_not_confirmed_is_asked_for_again_and_nothing_is_offered() -> None:
    rule = switching()
    assert due_s(rule) == NOW + 17
    assert rule.time_passed(NOW + 17) == [ConnectPhases(1)]
    assert rule.offered_a == 0.0
    assert rule.phase_switches == 1


def test_a_change_of_mind_while_switching_switches_back_before_anything_is_offered() -> None:
    rule = switching()
    assert rule.wish_phases(3, NOW + 12.1) == []
    assert rule.phases_switched(1, NOW + 12.2) == [ConnectPhases(3)]
    assert rule.phases_switched(3, NOW + 12.4) == [OfferOnPilot(16.0)]


def test_f_stands_on_the_pilot_while_phases_are_switched_if_so_configured() -> None:
    rule = letting_go(replace(VALUES, phase_switch_in_f=True))
    assert rule.pilot_changed(F, NOW + 0.1) == []
    assert rule.contactor_changed(False, NOW + 0.2) == [OpenContactor()]
    assert rule.time_passed(NOW + 11) == [ConnectPhases(1)]
    assert rule.wish(0.0, NOW + 11.1) == []
    assert rule.phases_switched(1, NOW + 11.2) == [SteadyPilot()]


def test_phases_are_switched_so_many_times_in_one_plug_in() -> None:
    rule = plugged(replace(VALUES, max_phase_switches=1))
    rule.wish_phases(1, NOW + 20)
    rule.phases_switched(1, NOW + 21)
    assert "1 times in this plug-in" in (rule.refusal(3) or "")
    assert rule.wish_phases(3, NOW + 22) == []
    rule.pilot_changed(A, NOW + 30)
    assert rule.refusal(3) is None


def test_more_phases_under_a_plugged_in_car_can_be_forbidden() -> None:
    rule = plugged(replace(VALUES, phases=1, one_to_three_while_plugged=False))
    assert "forbidden by configuration" in (rule.refusal(3) or "")
    assert rule.wish_phases(3, NOW + 20) == []
    assert rule.refusal(1) is None
    rule.pilot_changed(A, NOW + 30)
    assert rule.wish_phases(3, NOW + 31) == [SteadyPilot(), OpenContactor(), ConnectPhases(3)]
