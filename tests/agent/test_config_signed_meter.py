"""What the configuration of a signing meter demands, in its own words."""

from pathlib import Path

import pytest

from agent.config import ConfigError, load_config

TEXT = """\
[station]
vendor = "Pilotline"
model = "Bench"
supply_max_current_a = 32

[csms]
url = "ws://127.0.0.1:9000/ocpp"
identity = "CS-1"
password = "correct horse battery"

[[evse]]
id = 1
max_current_a = 16
[evse.board]
driver = "openevse"
port = "board"
[evse.meter]
driver = "modbus"
port = "meter"
"""
SIGNING = 'map = "iskra_wm3m4c"\n'


def refusal(tmp_path: Path, meter: str) -> str:
    (tmp_path / "agent.toml").write_text(TEXT + meter)
    with pytest.raises(ConfigError) as refused:
        load_config(tmp_path / "agent.toml")
    return str(refused.value)


def test_a_signing_meter_is_taken_with_serial_number_and_tariff(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text(TEXT + SIGNING + 'signed = true\nserial = "PL1"\ntariff_text = "0,39 €/kWh"\n')
    meter = load_config(tmp_path / "agent.toml").evse[0].meter
    assert (meter.signed, meter.serial, meter.tariff_text) == (True, "PL1", "0,39 €/kWh")


def test_a_meter_whose_signing_is_not_built_is_refused_by_name(tmp_path: Path) -> None:
    refused = refusal(tmp_path, 'map = "eastron_sdm630"\nsigned = true\n')
    assert "iskra_wm3m4c" in refused
    assert "evse[0].meter.map" in refused or "map" in refused


@pytest.mark.parametrize("key", ["serial", "tariff_text"])
def test_a_key_without_effect_is_refused(tmp_path: Path, key: str) -> None:
    assert "signed is true" in refusal(tmp_path, SIGNING + f'{key} = "x"\n')
