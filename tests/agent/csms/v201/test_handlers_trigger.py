import pytest

from agent.csms.adapter import BootAnswer, BootStatus, Payload
from agent.domain.device_model import VariableKey
from tests.agent.csms.v201.rig import Rig
from tests.fakes.fake_station import NOW


async def trigger(rig: Rig, message: str, evse: Payload | None = None) -> str:
    where = {} if evse is None else {"evse": evse}
    answered = await rig.ask("TriggerMessage", {"requestedMessage": message, **where})
    status: str = answered["status"]
    return status


async def test_a_boot_is_sent_again_while_the_back_end_has_not_accepted_us() -> None:
    rig = Rig()
    assert await trigger(rig, "BootNotification") == "Accepted"
    [boot] = rig.sent
    assert boot.payload["reason"] == "Triggered"


async def test_a_boot_is_refused_once_the_back_end_has_accepted_us() -> None:
    """F06.FR.17."""
    rig = Rig()
    rig.adapter.boot_accepted(BootAnswer(BootStatus.ACCEPTED, 0, NOW))
    assert await trigger(rig, "BootNotification") == "Rejected"
    assert rig.sent == []


async def test_a_heartbeat_follows_its_answer() -> None:
    """F06.FR.04."""
    rig = Rig()
    assert await trigger(rig, "Heartbeat") == "Accepted"
    assert [outgoing.action for outgoing in rig.sent] == ["Heartbeat"]


async def test_the_status_of_one_connector_follows() -> None:
    rig = Rig()
    rig.station.occupy(2)
    assert await trigger(rig, "StatusNotification", {"id": 2, "connectorId": 1}) == "Accepted"
    assert [(o.payload["evseId"], o.payload["connectorStatus"]) for o in rig.sent] == [(2, "Occupied")]


@pytest.mark.parametrize("evse", [None, {"id": 1}, {"id": 9, "connectorId": 1}, {"id": 1, "connectorId": 2}])
async def test_a_status_is_refused_unless_it_is_of_one_connector(evse: Payload | None) -> None:
    """F06.FR.12."""
    rig = Rig()
    assert await trigger(rig, "StatusNotification", evse) == "Rejected"
    assert rig.sent == []


async def test_a_status_that_is_not_known_yet_is_refused() -> None:
    rig = Rig()
    rig.station.forget(1)
    assert await trigger(rig, "StatusNotification", {"id": 1, "connectorId": 1}) == "Rejected"


@pytest.mark.parametrize(("evse", "evse_ids"), [(None, [1, 2]), ({"id": 2}, [2])])
async def test_meter_values_of_all_or_one_evse_follow_and_say_that_they_were_asked_for(
    evse: Payload | None, evse_ids: list[int]
) -> None:
    """F06.FR.06."""
    rig = Rig()
    rig.station.device_model.set(VariableKey("AlignedDataCtrlr", "Measurands"), "Voltage")
    assert await trigger(rig, "MeterValues", evse) == "Accepted"
    assert [outgoing.payload["evseId"] for outgoing in rig.sent] == evse_ids
    sampled = [v for o in rig.sent for value in o.payload["meterValue"] for v in value["sampledValue"]]
    assert {(v["measurand"], v["context"]) for v in sampled} == {("Voltage", "Trigger")}


async def test_meter_values_are_refused_when_the_meter_is_silent_or_the_evse_unknown() -> None:
    rig = Rig()
    assert await trigger(rig, "MeterValues", {"id": 9}) == "Rejected"
    rig.station.silence_meter()
    assert await trigger(rig, "MeterValues") == "Rejected"
    assert rig.sent == []


@pytest.mark.parametrize(("evse", "evse_ids"), [(None, [1, 2]), ({"id": 2}, [2])])
async def test_open_transactions_are_sampled_by_way_of_the_journal(evse: Payload | None, evse_ids: list[int]) -> None:
    """F06.FR.07."""
    rig = Rig()
    rig.station.occupy(1, "tx-1")
    rig.station.occupy(2, "tx-2")
    assert await trigger(rig, "TransactionEvent", evse) == "Accepted"
    assert rig.station.asked == [("trigger_transaction_sample", evse_id) for evse_id in evse_ids]
    assert rig.sent == []


async def test_a_transaction_event_is_refused_without_a_transaction() -> None:
    rig = Rig()
    rig.station.occupy(1, "tx-1")
    assert await trigger(rig, "TransactionEvent", {"id": 2}) == "Rejected"
    assert rig.station.asked == []


@pytest.mark.parametrize(
    "message",
    [
        "LogStatusNotification",
        "FirmwareStatusNotification",
        "SignChargingStationCertificate",
        "SignV2GCertificate",
        "SignCombinedCertificate",
        "PublishFirmwareStatusNotification",
    ],
)
async def test_messages_that_are_not_built_are_not_implemented(message: str) -> None:
    """F06.FR.08."""
    assert await trigger(Rig(), message) == "NotImplemented"
