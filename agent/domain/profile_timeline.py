"""Charging profiles on the axis of time: which limit holds at an instant, and until when.

Instants are POSIX seconds. A limit is told in A per phase, whatever unit its schedule has. Rules kept here:
* Of one purpose the highest stack level that is in force prevails; when its schedule has run out, the next one does
  (OCPP 1.6 section 3.13.2).
* A TxProfile in force overrules every TxDefaultProfile (3.13.1). At equal stack levels the default of an EVSE goes
  before that of all EVSEs.
* Days and weeks of a recurring schedule are of 86,400 and 604,800 s of UTC, from its start on, not before.
* A clock that shows a time before a profile was received is not set yet, after a power cut say: what held when it was
  received holds then. What counts from the transaction needs no clock.
* A schedule without a start begins with the transaction; that of the station when it was received, or first valid.
* Power is divided among all wired phases, since phases cannot be switched off: numberPhases cannot make a car that
  uses three phases use one (DECISIONS.md).
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime
from math import inf
from typing import Final

from agent.domain.charging_profile import (
    NOMINAL_VOLTAGE_V,
    STATION,
    ChargingProfile,
    ChargingProfileKind,
    ChargingProfilePurpose,
    ChargingRateUnit,
    RecurrencyKind,
)
from hal.value import dataclass

_RECURRENCE_S: Final = {RecurrencyKind.DAILY: 86_400.0, RecurrencyKind.WEEKLY: 604_800.0}


@dataclass(frozen=True, slots=True)
class ProfileLimit:
    """What profiles allow at an instant, A per phase; infinite where none is in force."""

    current_a: float
    profile: ChargingProfile | None
    until_s: float
    """POSIX time until which nothing changes; infinite if nothing ever does."""


class ProfileTimeline:
    """One profile for wiring with so many phases."""

    __slots__ = (
        "_begins_s",
        "_every_s",
        "_lasts_s",
        "_limits_a",
        "_received_s",
        "_starts_s",
        "_valid_from_s",
        "_valid_to_s",
        "profile",
    )

    def __init__(self, profile: ChargingProfile, phases: int) -> None:
        schedule = profile.schedule
        self.profile = profile
        self._valid_from_s = _posix(profile.valid_from, -inf)
        self._valid_to_s = _posix(profile.valid_to, inf)
        self._lasts_s = inf if schedule.duration_s is None else float(schedule.duration_s)
        recurs = profile.profile_kind is ChargingProfileKind.RECURRING and profile.recurrency is not None
        self._every_s = _RECURRENCE_S[profile.recurrency] if recurs and profile.recurrency is not None else None
        self._begins_s = self._own_start_s(profile)
        self._received_s = -inf if self._begins_s is None else _posix(profile.received_at, -inf)
        per_phase = phases * NOMINAL_VOLTAGE_V if schedule.unit is ChargingRateUnit.W else 1.0
        self._starts_s = [float(period.start_s) for period in schedule.periods]
        self._limits_a = [period.limit / per_phase for period in schedule.periods]

    def at(self, at_s: float, transaction_s: float) -> tuple[float | None, float]:
        """Return the limit, A, None if it is not in force, and until when that is so; for a transaction's start."""
        if at_s < self._received_s:
            return self.at(self._received_s, transaction_s)[0], self._received_s
        if at_s < self._valid_from_s:
            return None, self._valid_from_s
        if at_s >= self._valid_to_s:
            return None, inf
        begins_s = transaction_s if self._begins_s is None else self._begins_s
        if at_s < begins_s:
            return None, min(begins_s, self._valid_to_s)
        ends_s, again_s = begins_s + self._lasts_s, inf
        if self._every_s is not None:
            begins_s += (at_s - begins_s) // self._every_s * self._every_s
            again_s = begins_s + self._every_s
            ends_s = min(begins_s + self._lasts_s, again_s)
        if at_s >= ends_s:
            return None, min(again_s, self._valid_to_s)
        after = bisect_right(self._starts_s, at_s - begins_s)
        next_s = begins_s + self._starts_s[after] if after < len(self._starts_s) else inf
        return self._limits_a[after - 1], min(next_s, ends_s, self._valid_to_s)

    def _own_start_s(self, profile: ChargingProfile) -> float | None:
        if profile.profile_kind is not ChargingProfileKind.RELATIVE and profile.schedule.start is not None:
            return profile.schedule.start.timestamp()
        if profile.purpose is ChargingProfilePurpose.CHARGING_STATION_MAX:
            return max(_posix(profile.received_at, -inf), self._valid_from_s)
        return None


def of_station(profiles: Iterable[ChargingProfile], phases: int) -> tuple[ProfileTimeline, ...]:
    """Return the profiles of the station as a whole, what prevails first."""
    purpose = ChargingProfilePurpose.CHARGING_STATION_MAX
    chosen = sorted((each for each in profiles if each.purpose is purpose), key=lambda each: -each.stack_level)
    return tuple(ProfileTimeline(each, phases) for each in chosen)


def of_evse(profiles: Iterable[ChargingProfile], evse_id: int, phases: int) -> tuple[ProfileTimeline, ...]:
    """Return the profiles of an EVSE and its transaction, what prevails first."""

    def order(profile: ChargingProfile) -> tuple[bool, int, bool]:
        return profile.purpose is not ChargingProfilePurpose.TX, -profile.stack_level, profile.evse_id == STATION

    of_transactions = (ChargingProfilePurpose.TX, ChargingProfilePurpose.TX_DEFAULT)
    chosen = (each for each in profiles if each.purpose in of_transactions and each.evse_id in {STATION, evse_id})
    return tuple(ProfileTimeline(each, phases) for each in sorted(chosen, key=order))


def prevailing(timelines: Sequence[ProfileTimeline], at_s: float, transaction_s: float) -> ProfileLimit:
    """Return what holds at this instant of timelines in the order in which they prevail."""
    until_s = inf
    for timeline in timelines:
        limit_a, changes_s = timeline.at(at_s, transaction_s)
        until_s = min(until_s, changes_s)
        if limit_a is not None:
            return ProfileLimit(limit_a, timeline.profile, until_s)
    return ProfileLimit(inf, None, until_s)


def lowest_ahead(
    timelines: Sequence[ProfileTimeline], at_s: float, transaction_s: float, lead_s: float
) -> tuple[ProfileLimit, float]:
    """Return the lowest limit from this instant until `lead_s` later, and until when it is that.

    Who obeys it has lowered when a boundary comes, and raises no sooner than it.
    """
    lowest = prevailing(timelines, at_s, transaction_s)
    first_s = next_s = lowest.until_s
    while next_s <= at_s + lead_s:
        limit = prevailing(timelines, next_s, transaction_s)
        if limit.current_a < lowest.current_a:
            lowest = limit
        next_s = limit.until_s
    return lowest, min(first_s, next_s - lead_s)


def _posix(at: datetime | None, absent_s: float) -> float:
    return absent_s if at is None else at.timestamp()
