import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.current_ramp import CurrentRamp

currents = st.floats(0, 80)
ramps = st.builds(CurrentRamp, st.just(100.0), currents, currents, st.floats(0.5, 50) | st.just(math.inf))


def test_ramp_rises_in_a_straight_line_and_then_stands() -> None:
    ramp = CurrentRamp(0.0, 0.0, 16.0, 8.0)
    assert [ramp.current_a(at_s) for at_s in (0, 1, 2, 9)] == [0, 8, 16, 16]
    assert ramp.charge_as(0, 4) == pytest.approx(16 + 32)


@given(ramps, st.floats(100, 300), st.floats(0, 100), st.floats(0, 100))
def test_charge_of_two_spans_is_the_charge_of_both(ramp: CurrentRamp, start: float, one: float, two: float) -> None:
    whole = ramp.charge_as(start, start + one + two)
    parts = ramp.charge_as(start, start + one) + ramp.charge_as(start + one, start + one + two)
    assert parts == pytest.approx(whole, rel=1e-9, abs=1e-6)


@given(ramps, st.floats(100, 120), st.floats(0.01, 50_000))
def test_time_until_a_charge_is_when_that_charge_has_flowed(ramp: CurrentRamp, start: float, charge: float) -> None:
    seconds = ramp.seconds_until_charge(charge, start)
    if seconds is None:
        assert ramp.charge_as(start, start + 1e6) < charge
    elif seconds < 1e8:
        assert ramp.charge_as(start, start + seconds) == pytest.approx(charge, rel=1e-6, abs=1e-3)
