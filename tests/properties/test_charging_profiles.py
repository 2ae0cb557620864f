"""Random sets of charging profiles against a reckoning second by second. Lesson 47."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.domain.charging_profile import (
    ChargingProfile,
    ChargingProfileKind,
    ChargingProfilePurpose,
    ChargingRateUnit,
    ChargingSchedule,
    ChargingSchedulePeriod,
    RecurrencyKind,
)
from agent.domain.composite_schedule import CompositeSchedule, composite_schedule, pieces, smallest
from agent.domain.profile_rules import malformed, replaced_by
from agent.domain.profile_timeline import lowest_ahead, of_evse, of_station, prevailing
from tests.properties.profile_oracle import allowed_a, station_a

NOW = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
"""Half an hour before clocks change in Europe, which is nothing to UTC."""
WINDOW_S = 1200
INSTALLED_A = 32.0
EVSES = (1, 2)

NEAR = st.integers(-WINDOW_S, WINDOW_S).map(lambda s: NOW + timedelta(seconds=s))
DAYS_AGO = st.builds(lambda at, days: at - timedelta(days=days), NEAR, st.integers(-1, 15))
MOMENTS = st.none() | NEAR
LIMITS = st.sampled_from([0.0, 5.9, 6.0, 10.1, 16.0, 31.9, 40.0])
WATTS = st.sampled_from([0.0, 1379.9, 3680.0, 11_040.0, 30_000.0])
LENGTHS = st.none() | st.integers(1, 2 * WINDOW_S) | st.sampled_from([86_000, 86_400, 100_000, 604_800])


@st.composite
def schedules(draw: st.DrawFn, start: datetime | None) -> ChargingSchedule:
    unit = draw(st.sampled_from(ChargingRateUnit))
    starts = draw(st.lists(st.integers(1, WINDOW_S) | st.integers(86_000, 86_500), max_size=5, unique=True).map(sorted))
    limits = LIMITS if unit is ChargingRateUnit.A else WATTS
    phases = st.sampled_from([None, 1, 3])
    periods = tuple(ChargingSchedulePeriod(at_s, draw(limits), draw(phases)) for at_s in [0, *starts])
    return ChargingSchedule(unit, periods, draw(LENGTHS), start)


@st.composite
def profiles(draw: st.DrawFn) -> ChargingProfile:
    purpose = draw(st.sampled_from(ChargingProfilePurpose))
    kind = draw(st.sampled_from(ChargingProfileKind))
    places = {ChargingProfilePurpose.CHARGING_STATION_MAX: (0,), ChargingProfilePurpose.TX: EVSES}
    recurs = kind is ChargingProfileKind.RECURRING
    start = draw(DAYS_AGO if recurs else st.none() | NEAR)
    valid_from = draw(MOMENTS)
    valid_to = draw(MOMENTS)
    if valid_from is not None and valid_to is not None and valid_to <= valid_from:
        valid_to = valid_from + timedelta(seconds=draw(st.integers(1, WINDOW_S)))
    return ChargingProfile(
        profile_id=draw(st.integers(1, 12)),
        evse_id=draw(st.sampled_from(places.get(purpose, (0, *EVSES)))),
        stack_level=draw(st.integers(0, 3)),
        purpose=purpose,
        profile_kind=kind,
        schedule=draw(schedules(start)),
        recurrency=draw(st.sampled_from(RecurrencyKind)) if recurs else None,
        valid_from=valid_from,
        valid_to=valid_to,
        transaction_id="tx" if purpose is ChargingProfilePurpose.TX else None,
        received_at=draw(NEAR),
    )


def installed_one_by_one(given_: Iterable[ChargingProfile]) -> tuple[ChargingProfile, ...]:
    installed: tuple[ChargingProfile, ...] = ()
    for profile in given_:
        gone = replaced_by(profile, installed)
        installed = (*(each for each in installed if each not in gone), profile)
    return installed


SETS = st.lists(profiles(), max_size=9).map(installed_one_by_one)
TRANSACTIONS = st.integers(0, 2 * WINDOW_S).map(lambda s: NOW - timedelta(seconds=s))


def floored(limit: float) -> float:
    return round(int(limit * 10 + 1e-6) / 10, 1)


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(SETS, TRANSACTIONS, st.sampled_from(EVSES), st.sampled_from([1, 3]), st.sampled_from(ChargingRateUnit))
def test_a_composite_schedule_is_what_the_standard_says_of_each_of_its_seconds(
    installed: tuple[ChargingProfile, ...], began: datetime, evse_id: int, phases: int, unit: ChargingRateUnit
) -> None:
    assert all(malformed(profile) is None for profile in installed)
    start_s, tx_s = NOW.timestamp(), began.timestamp()
    own = pieces(of_evse(installed, evse_id, phases), start_s, start_s + WINDOW_S, tx_s)
    station = pieces(of_station(installed, phases), start_s, start_s + WINDOW_S, start_s)
    course = smallest(smallest(own, station), [(start_s, INSTALLED_A)])
    told = composite_schedule(course, WINDOW_S, unit, phases)
    assert told.periods[0].start_s == 0
    each_limit = list(by_second(told))
    for second in range(WINDOW_S):
        at = NOW + timedelta(seconds=second)
        wanted_a = min(INSTALLED_A, allowed_a(installed, evse_id, phases, at, began), station_a(installed, phases, at))
        wanted = wanted_a if unit is ChargingRateUnit.A else wanted_a * 230 * phases
        assert each_limit[second] == floored(wanted), second
    assert all(one.limit != other.limit for one, other in pairwise(told.periods))


def by_second(schedule: CompositeSchedule) -> Iterable[float]:
    ends = [*(period.start_s for period in schedule.periods[1:]), schedule.duration_s]
    for period, end_s in zip(schedule.periods, ends, strict=True):
        yield from [period.limit] * (end_s - period.start_s)


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(SETS, TRANSACTIONS, st.sampled_from(EVSES), st.sampled_from([1, 3]))
def test_the_limit_of_an_instant_holds_until_it_says_and_is_what_the_standard_says(
    installed: tuple[ChargingProfile, ...], began: datetime, evse_id: int, phases: int
) -> None:
    timelines = of_evse(installed, evse_id, phases)
    second = 0
    while second < WINDOW_S:
        at = NOW + timedelta(seconds=second)
        limit = prevailing(timelines, at.timestamp(), began.timestamp())
        assert limit.until_s > at.timestamp()
        until = min(WINDOW_S, limit.until_s - NOW.timestamp())
        for each in range(second, int(until)):
            wanted_a = allowed_a(installed, evse_id, phases, NOW + timedelta(seconds=each), began)
            assert limit.current_a == wanted_a
        second = int(until)


@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(SETS, TRANSACTIONS, st.sampled_from(EVSES), st.sampled_from([0, 1, 2, 60]))
def test_who_looks_ahead_holds_the_lowest_of_the_seconds_to_come(
    installed: tuple[ChargingProfile, ...], began: datetime, evse_id: int, lead_s: int
) -> None:
    timelines = of_evse(installed, evse_id, 3)
    wanted_a = [
        allowed_a(installed, evse_id, 3, NOW + timedelta(seconds=second), began)
        for second in range(WINDOW_S + lead_s + 1)
    ]
    second = 0
    while second < WINDOW_S:
        at_s = NOW.timestamp() + second
        limit, until_s = lowest_ahead(timelines, at_s, began.timestamp(), lead_s)
        assert until_s > at_s
        until = min(WINDOW_S, until_s - NOW.timestamp())
        for each in range(second, int(until)):
            assert limit.current_a == min(wanted_a[each : each + lead_s + 1]), each
        second = int(until)
