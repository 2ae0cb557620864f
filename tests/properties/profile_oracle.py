"""What charging profiles allow at one second, told from the standard's text alone, as slowly as it likes.

Shares nothing with the implementation but the values: no sorting by precedence, no intervals, no binary search, all
arithmetic on dates. Source: OCPP 1.6 sections 3.13.1 to 3.13.3, 7.8 and 7.13.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from agent.domain.charging_profile import (
    ChargingProfile,
    ChargingProfileKind,
    ChargingProfilePurpose,
    ChargingRateUnit,
    RecurrencyKind,
)

VOLTS = 230
MAX, DEFAULT, TX = (
    ChargingProfilePurpose.CHARGING_STATION_MAX,
    ChargingProfilePurpose.TX_DEFAULT,
    ChargingProfilePurpose.TX,
)


def allowed_a(profiles: Sequence[ChargingProfile], evse_id: int, phases: int, at: datetime, tx: datetime) -> float:
    """Of an EVSE whose transaction began at `tx`: its TxProfile if one is in force, else its default; else infinite."""
    own = [each for each in profiles if each.purpose is TX and each.evse_id == evse_id]
    limit = highest(own, phases, at, tx)
    if limit is None:
        limit = highest([each for each in profiles if each.purpose is DEFAULT], phases, at, tx, evse_id)
    return float("inf") if limit is None else limit


def station_a(profiles: Sequence[ChargingProfile], phases: int, at: datetime) -> float:
    """Of all EVSEs together."""
    limit = highest([each for each in profiles if each.purpose is MAX], phases, at, at)
    return float("inf") if limit is None else limit


def highest(
    profiles: Sequence[ChargingProfile], phases: int, at: datetime, tx: datetime, evse_id: int = 0
) -> float | None:
    """The limit of the highest stack level that is in force; at one level the EVSE's own goes before everybody's."""
    for level in range(99, -1, -1):
        for place in (evse_id, 0):
            for profile in profiles:
                if profile.stack_level != level or (profile.purpose is not TX and profile.evse_id != place):
                    continue
                limit = of_one(profile, phases, at, tx)
                if limit is not None:
                    return limit
    return None


def of_one(profile: ChargingProfile, phases: int, at: datetime, tx: datetime) -> float | None:
    """What this profile says of this second; None if it says nothing."""
    from_transaction = profile.purpose is not MAX and (
        profile.profile_kind is ChargingProfileKind.RELATIVE or profile.schedule.start is None
    )
    if profile.received_at is not None and at < profile.received_at and not from_transaction:
        at = profile.received_at  # earlier it cannot be: the clock is not set
    if profile.valid_from is not None and at < profile.valid_from:
        return None
    if profile.valid_to is not None and at >= profile.valid_to:
        return None
    since_s = seconds_since_start(profile, at, tx)
    if since_s is None or since_s < 0:
        return None
    schedule = profile.schedule
    if schedule.duration_s is not None and since_s >= schedule.duration_s:
        return None
    limit = 0.0
    for period in schedule.periods:
        if period.start_s <= since_s:
            limit = period.limit
    return limit / (VOLTS * phases) if schedule.unit is ChargingRateUnit.W else limit


def seconds_since_start(profile: ChargingProfile, at: datetime, tx: datetime) -> int | None:
    """How long the schedule has run at this second, in its present round."""
    start = profile.schedule.start
    if profile.profile_kind is ChargingProfileKind.RECURRING:
        assert start is not None
        if at < start:
            return None
        step = timedelta(days=1 if profile.recurrency is RecurrencyKind.DAILY else 7)
        while start + step <= at:
            start += step
        return int((at - start).total_seconds())
    if profile.profile_kind is ChargingProfileKind.RELATIVE or start is None:
        start = tx
        if profile.purpose is MAX:
            assert profile.received_at is not None
            start = profile.received_at
            if profile.valid_from is not None and profile.valid_from > start:
                start = profile.valid_from
    return int((at - start).total_seconds())
