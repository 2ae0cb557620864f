from datetime import timedelta
from math import inf, nan
from typing import Any

import pytest

from agent.domain.charging_profile import (
    MAX_PERIODS,
    MAX_PROFILES,
    ChargingProfile,
    ChargingRateUnit,
    ChargingSchedule,
    ChargingSchedulePeriod,
    ProfileCriteria,
)
from agent.domain.profile_rules import malformed, refused_here, replaced_by, too_many
from tests.agent.domain.profiles import (
    ABSOLUTE,
    DAILY,
    DEFAULT,
    MAX,
    NOON,
    RECURRING,
    RELATIVE,
    TX,
    profile,
    schedule,
)

RECURS: dict[str, Any] = {"kind": RECURRING, "recurrency": DAILY}


@pytest.mark.parametrize(
    "good",
    [
        profile(),
        profile(level=99),
        profile(kind=ABSOLUTE),  # 7.13: without startSchedule it is relative to the start of charging
        profile(purpose=MAX, kind=RELATIVE),
        profile(purpose=MAX, kind=ABSOLUTE),
        profile(evse=1, purpose=TX),
        profile(course=schedule((0, 0.0), start=NOON), **RECURS),
        profile(course=schedule((0, 1), duration_s=1)),
        profile(course=schedule((0, 1), (90, 2), duration_s=60)),
        profile(course=schedule((0, 6.0), start=NOON), kind=RELATIVE),
        profile(1, *((n, 6.0) for n in range(MAX_PERIODS))),
    ],
)
def test_what_the_standard_allows_is_taken(good: ChargingProfile) -> None:
    assert malformed(good) is None


def phases(number: int) -> ChargingSchedule:
    return ChargingSchedule(ChargingRateUnit.A, (ChargingSchedulePeriod(0, 6.0, number),))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (profile(2**31), "32 bits"),
        (profile(level=-1), "stack level -1"),  # 7.8
        (profile(level=100), "stack level 100"),  # 9.4, ChargeProfileMaxStackLevel
        (profile(evse=1, purpose=MAX), "belongs to connector 0"),  # 3.13.1
        (profile(evse=0, purpose=TX), "belongs to one connector"),  # 3.13.1
        (profile(valid_from=NOON, valid_to=NOON), "ends to be valid before it begins"),
        (profile(kind=RECURRING, course=schedule((0, 6), start=NOON)), "how it recurs"),  # 7.8
        (profile(**RECURS), "no start"),
        (profile(course=schedule()), "no period"),
        (profile(1, *((n, 6.0) for n in range(MAX_PERIODS + 1))), "501 periods"),  # 9.4, ChargingScheduleMaxPeriods
        (profile(1, (1, 6.0)), "does not start at 0"),
        (profile(1, (0, 6.0), (0, 7.0)), "order of time"),  # 7.14
        (profile(1, (0, 6.0), (9, 7.0), (8, 6.0)), "order of time"),
        (profile(1, (0, 6.0), (2**31, 7.0)), "after 2147483648 s"),
        (profile(course=schedule((0, 6), duration_s=0)), "cannot last 0 s"),
        (profile(course=schedule((0, 6), duration_s=-5)), "cannot last -5 s"),
        (profile(1, (0, -0.1)), "negative or no number"),
        (profile(1, (0, nan)), "negative or no number"),
        (profile(1, (0, inf)), "negative or no number"),
        (profile(course=schedule((0, 6), min_charging_rate=-1.0)), "negative or no number"),
        (profile(course=phases(0)), "numberPhases"),
        (profile(course=phases(4)), "numberPhases"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(bad: ChargingProfile, reason: str) -> None:
    assert reason in str(malformed(bad))


@pytest.mark.parametrize(
    ("given", "running", "reason"),
    [
        (profile(evse=0), None, None),
        (profile(evse=2), None, None),
        (profile(evse=3), None, "no connector 3"),
        (profile(evse=-1), None, "no connector -1"),
        (profile(transaction_id="t"), "t", "only a TxProfile"),  # 7.8
        (profile(purpose=MAX, transaction_id="t"), "t", "only a TxProfile"),
        (profile(evse=1, purpose=TX), None, "no transaction is running at connector 1"),  # 3.13.1, 5.16.4
        (profile(evse=1, purpose=TX), "t", None),  # 7.8: transactionId is optional
        (profile(evse=1, purpose=TX, transaction_id="t"), "t", None),  # 5.16.3
        (profile(evse=1, purpose=TX, transaction_id="t"), None, "no transaction is running"),
        (profile(evse=1, purpose=TX, transaction_id="t"), "other", "not the one that is running"),
    ],
)
def test_a_profile_is_taken_where_it_has_a_meaning(
    given: ChargingProfile, running: str | None, reason: str | None
) -> None:
    found = refused_here(given, (1, 2), running)
    assert found is None if reason is None else reason in str(found)


@pytest.mark.parametrize(
    ("new", "gone"),
    [
        (profile(1, evse=2, level=9), {1}),  # 5.16.3: the same id, wherever it was
        (profile(9, evse=0, level=0), {1}),  # 3.13.2: the same stack level and purpose
        (profile(9, evse=1, level=0), {2}),
        (profile(2, evse=0, level=0), {1, 2}),
        (profile(9, evse=2, level=0), set()),  # another place: two connectors may differ
        (profile(9, evse=0, level=2), set()),
        (profile(9, evse=1, level=0, purpose=TX), set()),
        (profile(9, purpose=MAX), set()),
    ],
)
def test_a_new_profile_replaces_the_same_id_or_the_same_place_purpose_and_level(
    new: ChargingProfile, gone: set[int]
) -> None:
    installed = (profile(1), profile(2, evse=1), profile(3, evse=1, level=1))
    assert {each.profile_id for each in replaced_by(new, installed)} == gone


def test_only_so_many_profiles_fit_and_those_that_are_over_make_room() -> None:
    full = tuple(profile(n, level=n % 99, evse=n // 99) for n in range(MAX_PROFILES))
    assert too_many(full[:-1], (), NOON) == (None, ())
    reason, over = too_many(full, (), NOON)
    assert "100 profiles" in str(reason)
    assert over == ()
    assert too_many(full, full[:1], NOON) == (None, ()), "what is replaced makes room"
    expired = profile(500, valid_to=NOON)
    assert too_many((*full[1:], expired), (), NOON) == (None, (expired,))
    assert too_many((*full[1:], expired), (), NOON - timedelta(seconds=1))[0] is not None


@pytest.mark.parametrize(
    ("criteria", "matches"),
    [
        ({}, {1, 2, 3, 4}),
        ({"profile_id": 2}, {2}),
        ({"evse_id": 0}, {1, 4}),
        ({"evse_id": 1}, {2, 3}),
        ({"purpose": DEFAULT}, {1, 2}),
        ({"stack_level": 5}, {3, 4}),
        ({"purpose": TX, "stack_level": 5, "evse_id": 1}, {3}),
        ({"profile_id": 2, "stack_level": 5}, set()),
        ({"profile_id": 9}, set()),
    ],
)
def test_what_agrees_with_all_criteria_is_cleared(criteria: dict[str, Any], matches: set[int]) -> None:
    """OCPP 1.6 section 5.5."""
    own, station = profile(3, evse=1, level=5, purpose=TX), profile(4, level=5, purpose=MAX)
    installed = (profile(1), profile(2, evse=1), own, station)
    assert {each.profile_id for each in installed if ProfileCriteria(**criteria).match(each)} == matches
