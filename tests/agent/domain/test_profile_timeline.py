from datetime import timedelta
from math import inf

import pytest

from agent.domain.charging_profile import ChargingProfile
from agent.domain.profile_order import NO_ORDER, order_of
from agent.domain.profile_timeline import of_evse, of_station, prevailing
from tests.agent.domain.profiles import (
    ABSOLUTE,
    DAILY,
    MAX,
    NOON,
    NOON_S,
    RECURRING,
    TX,
    WEEKLY,
    profile,
    schedule,
)

DAY_S = 86_400
STEPS = schedule((0, 16), (100, 10), duration_s=300, start=NOON)
FOR_EVER = schedule((0, 16), (100, 10), start=NOON)


def limit(*installed: ChargingProfile, at_s: float = 0, tx_s: float = 0, phases: int = 3) -> tuple[float, float]:
    """What holds at EVSE 1, and until when, both from noon on."""
    found = prevailing(of_evse(installed, 1, phases), NOON_S + at_s, NOON_S + tx_s)
    return found.current_a, found.until_s - NOON_S


@pytest.mark.parametrize(
    ("given", "at_s", "expected"),
    [
        # 7.13: an absolute schedule, before, within, at its boundaries and after
        (profile(kind=ABSOLUTE, course=STEPS), -1, (inf, 0)),
        (profile(kind=ABSOLUTE, course=STEPS), 0, (16, 100)),
        (profile(kind=ABSOLUTE, course=STEPS), 99.5, (16, 100)),
        (profile(kind=ABSOLUTE, course=STEPS), 100, (10, 300)),
        (profile(kind=ABSOLUTE, course=STEPS), 300, (inf, inf)),
        (profile(kind=ABSOLUTE, course=FOR_EVER), 10**7, (10, inf)),
        # 7.8: validity cuts
        (profile(course=FOR_EVER, kind=ABSOLUTE, valid_from=NOON + timedelta(seconds=50)), 20, (inf, 50)),
        (profile(course=FOR_EVER, kind=ABSOLUTE, valid_to=NOON + timedelta(seconds=50)), 20, (16, 50)),
        (profile(course=FOR_EVER, kind=ABSOLUTE, valid_to=NOON + timedelta(seconds=50)), 50, (inf, inf)),
        # 7.9: daily and weekly, in UTC, from the start on and not before
        (profile(kind=RECURRING, recurrency=DAILY, course=STEPS), -1, (inf, 0)),
        (profile(kind=RECURRING, recurrency=DAILY, course=STEPS), 3 * DAY_S + 50, (16, 3 * DAY_S + 100)),
        (profile(kind=RECURRING, recurrency=DAILY, course=STEPS), 3 * DAY_S + 300, (inf, 4 * DAY_S)),
        (profile(kind=RECURRING, recurrency=DAILY, course=FOR_EVER), 4 * DAY_S - 1, (10, 4 * DAY_S)),
        (profile(kind=RECURRING, recurrency=WEEKLY, course=STEPS), DAY_S, (inf, 7 * DAY_S)),
        (profile(kind=RECURRING, recurrency=WEEKLY, course=STEPS), 14 * DAY_S + 200, (10, 14 * DAY_S + 300)),
    ],
)
def test_a_schedule_says_what_holds_and_until_when(
    given: ChargingProfile, at_s: float, expected: tuple[float, float]
) -> None:
    assert limit(given, at_s=at_s) == expected


def test_a_relative_schedule_and_an_absolute_one_without_start_count_from_the_transaction() -> None:
    """Section 7.13: without startSchedule it is relative to the start of charging."""
    for given in (profile(1, (0, 16), (100, 10)), profile(1, (0, 16), (100, 10), kind=ABSOLUTE)):
        assert limit(given, at_s=130, tx_s=50) == (16, 150)
        assert limit(given, at_s=150, tx_s=50) == (10, inf)


def test_the_highest_stack_level_in_force_prevails_and_the_next_one_after_it() -> None:
    """Section 3.13.2."""
    low, high = profile(1, (0, 20)), profile(2, level=1, kind=ABSOLUTE, course=STEPS)
    assert limit(low, high, at_s=-50, tx_s=-90) == (20, 0)
    assert limit(low, high, at_s=50) == (16, 100)
    assert limit(low, high, at_s=300) == (20, inf)
    assert limit(high, low, at_s=50) == (16, 100), "in whatever order they came"


def test_a_default_of_the_evse_goes_before_that_of_all_at_the_same_level_only() -> None:
    everybody, own = profile(1, (0, 20)), profile(2, (0, 8), evse=1)
    assert limit(everybody, own)[0] == 8
    assert limit(profile(1, (0, 20), level=1), own)[0] == 20
    assert limit(everybody, profile(2, (0, 8), evse=2))[0] == 20


def test_a_profile_of_the_transaction_overrules_every_default_while_it_is_in_force() -> None:
    """Section 3.13.1."""
    default = profile(1, (0, 8), level=9)
    own = profile(2, evse=1, purpose=TX, course=schedule((0, 30), duration_s=60))
    assert limit(default, own) == (30, 60)
    assert limit(default, own, at_s=60) == (8, inf)


def test_power_is_divided_among_the_wired_phases() -> None:
    given = profile(course=schedule((0, 6900), unit="W"))
    assert limit(given, phases=3)[0] == pytest.approx(10)
    assert limit(given, phases=1)[0] == pytest.approx(30)


def test_the_stations_own_schedule_without_a_start_counts_from_when_it_was_received_or_first_valid() -> None:
    given = profile(1, (0, 30), (100, 20), purpose=MAX, received_at=NOON)
    later = profile(1, (0, 30), (100, 20), purpose=MAX, received_at=NOON, valid_from=NOON + timedelta(seconds=40))
    assert prevailing(of_station([given], 3), NOON_S + 10, NOON_S).until_s == NOON_S + 100
    assert prevailing(of_station([later], 3), NOON_S + 50, NOON_S).until_s == NOON_S + 140
    assert of_evse([given], 1, 3) == ()


def test_an_order_says_who_and_until_when() -> None:
    found = prevailing(of_evse([profile(7, kind=ABSOLUTE, course=STEPS)], 1, 3), NOON_S, NOON_S)
    assert str(order_of(found)) == "TxDefaultProfile(id=7) until=2026-01-15T12:01:40+00:00"
    for_ever = prevailing(of_evse([profile(7)], 1, 3), NOON_S, NOON_S)
    assert str(order_of(for_ever)) == "TxDefaultProfile(id=7)"
    assert order_of(prevailing((), NOON_S, NOON_S)) is NO_ORDER
