"""Which charging profiles are taken, what a new one replaces, and when a set of them is full: rules.

Source: OCPP 1.6 sections 3.13, 5.16 and 9.4; OCPP 2.0.1 part 2, K01, where 1.6 is silent.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from math import isfinite
from typing import Final

from agent.domain.charging_profile import (
    MAX_PERIODS,
    MAX_PROFILES,
    MAX_STACK_LEVEL,
    STATION,
    ChargingProfile,
    ChargingProfileKind,
    ChargingProfilePurpose,
    ChargingSchedule,
)

_MAX_PHASES: Final = 3
_LARGEST: Final = 2**31 - 1
"""OCPP's integers are of 32 bits."""


def malformed(profile: ChargingProfile) -> str | None:
    """Return what is wrong with a profile in itself, None if nothing is."""
    if not -_LARGEST <= profile.profile_id <= _LARGEST:
        return "its id has more than 32 bits"
    if not 0 <= profile.stack_level <= MAX_STACK_LEVEL:
        return f"stack level {profile.stack_level} is not in 0 to {MAX_STACK_LEVEL}"
    if profile.purpose is ChargingProfilePurpose.CHARGING_STATION_MAX and profile.evse_id != STATION:
        return "a profile of the whole station belongs to connector 0"  # OCPP 1.6 section 3.13.1
    if profile.purpose is ChargingProfilePurpose.TX and profile.evse_id == STATION:
        return "a TxProfile belongs to one connector"  # OCPP 1.6 section 3.13.1, 2.0.1 K01.FR.16
    if profile.valid_from is not None and profile.valid_to is not None and profile.valid_to <= profile.valid_from:
        return "it ends to be valid before it begins"
    if profile.profile_kind is ChargingProfileKind.RECURRING:
        if profile.recurrency is None:
            return "a recurring profile does not say how it recurs"
        if profile.schedule.start is None:
            return "a recurring profile has no start"  # OCPP 2.0.1 K01.FR.40
    return _malformed_schedule(profile.schedule)


def _malformed_schedule(schedule: ChargingSchedule) -> str | None:
    starts = [period.start_s for period in schedule.periods]
    rates = [period.limit for period in schedule.periods]
    if schedule.min_charging_rate is not None:
        rates.append(schedule.min_charging_rate)
    if schedule.duration_s is not None and not 0 < schedule.duration_s <= _LARGEST:
        return f"a schedule cannot last {schedule.duration_s} s"
    if not starts:
        return "the schedule has no period"
    if len(starts) > MAX_PERIODS:
        return f"{len(starts)} periods are more than {MAX_PERIODS}"
    if starts[0] != 0:
        return "the first period does not start at 0"  # OCPP 2.0.1 K01.FR.31
    if any(later <= earlier for earlier, later in pairwise(starts)):
        return "the periods are not in the order of time"  # OCPP 2.0.1 K01.FR.35
    if starts[-1] > _LARGEST:
        return f"a period cannot start after {starts[-1]} s"
    if any(rate < 0 or not isfinite(rate) for rate in rates):
        return "a limit is negative or no number"
    phases = {period.number_phases for period in schedule.periods} - {None}
    if not phases <= set(range(1, _MAX_PHASES + 1)):
        return f"numberPhases is not in 1 to {_MAX_PHASES}"
    return None


def refused_here(profile: ChargingProfile, evse_ids: Sequence[int], running_id: str | None) -> str | None:
    """Return why this station cannot take a well-formed profile now, None if it can.

    `running_id`: the transaction of the profile's EVSE. A TxProfile that names no transaction is for the one that runs.
    """
    if profile.evse_id != STATION and profile.evse_id not in evse_ids:
        return f"there is no connector {profile.evse_id}"
    if profile.purpose is not ChargingProfilePurpose.TX:
        # OCPP 1.6 section 7.8: transactionId is only valid in a TxProfile.
        return None if profile.transaction_id is None else "only a TxProfile belongs to a transaction"
    if running_id is None:
        return f"no transaction is running at connector {profile.evse_id}"  # OCPP 1.6 section 3.13.1
    if profile.transaction_id not in {None, running_id}:
        return f"that transaction is not the one that is running at connector {profile.evse_id}"
    return None


def replaced_by(profile: ChargingProfile, installed: Sequence[ChargingProfile]) -> tuple[ChargingProfile, ...]:
    """Return what a new profile replaces: the same id, or the same place, purpose and stack level.

    Source: OCPP 1.6 sections 3.13.2 and 5.16.3. The place counts: else the defaults of two connectors could not differ.
    """
    place = (profile.evse_id, profile.purpose, profile.stack_level)
    return tuple(
        other
        for other in installed
        if other.profile_id == profile.profile_id or (other.evse_id, other.purpose, other.stack_level) == place
    )


def too_many(
    installed: Sequence[ChargingProfile], replaced: Sequence[ChargingProfile], now: datetime
) -> tuple[str | None, tuple[ChargingProfile, ...]]:
    """Return why one more does not fit, and what has run out for good and goes to make room."""
    left = [profile for profile in installed if profile not in replaced]
    if len(left) < MAX_PROFILES:
        return None, ()
    over = tuple(profile for profile in left if profile.valid_to is not None and profile.valid_to <= now)
    return (None, over) if over else (f"{MAX_PROFILES} profiles are installed already", ())
