from pathlib import Path
from typing import Any

import pytest

from agent.config import ConfigError, config_json_schema
from agent.domain.device_model import DeviceModel, VariableKey
from agent.presets import build_device_model
from tests.agent.installed import TEXT, assert_refused, installed


def model(directory: Path, *more: str) -> DeviceModel:
    return build_device_model(installed(directory, *more))


def test_what_the_station_is_stands_in_the_model(tmp_path: Path) -> None:
    built = model(tmp_path)
    assert built.text("ChargingStation", "VendorName") == "Pilotline"
    assert built.text("SecurityCtrlr", "Identity") == "BENCH-0001"
    assert built.get(VariableKey("EVSE", "Power", evse_id=2)).value is not None


AUTHORIZATION = """
[authorization]
connection_timeout_s = 90
stop_on_invalid_id = false
local_pre_authorize = false
local_authorize_offline = false
offline_unknown_token = "accept"
cache_enabled = false
cache_lifetime_s = 3600
"""
CSMS = """
[csms]
call_timeout_s = 20.5
reconnect_min_s = 4
reconnect_random_s = 7
ping_interval_s = 0.5
message_attempts = 9
message_attempt_interval_s = 11
"""
GIVEN = {
    ("TxCtrlr", "EVConnectionTimeOut"): "90",
    ("TxCtrlr", "StopTxOnInvalidId"): "false",
    ("AuthCtrlr", "LocalPreAuthorize"): "false",
    ("AuthCtrlr", "LocalAuthorizeOffline"): "false",
    ("AuthCtrlr", "OfflineTxForUnknownIdEnabled"): "true",
    ("AuthCacheCtrlr", "Enabled"): "false",
    ("AuthCacheCtrlr", "LifeTime"): "3600",
    ("OCPPCommCtrlr", "MessageTimeout", "Default"): "21",
    ("OCPPCommCtrlr", "RetryBackOffWaitMinimum"): "4",
    ("OCPPCommCtrlr", "RetryBackOffRandomRange"): "7",
    ("OCPPCommCtrlr", "WebSocketPingInterval"): "1",
    ("OCPPCommCtrlr", "MessageAttempts", "TransactionEvent"): "9",
    ("OCPPCommCtrlr", "MessageAttemptInterval", "TransactionEvent"): "11",
}


def test_every_key_with_a_variable_behind_it_sets_that_variable(tmp_path: Path) -> None:
    built = model(tmp_path, AUTHORIZATION, CSMS)
    assert {key: built.text(*key) for key in GIVEN} == GIVEN


NUMBERS = {
    "authorization": ("connection_timeout_s", "cache_lifetime_s"),
    "csms": (
        "call_timeout_s",
        "reconnect_min_s",
        "reconnect_random_s",
        "ping_interval_s",
        "message_attempts",
        "message_attempt_interval_s",
    ),
}


@pytest.mark.parametrize("bound", ["minimum", "maximum"])
def test_every_value_that_the_configuration_takes_is_taken_by_its_variable(tmp_path: Path, bound: str) -> None:
    tables: Any = config_json_schema()["properties"]
    drop_ins = [
        f"[{section}]\n" + "".join(f"{name} = {tables[section]['properties'][name][bound]}\n" for name in names)
        for section, names in NUMBERS.items()
    ]
    built = model(tmp_path, "[csms]\nreconnect_max_s = 86400\n", *drop_ins)
    attempts = tables["csms"]["properties"]["message_attempts"][bound]
    assert built.integer("OCPPCommCtrlr", "MessageAttempts", "TransactionEvent") == attempts


def test_no_ping_stays_no_ping(tmp_path: Path) -> None:
    assert model(tmp_path, "[csms]\nping_interval_s = 0\n").integer("OCPPCommCtrlr", "WebSocketPingInterval") == 0


def test_a_named_variable_and_a_1_6_key_win_over_the_sections(tmp_path: Path) -> None:
    built = model(
        tmp_path,
        "[authorization]\nconnection_timeout_s = 90\n",
        '[variables]\n"txctrlr.evconnectiontimeout" = 120\n"AuthCacheCtrlr.Enabled" = false\n',
        "[ocpp16_keys]\nlocalpreauthorize = false\nHeartbeatInterval = 77\n",
    )
    assert built.integer("TxCtrlr", "EVConnectionTimeOut") == 120
    assert not built.boolean("AuthCacheCtrlr", "Enabled")
    assert not built.boolean("AuthCtrlr", "LocalPreAuthorize")
    assert built.integer("OCPPCommCtrlr", "HeartbeatInterval") == 77


REFUSALS = [
    ("variables", '"OCPPCommCtrlr.HeartbeatIntervall"', "300", "is not a variable of this station"),
    ("variables", '"CoffeeCtrlr.Strength"', "300", "is not a variable of this station"),
    ("variables", '"HeartbeatInterval"', "300", "not a variable name"),
    ("variables", '"OCPPCommCtrlr.HeartbeatInterval"', '"often"', "no integer"),
    ("variables", '"OCPPCommCtrlr.HeartbeatInterval"', "0", "below 1"),
    ("variables", '"OCPPCommCtrlr.HeartbeatInterval:MaxSet"', "300", "only the attribute Actual"),
    ("variables", '"AuthCacheCtrlr.Enabled"', '"yes"', "neither true nor false"),
    ("variables", '"TxCtrlr.TxStartPoint"', '"Breakfast"', "not supported"),
    ("variables", '"SecurityCtrlr.SecurityProfile"', "2", "cannot be preset"),
    ("ocpp16_keys", "HeartbeatIntervall", "300", "did you mean HeartbeatInterval?"),
    ("ocpp16_keys", "NumberOfConnectors", "2", "cannot be set"),
    ("ocpp16_keys", "HeartbeatInterval", '"often"', "no integer"),
    ("authorization", "stop_on_ev_side_disconnect", "false", "is not built"),
]


@pytest.mark.parametrize(("section", "key", "value", "words"), REFUSALS, ids=[f"{r[1]} = {r[2]}" for r in REFUSALS])
def test_what_the_model_does_not_take_is_refused_with_file_line_and_key(
    tmp_path: Path, section: str, key: str, value: str, words: str
) -> None:
    config = installed(tmp_path, f"\n[{section}]\n{key} = {value}\n")
    with pytest.raises(ConfigError) as refused:
        build_device_model(config)
    name = key.strip('"')
    assert_refused(refused, tmp_path / "conf.d" / "0.toml", 3, f"{section}.{name}", words)


def test_a_stop_point_that_signing_cannot_serve_is_refused_with_file_line_and_key(tmp_path: Path) -> None:
    text = TEXT.replace('map = "eastron_sdm630"', 'map = "iskra_wm3m4c"\nsigned = true')
    config = installed(tmp_path, '[variables]\n"TxCtrlr.TxStopPoint" = "EVConnected"\n', text=text)
    with pytest.raises(ConfigError) as refused:
        build_device_model(config)
    where = (tmp_path / "conf.d" / "0.toml", 2, "variables.TxCtrlr.TxStopPoint")
    assert_refused(refused, *where, "Authorized", "PowerPathClosed")
