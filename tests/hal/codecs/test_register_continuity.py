from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.codecs.register_continuity import Refusal, RegisterContinuity, RegisterSample

D = Decimal
MODULUS = D(2) ** 32


def judge(
    register: RegisterContinuity, *samples: tuple[float, int | None], modulus: Decimal | None = None
) -> list[object]:
    return [
        register.judge(RegisterSample(None if wh is None else D(wh), at_s, modulus_wh=modulus)) for at_s, wh in samples
    ]


def test_a_register_that_stands_or_grows_is_believed() -> None:
    assert judge(RegisterContinuity(), (0, 1000), (10, 1000), (20, 1061)) == [D(1000), D(1000), D(1061)]


def test_a_register_that_fell_is_refused_until_it_is_back() -> None:
    verdicts = judge(RegisterContinuity(), (0, 1000), (10, 0), (10_000, 999), (10_010, 1000))
    assert verdicts == [D(1000), Refusal.BACKWARDS, Refusal.BACKWARDS, D(1000)]


def test_a_jump_faster_than_the_station_can_deliver_is_refused_however_long_it_lasts() -> None:
    register = RegisterContinuity(max_power_w=22_000)
    verdicts = judge(register, (0, 1000), (10, 90_000), (36_000, 90_000), (72_000, 90_500))
    assert verdicts == [D(1000), Refusal.TOO_FAST, Refusal.TOO_FAST, Refusal.TOO_FAST]


def test_one_corrupt_high_sample_does_not_spoil_what_follows() -> None:
    register = RegisterContinuity(max_power_w=22_000)
    assert judge(register, (0, 1000), (10, 90_000), (20, 1060)) == [D(1000), Refusal.TOO_FAST, D(1060)]


def test_what_the_time_allows_is_believed_after_a_gap() -> None:
    assert judge(RegisterContinuity(max_power_w=22_000), (0, 0), (3600, 22_000)) == [D(0), D(22_000)]


def test_one_step_of_a_coarse_register_is_no_jump() -> None:
    register = RegisterContinuity(max_power_w=3_700)
    register.judge(RegisterSample(D(0), 0, step_wh=D(100)))
    assert register.judge(RegisterSample(D(100), 1, step_wh=D(100))) == D(100)


@pytest.mark.parametrize(("wh", "refusal"), [(None, Refusal.ABSENT), (-1, Refusal.NEGATIVE)])
def test_what_is_no_register_is_refused_and_changes_nothing(wh: int | None, refusal: Refusal) -> None:
    register = RegisterContinuity()
    assert judge(register, (0, wh), (1, 500), (2, wh), (3, 501)) == [refusal, D(500), refusal, D(501)]
    assert register.total_wh == D(501)


def test_an_accumulator_that_passes_its_modulus_goes_on() -> None:
    near_end = 2**32 - 5
    register = RegisterContinuity()
    assert judge(register, (0, near_end), (10, 7), (20, 9), modulus=MODULUS) == [near_end, MODULUS + 7, MODULUS + 9]


def test_an_accumulator_that_falls_far_from_its_modulus_runs_backwards() -> None:
    assert judge(RegisterContinuity(), (0, 5000), (10, 4000), modulus=MODULUS) == [D(5000), Refusal.BACKWARDS]


@pytest.mark.parametrize(("known", "shown", "total"), [(3 * 2**32 + 10, 12, 3 * 2**32 + 12), (2**32 - 4, 3, 2**32 + 3)])
def test_an_accumulator_goes_on_above_the_total_known_before_a_restart(known: int, shown: int, total: int) -> None:
    register = RegisterContinuity()
    register.restore(D(known))
    assert judge(register, (0, shown), modulus=MODULUS) == [total]


def test_a_register_without_modulus_is_not_lifted_to_a_known_total() -> None:
    register = RegisterContinuity()
    register.restore(D(5000))
    assert judge(register, (0, 12)) == [D(12)]


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(-10, 2**32 - 1)), max_size=30), st.booleans())
def test_believed_totals_never_fall_and_never_outrun_the_power(steps: list[tuple[float, int]], wraps: bool) -> None:
    register = RegisterContinuity(max_power_w=22_000)
    now_s, believed = 0.0, []
    for pause_s, wh in steps:
        now_s += pause_s
        verdict = register.judge(RegisterSample(D(wh), now_s, modulus_wh=MODULUS if wraps else None))
        if isinstance(verdict, Decimal):
            believed.append((now_s, verdict))
    for (before_s, before), (after_s, after) in pairwise(believed):
        assert 0 <= after - before <= D(22_000) * D(after_s - before_s + 5) / 3600 + D("0.001")


def test_a_register_far_below_the_last_total_after_a_restart_is_another_meter_and_no_wrap() -> None:
    rule = RegisterContinuity()
    rule.restore(Decimal(1_000_000))
    assert rule.judge(RegisterSample(Decimal(5), 0.0, modulus_wh=Decimal(2**32))) == 5
