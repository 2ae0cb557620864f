"""State D: the fan before power. IEC 61851-1 Table A.6 sequences 5 and 6; CP-14."""

from agent.domain.ventilation import FAN_TIMEOUT_S, RUN_ON_S, Ventilation
from hal.api import PilotState


def holds(rule: Ventilation) -> bool:
    return rule.holds_power


def failed(rule: Ventilation) -> bool:
    return rule.failed


def fan(rule: Ventilation) -> bool:
    return rule.fan_wished


def test_power_is_held_in_d_until_the_fan_runs() -> None:
    rule = Ventilation()
    rule.contactor_changed(False)
    rule.pilot_changed(PilotState.D, 10)
    assert fan(rule)
    assert holds(rule)
    rule.fan_changed(True, 10.6)
    assert not holds(rule)
    assert rule.deadline_s is None


def test_power_that_flows_already_is_given_three_seconds_for_the_fan() -> None:
    rule = Ventilation()
    rule.contactor_changed(True)
    rule.pilot_changed(PilotState.D, 10)
    assert not holds(rule)
    assert rule.deadline_s == 10 + FAN_TIMEOUT_S
    rule.time_passed(10 + FAN_TIMEOUT_S)
    assert failed(rule)
    assert holds(rule)


def test_fan_that_does_not_start_is_a_fault_until_it_runs() -> None:
    rule = Ventilation()
    rule.contactor_changed(False)
    rule.pilot_changed(PilotState.D, 0)
    rule.time_passed(FAN_TIMEOUT_S - 0.1)
    assert not failed(rule)
    rule.time_passed(FAN_TIMEOUT_S)
    assert failed(rule)
    rule.fan_changed(True, 8)
    assert not failed(rule)
    assert not holds(rule)


def test_fan_that_stops_under_power_is_given_three_seconds_to_come_back() -> None:
    rule = Ventilation()
    rule.pilot_changed(PilotState.D, 0)
    rule.fan_changed(True, 1)
    rule.contactor_changed(True)
    rule.fan_changed(False, 100)
    assert not holds(rule)
    assert rule.deadline_s == 100 + FAN_TIMEOUT_S


def test_unknown_contactor_counts_as_closed() -> None:
    rule = Ventilation()
    rule.contactor_changed(None)
    rule.pilot_changed(PilotState.D, 0)
    assert not holds(rule)


def test_car_that_asks_no_more_clears_the_fault_and_the_fan_runs_on_for_a_while() -> None:
    rule = Ventilation()
    rule.pilot_changed(PilotState.D, 0)
    rule.time_passed(FAN_TIMEOUT_S)
    rule.pilot_changed(PilotState.B, 20)
    assert not failed(rule)
    assert not holds(rule)
    assert fan(rule)
    rule.time_passed(20 + RUN_ON_S)
    assert not fan(rule)


def test_lost_pilot_changes_nothing_and_car_that_never_asks_starts_no_fan() -> None:
    rule = Ventilation()
    rule.pilot_changed(PilotState.C, 0)
    rule.fan_changed(True, 0)
    assert (rule.fan_wished, rule.deadline_s) == (False, None)
    rule.pilot_changed(PilotState.D, 1)
    rule.pilot_changed(None, 2)
    assert fan(rule)
