"""The pages name what the code has: every key, variable, fault, text, operation and fault kind."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.config import load_config
from agent.csms.v16.configuration_keys import FEATURE_PROFILES, VARIABLES, ConfigurationKeys
from agent.domain.device_model import DeviceModel
from agent.domain.indication import CHECKING, REJECTED, RESERVED, RESERVED_FOR_OTHER, indication_for
from agent.domain.session_state import SessionState
from agent.domain.variables import EvseDescription, StationDescription, station_definitions
from hal.controllers.profile import parse_profile
from hal.meters.register_map import parse_register_map
from hil.bench import Bench
from hil.boards import PROFILES, AnyBoardModel, absent_faults, board_model
from hil.control import Control
from hil.csms.control_operations import Operations
from hil.faults import ALL_KINDS
from hil.value_faults import VALUE_FAULTS

ROOT = Path(__file__).parents[1]
Json = dict[str, Any]
STATION = StationDescription("Maker", "Model", "1", "0.1.0", "S-1", 1, (EvseDescription(1),))


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


def rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("| ")]


def sections(node: Json, name: str = "") -> Iterator[tuple[str, Json]]:
    """Every table of the configuration with its own keys."""
    keys: Json = {}
    for key, entry in node["properties"].items():
        inner = entry.get("items", {})
        if "properties" in entry:
            yield from sections(entry, f"{name.strip('[]')}.{key}".strip("."))
        elif "properties" in inner:
            yield from sections(inner, f"[{key}]")
        elif entry.get("type") == "object":
            yield f"[{key}]", {}
        else:
            keys[key] = entry
    if name:
        yield f"[{name}]", keys


SECTIONS = dict(sections(json.loads(page("agent-config.schema.json"))))


@pytest.mark.parametrize("section", SECTIONS)
def test_the_makers_page_has_a_row_for_every_key_and_no_other(section: str) -> None:
    _, heading, rest = page("maker.md").partition(f"### `{section}`\n")
    assert heading
    named = re.findall(r"^\| `(\w+)` \|", rest.partition("\n### ")[0], re.MULTILINE)
    assert named == list(SECTIONS[section])


def test_the_makers_page_shows_a_good_configuration_register_map_and_controller_profile(tmp_path: Path) -> None:
    station, register_map, profile = re.findall(r"```toml\n(.*?)```", page("maker.md"), re.DOTALL)
    (tmp_path / "password").write_text("a-password-of-16")
    (tmp_path / "agent.toml").write_text(station.replace("/etc/pilotline/password", "password"))
    assert load_config(tmp_path / "agent.toml").evse[0].phases == tomllib.loads(station)["station"]["phases"]
    assert parse_register_map("example_100", register_map).bills
    assert parse_profile("example", profile).watchdog
    assert len(profile.splitlines()) <= 10


def test_the_operators_page_has_every_variable_and_key() -> None:
    told = "\n".join(rows(page("csms-operator.md")))
    definitions = station_definitions(STATION)
    missing = {each.key.variable for each in definitions if not re.search(rf"\b{each.key.variable}\b", told)}
    names = {setting.key for setting in ConfigurationKeys(DeviceModel(definitions), 1)}
    missing |= {name for name in names if not re.search(rf"\b{name}\b", told)}
    assert not missing
    assert set(VARIABLES) <= names
    assert FEATURE_PROFILES == "Core,LocalAuthListManagement,RemoteTrigger,Reservation,SmartCharging"


def test_the_technicians_page_has_every_text_with_its_light() -> None:
    told = rows(page("technician.md"))
    others = (REJECTED, CHECKING, RESERVED, RESERVED_FOR_OTHER)
    for shown in (*(indication_for(state, ()) for state in SessionState), *others):
        light = f"| {shown.light.value}{', blinking' if shown.blinking else ''}"
        assert any(row.startswith(light) and f"| {shown.text}" in row for row in told), shown.text


async def test_the_bench_page_has_every_operation_and_fault_kind() -> None:
    text = page("bench-engineer.md")
    refusal, _ = Control(Bench(1)).handle_line(b'{"op": "?"}')
    operations = refusal["error"].partition("known: ")[2].split(", ")
    assert len(operations) > 10
    absent = {kind for models in PROFILES.values() for model in models.values() for kind in absent_faults(model)}
    of_the_csms = [name for name in vars(Operations) if not name.startswith("_") and name != "perform"]
    wanted = {*operations, *of_the_csms, *ALL_KINDS, *absent}
    assert not {name for name in wanted if f"`{name}`" not in text}


def test_the_bench_page_has_range_and_default_of_every_fault_with_a_value() -> None:
    told = rows(page("bench-engineer.md"))
    for kind, fault in VALUE_FAULTS.items():
        (row,) = (row for row in told if row.startswith(f"| `{kind}` |"))
        assert f"| {fault.low:.10g} to {fault.high:.10g} | {fault.default:.10g} |" in row


@pytest.mark.parametrize(
    ("row", "model"),
    [
        ("OpenEVSE", board_model("rapi")),
        ("safety controller", board_model("safety", "single_contactor")),
        ("Modbus controllers", board_model("modbus", "evse_wb")),
    ],
)
def test_the_bench_page_says_what_each_board_refuses(row: str, model: AnyBoardModel) -> None:
    (told,) = (line for line in rows(page("bench-engineer.md")) if line.startswith(f"| {row} |"))
    assert set(re.findall(r"`(\w+)`", told)) == absent_faults(model).keys() - {"lock_blocked"}
