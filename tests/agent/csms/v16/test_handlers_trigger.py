import pytest

from agent.csms.adapter import Outgoing
from agent.domain.device_model import VariableKey
from agent.domain.vocabulary import FirmwareStatus, UploadStatus
from tests.agent.csms.v16.rig import Rig


async def trigger(rig: Rig, message: str, connector_id: int | None = None) -> str:
    where = {} if connector_id is None else {"connectorId": connector_id}
    status: str = (await rig.ask("TriggerMessage", {"requestedMessage": message, **where}))["status"]
    return status


@pytest.mark.parametrize("message", ["BootNotification", "Heartbeat"])
async def test_boot_and_heartbeat_follow_their_answer(message: str) -> None:
    rig = Rig()
    assert await trigger(rig, message) == "Accepted"
    assert [outgoing.action for outgoing in rig.sent] == [message]


@pytest.mark.parametrize(("connector_id", "told"), [(None, [0, 1, 2]), (0, [0]), (2, [2])])
async def test_the_status_of_one_connector_the_station_or_all_follows(
    connector_id: int | None, told: list[int]
) -> None:
    rig = Rig()
    rig.station.occupy(2)
    assert await trigger(rig, "StatusNotification", connector_id) == "Accepted"
    statuses = {outgoing.payload["connectorId"]: outgoing.payload["status"] for outgoing in rig.sent}
    assert list(statuses) == told
    assert statuses.get(2, "Preparing") == "Preparing"


async def test_a_status_that_is_not_known_is_refused() -> None:
    rig = Rig()
    rig.station.forget(1)
    assert await trigger(rig, "StatusNotification", 1) == "Rejected"
    assert await trigger(rig, "StatusNotification", 9) == "Rejected"
    assert rig.sent == []


@pytest.mark.parametrize(("connector_id", "told"), [(None, [1, 2]), (2, [2])])
async def test_meter_values_follow_and_say_that_they_were_asked_for(connector_id: int | None, told: list[int]) -> None:
    """Section 5.17: the measurands of MeterValuesSampledData."""
    rig = Rig()
    rig.station.device_model.set(VariableKey("SampledDataCtrlr", "TxUpdatedMeasurands"), "Voltage")
    assert await trigger(rig, "MeterValues", connector_id) == "Accepted"
    assert [outgoing.payload["connectorId"] for outgoing in rig.sent] == told
    sampled = [v for o in rig.sent for value in o.payload["meterValue"] for v in value["sampledValue"]]
    assert {(v["measurand"], v["context"]) for v in sampled} == {("Voltage", "Trigger")}


async def test_meter_values_carry_the_number_of_the_running_transaction_if_it_has_one() -> None:
    rig = Rig()
    rig.station.occupy(1, "tx-1")
    rig.station.occupy(2, "tx-2")
    rig.known.by_csms_id = {42: "tx-2"}
    assert await trigger(rig, "MeterValues") == "Accepted"
    assert [outgoing.payload.get("transactionId") for outgoing in rig.sent] == [None, 42]


async def test_meter_values_are_refused_when_the_meter_is_silent_or_the_connector_unknown() -> None:
    rig = Rig()
    assert await trigger(rig, "MeterValues", 9) == "Rejected"
    assert await trigger(rig, "MeterValues", 0) == "Rejected"
    rig.station.silence_meter()
    assert await trigger(rig, "MeterValues") == "Rejected"
    assert rig.sent == []


async def extended(rig: Rig, message: str) -> str:
    status: str = (await rig.ask("ExtendedTriggerMessage", {"requestedMessage": message}))["status"]
    return status


async def test_without_an_update_or_upload_idle_is_told() -> None:
    """OCPP 1.6 sections 4.4 and 4.5; white paper, ExtendedTriggerMessage: Idle goes without a request id."""
    rig = Rig()
    for message in ("FirmwareStatusNotification", "DiagnosticsStatusNotification"):
        assert await trigger(rig, message) == "Accepted"
        assert rig.sent.pop() == Outgoing(message, {"status": "Idle"})
    for message, action in (
        ("FirmwareStatusNotification", "SignedFirmwareStatusNotification"),
        ("LogStatusNotification", "LogStatusNotification"),
    ):
        assert await extended(rig, message) == "Accepted"
        assert rig.sent.pop() == Outgoing(action, {"status": "Idle"})


async def test_an_update_and_an_upload_are_told_as_they_stand() -> None:
    rig = Rig()
    assert rig.station.files.firmware is not None
    rig.station.files.firmware.present = (FirmwareStatus.INSTALL_SCHEDULED, 7)
    rig.station.files.logs.present = (UploadStatus.UPLOADING, 8)
    await trigger(rig, "FirmwareStatusNotification")
    assert rig.sent.pop().payload == {"status": "Downloaded"}
    await trigger(rig, "DiagnosticsStatusNotification")
    assert rig.sent.pop().payload == {"status": "Uploading"}
    await extended(rig, "FirmwareStatusNotification")
    assert rig.sent.pop().payload == {"status": "InstallScheduled", "requestId": 7}
    await extended(rig, "LogStatusNotification")
    assert rig.sent.pop().payload == {"status": "Uploading", "requestId": 8}


@pytest.mark.parametrize("message", ["BootNotification", "Heartbeat", "StatusNotification", "MeterValues"])
async def test_the_extended_trigger_knows_the_plain_messages_too(message: str) -> None:
    rig = Rig()
    assert await extended(rig, message) == "Accepted"
    assert {outgoing.action for outgoing in rig.sent} == {message}


async def test_messages_that_are_not_built_are_not_implemented() -> None:
    assert await extended(Rig(), "SignChargePointCertificate") == "NotImplemented"
