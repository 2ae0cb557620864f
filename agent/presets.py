"""The device model of a configured station: its constants, and the first values that the installer wrote."""

import math

from agent.config import AgentConfig, AuthorizationConfig, ConfigError, CsmsConfig
from agent.config_limits import LimitsConfig
from agent.domain.charging_limit import Sharing, SharingPolicy
from agent.domain.device_model import DeviceModel, SetStatus, VariableKey, parse_variable_name
from agent.domain.limit_sources import LimitSource, LimitSources, SourceTerms
from agent.domain.variables.station import EvseDescription, StationDescription, station_definitions

_VOLTAGE_V = 230


def build_device_model(config: AgentConfig) -> DeviceModel:
    """Build it. Raises: ConfigError for a preset that the model refuses."""
    model = DeviceModel(station_definitions(_describe(config)))
    aligned = "AlignedDataCtrlr"
    model.provide(VariableKey(aligned, "TxEndedInterval"), lambda: model.text(aligned, "Interval"))
    for section, values in (
        ("authorization", _of_authorization(config.authorization)),
        ("csms", _of_csms(config.csms)),
    ):
        for name, (variable, value) in values.items():
            _preset_key(model, config, section, name, parse_variable_name(variable), value)
    if not config.authorization.stop_on_ev_side_disconnect:
        reason = "going on with a transaction whose cable left the EV is not built"
        raise _refusal(config, "authorization", "stop_on_ev_side_disconnect", reason)
    for name, scalar in config.variables.items():
        _preset(model, config, "variables", name, _text(scalar))
    if config.ocpp16_keys:
        from agent.csms.v16.configuration_keys import variable_of_key  # noqa: PLC0415 - only where 1.6 keys are preset
        from agent.csms.v16.phase_rotation import NAME as ROTATION  # noqa: PLC0415

        for name, scalar in config.ocpp16_keys.items():
            if name.casefold() == ROTATION.casefold():
                _preset_rotations(model, config, name, _text(scalar))
                continue
            key, value = variable_of_key(name, _text(scalar))
            if key is None:
                raise _refusal(config, "ocpp16_keys", name, value)
            _preset_key(model, config, "ocpp16_keys", name, key, value)
    return model


def limit_sources(limits: LimitsConfig) -> LimitSources:
    """Return the configured sources of limits, which hold their fail-safe values until they speak."""
    configured = {LimitSource.GRID_OPERATOR: limits.grid_operator, LimitSource.EXTERNAL: limits.external}
    return LimitSources(
        {
            source: SourceTerms(each.heartbeat_timeout_s, each.fail_safe_current_a)
            for source, each in configured.items()
            if each is not None
        }
    )


def sharing_of(config: AgentConfig) -> Sharing:
    """Return how the supply is divided."""
    weights = {evse.id: evse.supply_weight for evse in config.evse}
    policy = SharingPolicy(config.station.supply_policy)
    return Sharing(policy, weights if policy is SharingPolicy.CONFIGURED else {})


def _describe(config: AgentConfig) -> StationDescription:
    station = config.station
    return StationDescription(
        vendor=station.vendor,
        model=station.model,
        serial_number=station.serial_number or "",
        firmware_version=station.firmware_version,
        identity=config.csms.identity,
        security_profile=config.csms.security_profile,
        evses=tuple(
            EvseDescription(
                evse.id, evse.connector_type, evse.phases, int(evse.max_current_a * evse.phases * _VOLTAGE_V)
            )
            for evse in config.evse
        ),
        phases=station.phases,
        signs=any(evse.meter.signed for evse in config.evse),
        updates_firmware=config.firmware.installer is not None,
    )


def _of_authorization(authorization: AuthorizationConfig) -> dict[str, tuple[str, str]]:
    """Variable and value by configuration key."""
    values = {
        "connection_timeout_s": ("TxCtrlr.EVConnectionTimeOut", str(int(authorization.connection_timeout_s))),
        "stop_on_invalid_id": ("TxCtrlr.StopTxOnInvalidId", _text(authorization.stop_on_invalid_id)),
        "local_pre_authorize": ("AuthCtrlr.LocalPreAuthorize", _text(authorization.local_pre_authorize)),
        "local_authorize_offline": ("AuthCtrlr.LocalAuthorizeOffline", _text(authorization.local_authorize_offline)),
        "offline_unknown_token": (
            "AuthCtrlr.OfflineTxForUnknownIdEnabled",
            _text(authorization.offline_unknown_token == "accept"),  # noqa: S105 - a policy
        ),
        "cache_enabled": ("AuthCacheCtrlr.Enabled", _text(authorization.cache_enabled)),
    }
    if authorization.cache_lifetime_s is not None:
        values["cache_lifetime_s"] = ("AuthCacheCtrlr.LifeTime", str(int(authorization.cache_lifetime_s)))
    return values


def _of_csms(csms: CsmsConfig) -> dict[str, tuple[str, str]]:
    """Variable and value by configuration key."""
    return {
        "call_timeout_s": ("OCPPCommCtrlr.MessageTimeout[Default]", str(math.ceil(csms.call_timeout_s))),
        "reconnect_min_s": ("OCPPCommCtrlr.RetryBackOffWaitMinimum", str(max(1, int(csms.reconnect_min_s)))),
        "reconnect_random_s": ("OCPPCommCtrlr.RetryBackOffRandomRange", str(int(csms.reconnect_random_s))),
        # 0 would mean never.
        "ping_interval_s": ("OCPPCommCtrlr.WebSocketPingInterval", str(math.ceil(csms.ping_interval_s))),
        "message_attempts": ("OCPPCommCtrlr.MessageAttempts[TransactionEvent]", str(csms.message_attempts)),
        "message_attempt_interval_s": (
            "OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]",
            str(int(csms.message_attempt_interval_s)),
        ),
    }


def _preset(model: DeviceModel, config: AgentConfig, section: str, name: str, value: str) -> None:
    try:
        key = parse_variable_name(name)
    except ValueError as error:
        raise _refusal(config, section, name, str(error)) from None
    _preset_key(model, config, section, name, key, value)


def _preset_key(model: DeviceModel, config: AgentConfig, section: str, name: str, key: VariableKey, value: str) -> None:
    result = model.preset(key, value)
    if result.status not in {SetStatus.ACCEPTED, SetStatus.REBOOT_REQUIRED}:
        raise _refusal(config, section, name, result.reason)


def _preset_rotations(model: DeviceModel, config: AgentConfig, name: str, value: str) -> None:
    from agent.csms.v16.phase_rotation import read_rotations  # noqa: PLC0415 - as above

    try:
        rotations = read_rotations(model, len(config.evse), value)
    except ValueError as error:
        raise _refusal(config, "ocpp16_keys", name, str(error)) from None
    for key, rotation in rotations:
        _preset_key(model, config, "ocpp16_keys", name, key, rotation)


def _refusal(config: AgentConfig, section: str, name: str, reason: str) -> ConfigError:
    origin = config.origin(section, name)
    return ConfigError(origin.file, origin.line, f"{section}.{name}", f"what this station can take; {reason}")


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
