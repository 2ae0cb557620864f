"""Charging profiles in few words, for tests of their rules."""

from datetime import UTC, datetime
from typing import Any

from agent.domain.charging_profile import (
    ChargingProfile,
    ChargingProfileKind,
    ChargingProfilePurpose,
    ChargingRateUnit,
    ChargingSchedule,
    ChargingSchedulePeriod,
    RecurrencyKind,
)

MAX, DEFAULT, TX = (
    ChargingProfilePurpose.CHARGING_STATION_MAX,
    ChargingProfilePurpose.TX_DEFAULT,
    ChargingProfilePurpose.TX,
)
ABSOLUTE, RECURRING, RELATIVE = (
    ChargingProfileKind.ABSOLUTE,
    ChargingProfileKind.RECURRING,
    ChargingProfileKind.RELATIVE,
)
DAILY, WEEKLY = RecurrencyKind.DAILY, RecurrencyKind.WEEKLY
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
NOON_S = NOON.timestamp()


def schedule(*periods: tuple[int, float], unit: str = "A", **more: Any) -> ChargingSchedule:
    return ChargingSchedule(
        ChargingRateUnit(unit), tuple(ChargingSchedulePeriod(start_s, limit) for start_s, limit in periods), **more
    )


def profile(
    number: int = 1,
    *periods: tuple[int, float],
    evse: int = 0,
    level: int = 0,
    purpose: ChargingProfilePurpose = DEFAULT,
    kind: ChargingProfileKind = RELATIVE,
    course: ChargingSchedule | None = None,
    **more: Any,
) -> ChargingProfile:
    wanted = course or schedule(*(periods or ((0, 16.0),)))
    return ChargingProfile(number, evse, level, purpose, kind, wanted, **more)
