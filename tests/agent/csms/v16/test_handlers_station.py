import pytest

from agent.station.commands import ResetKind
from tests.agent.csms.v16.rig import Rig


@pytest.mark.parametrize(("kind", "asked"), [("Soft", ResetKind.SOFT), ("Hard", ResetKind.IMMEDIATE)])
async def test_a_reset_is_passed_on_with_its_kind(kind: str, asked: ResetKind) -> None:
    rig = Rig()
    rig.station.occupy(1, "tx-1")
    assert await rig.ask("Reset", {"type": kind}) == {"status": "Accepted"}
    assert rig.station.asked == [("reset", asked, None)]


async def test_a_station_that_cannot_reset_now_says_so() -> None:
    rig = Rig()
    rig.station.resets = False
    assert await rig.ask("Reset", {"type": "Hard"}) == {"status": "Rejected"}


@pytest.mark.parametrize(("connector_id", "evse_id"), [(0, None), (2, 2)])
async def test_availability_changes_for_one_connector_or_with_0_for_all(connector_id: int, evse_id: int | None) -> None:
    rig = Rig()
    for type_, operative in (("Inoperative", False), ("Operative", True)):
        answered = await rig.ask("ChangeAvailability", {"connectorId": connector_id, "type": type_})
        assert answered == {"status": "Accepted"}
        assert rig.station.asked.pop() == ("change_availability", evse_id, operative)


async def test_a_connector_that_charges_becomes_inoperative_later() -> None:
    rig = Rig()
    rig.station.occupy(1, "tx-1")
    answered = await rig.ask("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"})
    assert answered == {"status": "Scheduled"}


@pytest.mark.parametrize("connector_id", [9, -1])
async def test_a_connector_that_does_not_exist_cannot_change_its_availability(connector_id: int) -> None:
    rig = Rig()
    answered = await rig.ask("ChangeAvailability", {"connectorId": connector_id, "type": "Inoperative"})
    assert answered == {"status": "Rejected"}
    assert rig.station.asked == []


@pytest.mark.parametrize(
    ("lock", "busy", "connector_id", "status"),
    [
        (True, False, 1, "Unlocked"),
        (True, True, 1, "Unlocked"),  # 5.18: the transaction is finished first
        (False, False, 1, "NotSupported"),
        (True, False, 9, "NotSupported"),
    ],
)
async def test_a_connector_is_unlocked_only_with_a_lock_and_ends_its_transaction_first(
    *, lock: bool, busy: bool, connector_id: int, status: str
) -> None:
    rig = Rig()
    rig.station.has_lock = lock
    if busy:
        rig.station.occupy(1, "tx-1")
    assert await rig.ask("UnlockConnector", {"connectorId": connector_id}) == {"status": status}


@pytest.mark.parametrize(("enabled", "status"), [(True, "Accepted"), (False, "Rejected")])
async def test_the_cache_is_cleared_only_if_there_is_one(*, enabled: bool, status: str) -> None:
    rig = Rig()
    rig.station.cache_enabled = enabled
    assert await rig.ask("ClearCache", {}) == {"status": status}


async def test_no_vendor_is_known() -> None:
    request = {"vendorId": "com.example", "messageId": "hello", "data": "x"}
    assert await Rig().ask("DataTransfer", request) == {"status": "UnknownVendorId"}
