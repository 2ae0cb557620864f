import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.csms.adapter import Payload, RpcError, RpcErrorCode
from agent.csms.v16.configuration_keys import MAX_KEYS, VARIABLES
from agent.domain.device_model import AttributeType, DeviceModel
from tests.agent.csms.v16.official import enums
from tests.agent.csms.v16.rig import Rig

READ_ONLY = {
    "AdditionalRootCertificateCheck": "false",
    "CertificateSignedMaxChainSize": "10000",
    "CertificateStoreMaxLength": "20",
    "ChargeProfileMaxStackLevel": "99",
    "ChargingScheduleAllowedChargingRateUnit": "Current,Power",
    "ChargingScheduleMaxPeriods": "500",
    "ConnectorSwitch3to1PhaseSupported": "false",
    "GetConfigurationMaxKeys": str(MAX_KEYS),
    "LocalAuthListMaxLength": "10000",
    "MaxChargingProfilesInstalled": "100",
    "MeterValuesAlignedDataMaxLength": "7",
    "MeterValuesSampledDataMaxLength": "7",
    "NumberOfConnectors": "2",
    "ReserveConnectorZeroSupported": "true",
    "SendLocalListMaxLength": "10000",
    "StopTransactionOnEVSideDisconnect": "true",
    "StopTxnAlignedDataMaxLength": "7",
    "ConnectorPhaseRotationMaxLength": "2",
    "StopTxnSampledDataMaxLength": "7",
    "SupportedFeatureProfiles": (
        "Core,FirmwareManagement,LocalAuthListManagement,RemoteTrigger,Reservation,SmartCharging"
    ),
    "SupportedFeatureProfilesMaxLength": "6",
    "SupportedFileTransferProtocols": "FTP,FTPS,HTTP,HTTPS,SFTP",
    "UnlockConnectorOnEVSideDisconnect": "true",
}
NAMES = sorted([*VARIABLES, *READ_ONLY])
ANY_NAME = st.sampled_from(NAMES) | st.sampled_from(NAMES).map(str.swapcase) | st.text(max_size=50)
ANY_VALUE = st.sampled_from(["true", "FALSE", "0", "60", "-1", "Voltage, Frequency", "Voltage,SoC", ""]) | st.text(
    max_size=500
)


async def get(rig: Rig, *names: str) -> Payload:
    return await rig.ask("GetConfiguration", {"key": list(names)} if names else {})


async def change(rig: Rig, key: str, value: str) -> str:
    status: str = (await rig.ask("ChangeConfiguration", {"key": key, "value": value}))["status"]
    return status


async def value_of(rig: Rig, name: str) -> str:
    value: str = (await get(rig, name))["configurationKey"][0]["value"]
    return value


def everything(model: DeviceModel) -> dict[str, str]:
    return {name: model.get(key, AttributeType.ACTUAL).value for name, key in VARIABLES.items()}


@pytest.mark.parametrize("request_", [{}, {"key": []}])
async def test_without_names_all_keys_are_told(request_: Payload) -> None:
    answered = await Rig().ask("GetConfiguration", request_)
    told = {each["key"]: each for each in answered["configurationKey"]}
    assert set(told) == {*VARIABLES, *READ_ONLY, "ConnectorPhaseRotation"}
    assert {name: each["value"] for name, each in told.items() if each["readonly"]} == READ_ONLY
    assert "unknownKey" not in answered


async def test_some_keys_are_told_in_any_case_and_unknown_ones_named() -> None:
    answered = await get(Rig(), "heartbeatinterval", "NoSuchKey", "LightIntensity", "HeartbeatInterval")
    assert answered == {
        "configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}],
        "unknownKey": ["NoSuchKey", "LightIntensity"],
    }


async def test_more_keys_than_told_are_refused() -> None:
    with pytest.raises(RpcError) as refused:
        await get(Rig(), *["HeartbeatInterval"] * (MAX_KEYS + 1))
    assert refused.value.code is RpcErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION


@pytest.mark.parametrize(
    ("key", "value", "kept"),
    [
        ("HeartbeatInterval", " 60 ", "60"),
        ("connectiontimeout", "90", "90"),
        ("LocalPreAuthorize", "FALSE", "false"),
        ("MeterValuesSampledData", "voltage, Current.Import", "Voltage,Current.Import"),
        ("MeterValuesAlignedData", "", ""),
        ("StopTxnSampledData", "Frequency", "Frequency"),
        ("TransactionMessageAttempts", "3", "3"),
        ("ClockAlignedDataInterval", "0", "0"),
    ],
)
async def test_a_change_is_taken_at_once(key: str, value: str, kept: str) -> None:
    rig = Rig()
    assert await change(rig, key, value) == "Accepted"
    assert await value_of(rig, key) == kept


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("NoSuchKey", "1", "NotSupported"),
        ("BlinkRepeat", "1", "NotSupported"),
        ("NumberOfConnectors", "3", "Rejected"),
        ("StopTransactionOnEVSideDisconnect", "false", "Rejected"),
        ("HeartbeatInterval", "soon", "Rejected"),
        ("HeartbeatInterval", "0", "Rejected"),
        ("ClockAlignedDataInterval", "86401", "Rejected"),
        ("LocalPreAuthorize", "1", "Rejected"),
        ("MeterValuesSampledData", "Voltage,Voltage", "Rejected"),
    ],
)
async def test_a_refused_change_leaves_everything_as_it_was(key: str, value: str, status: str) -> None:
    rig = Rig()
    before = everything(rig.station.device_model)
    assert await change(rig, key, value) == status
    assert everything(rig.station.device_model) == before


async def test_an_unknown_measurand_refuses_the_whole_list_and_the_log_names_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rig = Rig()
    before = await value_of(rig, "MeterValuesSampledData")
    assert await change(rig, "MeterValuesSampledData", "Voltage,SoC,Frequency") == "Rejected"
    assert await value_of(rig, "MeterValuesSampledData") == before
    assert "'SoC' is not supported" in caplog.text
    assert "'Voltage'" not in caplog.text


@given(st.lists(ANY_NAME, max_size=MAX_KEYS))
def test_every_name_asked_for_is_answered_once_known_or_not(names: list[str]) -> None:
    answered = asyncio.run(get(Rig(), *names))
    if names:
        told = [each["key"] for each in answered["configurationKey"]] + answered.get("unknownKey", [])
        assert sorted(name.casefold() for name in told) == sorted({name.casefold() for name in names})


@given(ANY_NAME, ANY_VALUE)
def test_a_change_is_accepted_and_kept_or_refused_and_nothing_changed(name: str, value: str) -> None:
    async def tell() -> None:
        rig = Rig()
        before = everything(rig.station.device_model)
        status = await change(rig, name, value)
        assert status in set(enums.ConfigurationStatus)
        after = everything(rig.station.device_model)
        if status != "Accepted":
            assert after == before
        else:
            assert {key for key in after if after[key] != before[key]} <= {
                key for key in VARIABLES if key.casefold() == name.casefold()
            }
            assert await change(rig, name, await value_of(rig, name)) == "Accepted"
            assert everything(rig.station.device_model) == after
        assert rig.station.asked == []

    asyncio.run(tell())
