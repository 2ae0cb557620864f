"""Read-only keys are true: what they tell is what the station takes. OCPP 1.6 sections 9.1 and 3.3."""

import pytest

from agent.domain.variables.station import MEASURANDS
from tests.agent.csms.v16.rig import Rig

MESSAGES = {
    "FirmwareManagement": "UpdateFirmware",
    "LocalAuthListManagement": "SendLocalList",
    "RemoteTrigger": "TriggerMessage",
    "Reservation": "ReserveNow",
    "SmartCharging": "SetChargingProfile",
    "Core": "RemoteStartTransaction",
}


async def value(rig: Rig, key: str) -> str:
    answered = await rig.ask("GetConfiguration", {"key": [key]})
    return str(answered["configurationKey"][0]["value"])


async def change(rig: Rig, key: str, text: str) -> str:
    return str((await rig.ask("ChangeConfiguration", {"key": key, "value": text}))["status"])


@pytest.mark.parametrize(
    "key", ["MeterValuesAlignedData", "MeterValuesSampledData", "StopTxnAlignedData", "StopTxnSampledData"]
)
async def test_a_list_of_measurands_may_have_as_many_members_as_its_max_length(key: str) -> None:
    rig = Rig()
    longest = int(await value(rig, f"{key}MaxLength"))
    assert longest == len(MEASURANDS)
    assert await change(rig, key, ",".join(MEASURANDS)) == "Accepted"
    assert len((await value(rig, key)).split(",")) == longest
    assert await change(rig, key, ",".join([*MEASURANDS, MEASURANDS[0]])) == "Rejected"


async def test_a_rotation_may_be_told_of_as_many_connectors_as_its_max_length() -> None:
    rig = Rig()
    longest = int(await value(rig, "ConnectorPhaseRotationMaxLength"))
    entries = [f"{connector}.RST" for connector in range(1, longest + 1)]
    assert await change(rig, "ConnectorPhaseRotation", ",".join(entries)) == "Accepted"
    assert await change(rig, "ConnectorPhaseRotation", ",".join([*entries, f"{longest + 1}.RST"])) == "Rejected"


@pytest.mark.parametrize("firmware", [True, False])
async def test_what_the_feature_profiles_name_is_there_and_nothing_else(firmware: bool) -> None:
    rig = Rig(firmware=firmware)
    told = (await value(rig, "SupportedFeatureProfiles")).split(",")
    assert set(told) == {name for name, message in MESSAGES.items() if message in rig.adapter.handlers}
    assert len(told) <= int(await value(rig, "SupportedFeatureProfilesMaxLength")) == len(MESSAGES)


async def test_there_are_as_many_connectors_as_the_key_says() -> None:
    rig = Rig()
    connectors = int(await value(rig, "NumberOfConnectors"))
    for connector in (connectors, connectors + 1):
        answered = await rig.ask("ChangeAvailability", {"connectorId": connector, "type": "Operative"})
        assert (answered["status"] == "Rejected") is (connector > connectors)
