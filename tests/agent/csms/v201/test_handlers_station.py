import pytest

from agent.csms.adapter import Payload
from agent.station.commands import ResetKind
from tests.agent.csms.v201.rig import Rig


@pytest.mark.parametrize(
    ("kind", "busy", "status", "asked"),
    [
        ("Immediate", True, "Accepted", ResetKind.IMMEDIATE),
        ("OnIdle", False, "Accepted", ResetKind.ON_IDLE),
        ("OnIdle", True, "Scheduled", ResetKind.ON_IDLE),
    ],
)
async def test_a_reset_is_passed_on_with_its_kind(kind: str, *, busy: bool, status: str, asked: ResetKind) -> None:
    """B11, B12.FR.01."""
    rig = Rig()
    if busy:
        rig.station.occupy(1, "tx-1")
    assert await rig.ask("Reset", {"type": kind}) == {"status": status}
    assert rig.station.asked == [("reset", asked, None)]


async def test_a_station_that_cannot_reset_now_says_so() -> None:
    rig = Rig()
    rig.station.resets = False
    assert await rig.ask("Reset", {"type": "Immediate"}) == {"status": "Rejected"}


async def test_the_reset_of_one_evse_is_refused_by_name_and_nothing_is_reset() -> None:
    rig = Rig()
    answered = await rig.ask("Reset", {"type": "Immediate", "evseId": 1})
    assert answered["status"] == "Rejected"
    assert answered["statusInfo"]["reasonCode"] == "UnsupportedParam"
    assert rig.station.asked == []


@pytest.mark.parametrize(
    ("evse", "asked"),
    [(None, None), ({"id": 2}, 2), ({"id": 2, "connectorId": 1}, 2)],
)
async def test_availability_changes_for_station_evse_and_connector(evse: Payload | None, asked: int | None) -> None:
    """G03, G04."""
    rig = Rig()
    where = {} if evse is None else {"evse": evse}
    for status, operative in (("Inoperative", False), ("Operative", True)):
        answered = await rig.ask("ChangeAvailability", {"operationalStatus": status, **where})
        assert answered == {"status": "Accepted"}
        assert rig.station.asked.pop() == ("change_availability", asked, operative)


async def test_an_evse_that_charges_becomes_inoperative_later() -> None:
    rig = Rig()
    rig.station.occupy(1, "tx-1")
    answered = await rig.ask("ChangeAvailability", {"operationalStatus": "Inoperative", "evse": {"id": 1}})
    assert answered == {"status": "Scheduled"}


@pytest.mark.parametrize(
    ("evse", "code"),
    [({"id": 9}, "UnknownEvse"), ({"id": 0}, "UnknownEvse"), ({"id": 1, "connectorId": 2}, "UnknownConnectorId")],
)
async def test_what_does_not_exist_cannot_change_its_availability(evse: Payload, code: str) -> None:
    rig = Rig()
    answered = await rig.ask("ChangeAvailability", {"operationalStatus": "Inoperative", "evse": evse})
    assert answered == {"status": "Rejected", "statusInfo": {"reasonCode": code}}
    assert rig.station.asked == []


@pytest.mark.parametrize(
    ("lock", "busy", "status"),
    [(True, False, "Unlocked"), (True, True, "OngoingAuthorizedTransaction"), (False, False, "UnlockFailed")],
)
async def test_a_connector_is_unlocked_only_with_a_lock_and_no_transaction(
    *, lock: bool, busy: bool, status: str
) -> None:
    """F05.FR.02."""
    rig = Rig()
    rig.station.has_lock = lock
    if busy:
        rig.station.occupy(1, "tx-1")
    assert (await rig.ask("UnlockConnector", {"evseId": 1, "connectorId": 1}))["status"] == status


@pytest.mark.parametrize(("evse_id", "connector_id"), [(9, 1), (1, 2), (0, 1)])
async def test_a_connector_that_does_not_exist_is_unknown(evse_id: int, connector_id: int) -> None:
    """F05.FR.03."""
    rig = Rig()
    answered = await rig.ask("UnlockConnector", {"evseId": evse_id, "connectorId": connector_id})
    assert answered == {"status": "UnknownConnector"}
    assert rig.station.asked == []


@pytest.mark.parametrize(("enabled", "status"), [(True, "Accepted"), (False, "Rejected")])
async def test_the_cache_is_cleared_only_if_there_is_one(*, enabled: bool, status: str) -> None:
    """C11."""
    rig = Rig()
    rig.station.cache_enabled = enabled
    assert (await rig.ask("ClearCache", {}))["status"] == status


async def test_no_vendor_is_known() -> None:
    """P01."""
    request: Payload = {"vendorId": "com.example", "messageId": "hello", "data": {"x": 1}}
    assert await Rig().ask("DataTransfer", request) == {"status": "UnknownVendorId"}
