import pytest

from agent.domain import events as ev
from agent.domain.temperature_derating import DeratingSteps, TemperatureDerating
from hal.api import Fault

SOURCE = ev.FaultSource.DERATING
HOT_FAULT = ev.FaultAppeared(Fault.OVER_TEMPERATURE, "71 degrees Celsius", SOURCE)


def limits(*temperatures_c: float, max_a: float = 32.0) -> list[float]:
    derating = TemperatureDerating()
    told = []
    for second, value in enumerate(temperatures_c):
        derating.measured({"board": value}, float(second))
        told.append(derating.limit_a(max_a, 6.0))
    return told


def test_current_goes_down_in_steps_and_comes_back_only_when_it_is_cool() -> None:
    assert limits(64.9, 65, 68, 71, 69, 66, 62.1, 62) == [32, 24, 16, 0, 0, 0, 0, 32]


def test_derating_does_not_go_below_the_minimum() -> None:
    assert limits(68, max_a=10.0) == [6.0]


def test_the_hottest_sensor_counts() -> None:
    derating = TemperatureDerating()
    derating.measured({"board": 20.0, "socket": 69.0}, 0.0)
    assert derating.hottest_c == 69.0
    assert derating.limit_a(32.0, 6.0) == 16.0


def test_too_hot_pauses_first_and_cuts_power_before_five_seconds() -> None:
    derating = TemperatureDerating()
    told = [derating.measured({"board": 71.0}, at_s) for at_s in (10.0, 11.0, 12.0, 13.0, 14.0, 15.0)]
    assert derating.limit_a(32.0, 6.0) == 0.0
    assert told == [(), (), (), (), (HOT_FAULT,), ()]
    assert derating.measured({"board": 62.0}, 60.0) == (ev.FaultDisappeared(Fault.OVER_TEMPERATURE, SOURCE),)


@pytest.mark.parametrize("nonsense", [None, -256.0, 819.1, -51.0])
def test_a_sensor_that_tells_nonsense_is_a_fault_and_not_cold(nonsense: float | None) -> None:
    derating = TemperatureDerating()
    derating.measured({"board": 70.0}, 0.0)
    (fault,) = derating.measured({"board": nonsense}, 1.0)
    assert fault == ev.FaultAppeared(Fault.TEMPERATURE_SENSOR, "no value from board", SOURCE)
    assert derating.limit_a(32.0, 6.0) == 16.0, "what was derated stays derated"
    assert derating.measured({"board": 20.0}, 2.0) == (ev.FaultDisappeared(Fault.TEMPERATURE_SENSOR, SOURCE),)


def test_a_missing_sensor_may_be_configured_to_a_safe_current() -> None:
    derating = TemperatureDerating(DeratingSteps(sensor_fallback_a=10.0))
    assert derating.measured({"board": None}, 0.0) == ()
    assert derating.limit_a(32.0, 6.0) == 10.0
    derating.measured({"board": 20.0}, 1.0)
    assert derating.limit_a(32.0, 6.0) == 32.0
