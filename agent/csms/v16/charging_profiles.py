"""Charging profiles and composite schedules between OCPP 1.6 and the domain. Source: OCPP 1.6 sections 7.6 to 7.14."""

from datetime import UTC, datetime

from agent.csms.adapter import Payload
from agent.csms.v16.wire_values import read_timestamp, timestamp
from agent.domain.charging_profile import (
    ChargingProfile,
    ChargingProfileKind,
    ChargingProfilePurpose,
    ChargingRateUnit,
    ChargingSchedule,
    ChargingSchedulePeriod,
    ProfileCriteria,
    RecurrencyKind,
)
from agent.domain.composite_schedule import CompositeSchedule

PURPOSES = {
    "ChargePointMaxProfile": ChargingProfilePurpose.CHARGING_STATION_MAX,
    "TxDefaultProfile": ChargingProfilePurpose.TX_DEFAULT,
    "TxProfile": ChargingProfilePurpose.TX,
}


def read_profile(payload: Payload, evse_id: int, transaction_id: str | None = None) -> ChargingProfile:
    """Read a schema-checked ChargingProfile.

    Raises: ValueError for a time that no clock shows, OverflowError for a limit that is no number of this world.
    """
    recurrency = payload.get("recurrencyKind")
    return ChargingProfile(
        profile_id=int(payload["chargingProfileId"]),
        evse_id=evse_id,
        stack_level=int(payload["stackLevel"]),
        purpose=PURPOSES[payload["chargingProfilePurpose"]],
        profile_kind=ChargingProfileKind(payload["chargingProfileKind"]),
        schedule=_read_schedule(payload["chargingSchedule"]),
        recurrency=None if recurrency is None else RecurrencyKind(recurrency),
        valid_from=_read_time(payload.get("validFrom")),
        valid_to=_read_time(payload.get("validTo")),
        transaction_id=transaction_id,
    )


def read_criteria(payload: Payload) -> ProfileCriteria:
    """Read a ClearChargingProfile request."""
    purpose = payload.get("chargingProfilePurpose")
    return ProfileCriteria(
        profile_id=payload.get("id"),
        evse_id=payload.get("connectorId"),
        purpose=None if purpose is None else PURPOSES[purpose],
        stack_level=payload.get("stackLevel"),
    )


def read_unit(name: str | None) -> ChargingRateUnit | None:
    """Read a ChargingRateUnitType that may be absent."""
    return None if name is None else ChargingRateUnit(name)


def composite(connector_id: int, schedule: CompositeSchedule) -> Payload:
    """Write the answer to GetCompositeSchedule."""
    start = timestamp(datetime.fromtimestamp(schedule.start_s, UTC))
    periods = [
        {"startPeriod": period.start_s, "limit": period.limit, "numberPhases": schedule.number_phases}
        for period in schedule.periods
    ]
    told = {
        "duration": schedule.duration_s,
        "startSchedule": start,
        "chargingRateUnit": schedule.unit.value,
        "chargingSchedulePeriod": periods,
    }
    return {"status": "Accepted", "connectorId": connector_id, "scheduleStart": start, "chargingSchedule": told}


def _read_schedule(payload: Payload) -> ChargingSchedule:
    duration = payload.get("duration")
    lowest = payload.get("minChargingRate")
    return ChargingSchedule(
        unit=ChargingRateUnit(payload["chargingRateUnit"]),
        periods=tuple(_read_period(each) for each in payload["chargingSchedulePeriod"]),
        duration_s=None if duration is None else int(duration),
        start=_read_time(payload.get("startSchedule")),
        min_charging_rate=None if lowest is None else float(lowest),
    )


def _read_period(payload: Payload) -> ChargingSchedulePeriod:
    phases = payload.get("numberPhases")
    return ChargingSchedulePeriod(
        int(payload["startPeriod"]), float(payload["limit"]), None if phases is None else int(phases)
    )


def _read_time(text: str | None) -> datetime | None:
    return None if text is None else read_timestamp(text).replace(microsecond=0)
