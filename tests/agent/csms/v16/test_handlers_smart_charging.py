"""OCPP 1.6 sections 5.5, 5.7 and 5.16, and the types of section 7 that they carry."""

from datetime import UTC, datetime
from typing import Any

import pytest

from agent.csms.adapter import Payload, RpcError, RpcErrorCode
from agent.domain.charging_profile import (
    ChargingProfile,
    ChargingProfileKind,
    ChargingProfilePurpose,
    ChargingRateUnit,
    ChargingSchedule,
    ChargingSchedulePeriod,
    RecurrencyKind,
)
from tests.agent.csms.v16.rig import Rig

ACCEPTED = {"status": "Accepted"}
REJECTED = {"status": "Rejected"}
SMALL: Payload = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6}]},
}

HUGE = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10**400}]}

WHOLE = {
    "duration": 3600,
    "startSchedule": "2026-03-14T16:00:00.900+01:00",
    "chargingRateUnit": "W",
    "chargingSchedulePeriod": [
        {"startPeriod": 0, "limit": 11000.5, "numberPhases": 1},
        {"startPeriod": 60, "limit": 0},
    ],
    "minChargingRate": 1.5,
}


async def set_(rig: Rig, connector: int = 0, **more: Any) -> Payload:
    given = {"connectorId": connector, "csChargingProfiles": {**SMALL, **more}}
    return await rig.ask("SetChargingProfile", given)


async def test_a_profile_is_handed_on_whole_in_the_words_of_the_domain() -> None:
    rig = Rig()
    more = {
        "chargingProfileId": 7,
        "stackLevel": 3,
        "chargingProfilePurpose": "ChargePointMaxProfile",
        "chargingProfileKind": "Recurring",
        "recurrencyKind": "Weekly",
        "validFrom": "2026-03-14T15:00:00Z",
        "validTo": "9999-12-31T23:59:59-01:00",
        "chargingSchedule": WHOLE,
    }
    assert await set_(rig, 2, **more) == ACCEPTED
    start = datetime(2026, 3, 14, 15, tzinfo=UTC)
    assert rig.station.charging_profiles.installed == [
        ChargingProfile(
            7,
            2,
            3,
            ChargingProfilePurpose.CHARGING_STATION_MAX,
            ChargingProfileKind.RECURRING,
            ChargingSchedule(
                ChargingRateUnit.W,
                (ChargingSchedulePeriod(0, 11000.5, 1), ChargingSchedulePeriod(60, 0.0)),
                3600,
                start,
                1.5,
            ),
            RecurrencyKind.WEEKLY,
            start,
            datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
        )
    ]


async def test_the_number_of_a_transaction_is_the_stations_own_name_of_it() -> None:
    rig = Rig()
    rig.known.by_csms_id = {41: "tx-1"}
    assert await set_(rig, 1, chargingProfilePurpose="TxProfile", transactionId=41) == ACCEPTED
    assert rig.station.charging_profiles.installed[0].transaction_id == "tx-1"


@pytest.mark.parametrize(
    ("more", "refusal", "reason"),
    [
        ({}, "it could not be stored", "it could not be stored"),
        ({"transactionId": 42}, None, "there is no transaction 42"),  # 5.16.3
        ({"validFrom": "0000-01-01T00:00:00Z"}, None, "year 0 is out of range"),
        ({"chargingSchedule": HUGE}, None, "int too large to convert to float"),
    ],
)
async def test_a_refusal_is_rejected_and_the_log_says_why(
    more: Payload, refusal: str | None, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig()
    rig.station.charging_profiles.refusal = refusal
    assert await set_(rig, 1, **more) == REJECTED
    assert rig.station.charging_profiles.installed == []
    assert f"charging profile rejected id=1 reason={reason}" in caplog.text


@pytest.mark.parametrize(
    ("criteria", "left"),
    [
        ({}, []),
        ({"id": 2}, [1, 3]),
        ({"connectorId": 0}, [2]),
        ({"chargingProfilePurpose": "ChargePointMaxProfile"}, [1, 2]),
        ({"stackLevel": 5}, [1, 2]),
        ({"id": 2, "connectorId": 0}, [1, 2, 3]),
    ],
)
async def test_profiles_are_cleared_by_every_criterion(criteria: Payload, left: list[int]) -> None:
    """Section 5.5; Unknown where nothing agrees with all of them."""
    rig = Rig()
    await set_(rig, 0, chargingProfileId=1)
    await set_(rig, 2, chargingProfileId=2)
    await set_(rig, 0, chargingProfileId=3, stackLevel=5, chargingProfilePurpose="ChargePointMaxProfile")
    answered = await rig.ask("ClearChargingProfile", criteria)
    assert [each.profile_id for each in rig.station.charging_profiles.installed] == left
    assert answered == {"status": "Unknown" if left == [1, 2, 3] else "Accepted"}


async def test_profiles_that_cannot_be_removed_from_the_disk_are_an_error_not_an_unknown() -> None:
    rig = Rig()
    rig.station.charging_profiles.disk_full = True
    with pytest.raises(RpcError) as refused:
        await rig.ask("ClearChargingProfile", {})
    assert refused.value.code is RpcErrorCode.INTERNAL_ERROR


async def test_a_composite_schedule_is_told_from_now_on() -> None:
    """Section 5.7."""
    rig = Rig()
    asked = {"connectorId": 1, "duration": 900, "chargingRateUnit": "W"}
    assert await rig.ask("GetCompositeSchedule", asked) == {
        "status": "Accepted",
        "connectorId": 1,
        "scheduleStart": "2026-03-14T15:09:26.000Z",
        "chargingSchedule": {
            "duration": 900,
            "startSchedule": "2026-03-14T15:09:26.000Z",
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [
                {"startPeriod": 0, "limit": 16.0, "numberPhases": 3},
                {"startPeriod": 600, "limit": 6.5, "numberPhases": 3},
            ],
        },
    }
    assert rig.station.charging_profiles.asked == [(1, 900, ChargingRateUnit.W)]


@pytest.mark.parametrize("asked", [{"connectorId": 9, "duration": 900}, {"connectorId": 1, "duration": -1}])
async def test_a_schedule_that_cannot_be_told_is_rejected(asked: Payload) -> None:
    assert await Rig().ask("GetCompositeSchedule", asked) == REJECTED
