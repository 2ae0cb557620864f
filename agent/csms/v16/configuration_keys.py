"""OCPP 1.6 configuration keys as views of the device model. A key that would have no effect does not exist.

Left out for that reason, of those of OCPP 1.6 section 9.1: BlinkRepeat and LightIntensity, which are optional (no light
has a brightness).
"""

import logging
from collections.abc import Iterator, Mapping
from enum import Enum
from types import MappingProxyType

from agent.csms.security.vocabulary import MAX_ROOTS
from agent.csms.v16.security_keys import SpecialKey
from agent.domain import local_list
from agent.domain.charging_profile import MAX_PERIODS, MAX_PROFILES, MAX_STACK_LEVEL
from agent.domain.device_model import DeviceModel, Mutability, SetStatus, VariableKey
from hal.value import dataclass

logger = logging.getLogger(__name__)

MAX_KEYS = 100
FEATURE_PROFILES = "Core,LocalAuthListManagement,RemoteTrigger,Reservation,SmartCharging"
FIRMWARE_PROFILE = "FirmwareManagement"
"""Only where somebody can install firmware; diagnostics, which belong to it, are there in any case."""

VARIABLES: dict[str, VariableKey] = {
    "AllowOfflineTxForUnknownId": VariableKey("AuthCtrlr", "OfflineTxForUnknownIdEnabled"),
    "AuthorizationCacheEnabled": VariableKey("AuthCacheCtrlr", "Enabled"),
    "AuthorizeRemoteTxRequests": VariableKey("AuthCtrlr", "AuthorizeRemoteStart"),
    "ClockAlignedDataInterval": VariableKey("AlignedDataCtrlr", "Interval"),
    "ConnectionTimeOut": VariableKey("TxCtrlr", "EVConnectionTimeOut"),
    "HeartbeatInterval": VariableKey("OCPPCommCtrlr", "HeartbeatInterval"),
    "LocalAuthListEnabled": VariableKey("LocalAuthListCtrlr", "Enabled"),
    "LocalAuthorizeOffline": VariableKey("AuthCtrlr", "LocalAuthorizeOffline"),
    "LocalPreAuthorize": VariableKey("AuthCtrlr", "LocalPreAuthorize"),
    "MaxEnergyOnInvalidId": VariableKey("TxCtrlr", "MaxEnergyOnInvalidId"),
    "MeterValuesAlignedData": VariableKey("AlignedDataCtrlr", "Measurands"),
    "MeterValuesSampledData": VariableKey("SampledDataCtrlr", "TxUpdatedMeasurands"),
    "MeterValueSampleInterval": VariableKey("SampledDataCtrlr", "TxUpdatedInterval"),
    "AdditionalRootCertificateCheck": VariableKey("SecurityCtrlr", "AdditionalRootCertificateCheck"),
    "CertificateSignedMaxChainSize": VariableKey("SecurityCtrlr", "MaxCertificateChainSize"),
    "CertSigningRepeatTimes": VariableKey("SecurityCtrlr", "CertSigningRepeatTimes"),
    "CertSigningWaitMinimum": VariableKey("SecurityCtrlr", "CertSigningWaitMinimum"),
    "CpoName": VariableKey("SecurityCtrlr", "OrganizationName"),
    "MinimumStatusDuration": VariableKey("OCPPCommCtrlr", "MinimumStatusDuration"),
    "ResetRetries": VariableKey("OCPPCommCtrlr", "ResetRetries"),
    "StopTransactionOnEVSideDisconnect": VariableKey("TxCtrlr", "StopTxOnEVSideDisconnect"),
    "StopTransactionOnInvalidId": VariableKey("TxCtrlr", "StopTxOnInvalidId"),
    "StopTxnAlignedData": VariableKey("AlignedDataCtrlr", "TxEndedMeasurands"),
    "StopTxnSampledData": VariableKey("SampledDataCtrlr", "TxEndedMeasurands"),
    "TransactionMessageAttempts": VariableKey("OCPPCommCtrlr", "MessageAttempts", "TransactionEvent"),
    "TransactionMessageRetryInterval": VariableKey("OCPPCommCtrlr", "MessageAttemptInterval", "TransactionEvent"),
    "UnlockConnectorOnEVSideDisconnect": VariableKey("OCPPCommCtrlr", "UnlockOnEVSideDisconnect"),
    "WebSocketPingInterval": VariableKey("OCPPCommCtrlr", "WebSocketPingInterval"),
}
"""Types, ranges and access are those of the variables."""
_COMPANIONS = {"SupportedFeatureProfilesMaxLength": str(len(FEATURE_PROFILES.split(",")) + 1)}
_LONGEST_LISTS = {
    f"{name}MaxLength": VARIABLES[name]
    for name in ("MeterValuesAlignedData", "MeterValuesSampledData", "StopTxnAlignedData", "StopTxnSampledData")
}
_BUILT = {
    "CertificateStoreMaxLength": str(MAX_ROOTS),
    "ChargeProfileMaxStackLevel": str(MAX_STACK_LEVEL),
    "ChargingScheduleAllowedChargingRateUnit": "Current,Power",
    "ChargingScheduleMaxPeriods": str(MAX_PERIODS),
    "ConnectorSwitch3to1PhaseSupported": "false",
    "LocalAuthListMaxLength": str(local_list.MAX_ENTRIES),
    "MaxChargingProfilesInstalled": str(MAX_PROFILES),
    "ReserveConnectorZeroSupported": "true",
    "SendLocalListMaxLength": str(local_list.MAX_ENTRIES),
    "SupportedFileTransferProtocols": "FTP,FTPS,HTTP,HTTPS,SFTP",
}
"""Source: OCPP 1.6 sections 9.2 to 9.4; security white paper (SupportedFileTransferProtocols)."""
_CONSTANTS = (
    "ConnectorPhaseRotationMaxLength",
    "GetConfigurationMaxKeys",
    "NumberOfConnectors",
    "SupportedFeatureProfiles",
    *_COMPANIONS,
    *_LONGEST_LISTS,
    *_BUILT,
)
_NAMES = sorted((*VARIABLES, *_CONSTANTS), key=str.casefold)
_SPELLING = {name.casefold(): name for name in _NAMES}


class ChangeStatus(Enum):
    """ConfigurationStatus."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    REBOOT_REQUIRED = "RebootRequired"
    NOT_SUPPORTED = "NotSupported"


@dataclass(frozen=True, slots=True)
class Setting:
    """KeyValue."""

    key: str
    value: str | None
    """None: write-only."""
    readonly: bool


def variable_of_key(name: str, value: str) -> tuple[VariableKey | None, str]:
    """Return the variable behind a key and the value in the variable's spelling; else None and why not."""
    spelled = _SPELLING.get(name.casefold())
    if spelled is None:
        return None, f"{name!r} is not an OCPP 1.6 key of this station{_nearest(name)}"
    if spelled not in VARIABLES:
        return None, f"{spelled} is a property of the station and cannot be set"
    return VARIABLES[spelled], value.strip()


class ConfigurationKeys:
    """The keys of one station. Names are compared without regard to case (CiString50)."""

    def __init__(
        self,
        model: DeviceModel,
        connectors: int,
        special: Mapping[str, SpecialKey] = MappingProxyType({}),
        *,
        updates_firmware: bool = False,
    ) -> None:
        """`special`: keys that are no views of variables; `updates_firmware`: there is an installer."""
        self._model = model
        self._special = {name.casefold(): (name, key) for name, key in special.items()}
        constants = {
            "ConnectorPhaseRotationMaxLength": str(connectors),
            "GetConfigurationMaxKeys": str(MAX_KEYS),
            "NumberOfConnectors": str(connectors),
            "SupportedFeatureProfiles": _feature_profiles(updates_firmware=updates_firmware),
            **_BUILT,
            **_COMPANIONS,
            **{name: str(len(model.definition(key).values)) for name, key in _LONGEST_LISTS.items()},
        }
        self._constants = {name: Setting(name, value, readonly=True) for name, value in constants.items()}

    def __iter__(self) -> Iterator[Setting]:
        """Return all settings by name."""
        special = (self._special_setting(name, key) for name, key in self._special.values())
        return iter(sorted([*map(self._setting, _NAMES), *special], key=lambda setting: setting.key.casefold()))

    def get(self, name: str) -> Setting | None:
        """Return one setting; None if there is no such key."""
        if name.casefold() in self._special:
            return self._special_setting(*self._special[name.casefold()])
        spelled = _SPELLING.get(name.casefold())
        return None if spelled is None else self._setting(spelled)

    def special(self, name: str) -> SpecialKey | None:
        """Return the key if it is no view of a variable; it is changed by `change_special`."""
        return self._special.get(name.casefold(), ("", None))[1]

    async def change_special(self, name: str, value: str) -> ChangeStatus:
        """Set a special key; unless it is accepted, nothing is changed and the log says why, never what."""
        spelled, key = self._special[name.casefold()]
        try:
            refusal = await key.change(value)
        except OSError as error:
            refusal = f"it cannot be stored: {error}"
        if refusal is not None:
            logger.warning("configuration refused key=%s reason=%s", spelled, refusal)
            return ChangeStatus.REJECTED
        logger.info("configuration changed key=%s", spelled)
        return ChangeStatus.ACCEPTED

    def change(self, name: str, value: str) -> ChangeStatus:
        """Set a key; unless it is accepted, nothing is changed and the log says why. Source: section 5.3."""
        setting = self.get(name)
        if setting is None:
            logger.info("configuration refused key=%r reason=no such key%s", name, _nearest(name))
            return ChangeStatus.NOT_SUPPORTED
        if setting.readonly:
            logger.info("configuration refused key=%s reason=read-only", setting.key)
            return ChangeStatus.REJECTED
        result = self._model.set(VARIABLES[setting.key], value)
        if not result.accepted:
            logger.warning("configuration refused key=%s reason=%s", setting.key, result.reason)
            return ChangeStatus.REJECTED
        logger.info("configuration changed key=%s", setting.key)
        return ChangeStatus.REBOOT_REQUIRED if result.status is SetStatus.REBOOT_REQUIRED else ChangeStatus.ACCEPTED

    def _special_setting(self, name: str, key: SpecialKey) -> Setting:
        return Setting(name, key.read(), readonly=False)

    def _setting(self, name: str) -> Setting:
        if name in self._constants:
            return self._constants[name]
        definition = self._model.definition(VARIABLES[name])
        value = self._model.get(definition.key).value
        return Setting(name, value, readonly=definition.mutability is Mutability.READ_ONLY)


def _feature_profiles(*, updates_firmware: bool) -> str:
    profiles = [*FEATURE_PROFILES.split(","), *((FIRMWARE_PROFILE,) if updates_firmware else ())]
    return ",".join(sorted(profiles))


def _nearest(name: str) -> str:
    import difflib  # noqa: PLC0415 - only where somebody mistyped

    near = difflib.get_close_matches(name.casefold(), _SPELLING, 1)
    return f"; did you mean {_SPELLING[near[0]]}?" if near else ""
