"""Modbus charge controllers in the configuration: what is accepted, built and shared, and what is refused by name."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.config import AgentConfig, ConfigError, load_config
from agent.hardware import build_hardware
from hal.api import HostLossAction
from hal.board import SerialLine, TcpLine
from hal.transports.memory_port import MemoryPort, memory_pipe
from tests.agent.test_config import GOOD

OPENEVSE = 'driver = "openevse"\nport = "/dev/ttyS2"'
HEIDELBERG = 'driver = "modbus"\nprofile = "heidelberg"\nport = "/dev/ttyS2"'
CHARX = 'driver = "modbus"\nprofile = "phoenix_charx"\nhost = "charx"\naccept_host_loss = true'


def load(tmp_path: Path, board: str) -> AgentConfig:
    assert GOOD.count(OPENEVSE) == 1
    (tmp_path / "agent.toml").write_text(GOOD.replace(OPENEVSE, board), encoding="utf-8")
    return load_config(tmp_path / "agent.toml")


def build(config: AgentConfig) -> tuple[list[SerialLine | TcpLine], HostLossAction]:
    lines: list[SerialLine | TcpLine] = []

    def open_line(line: SerialLine | TcpLine) -> MemoryPort:
        lines.append(line)
        return memory_pipe()[0]

    hardware = build_hardware(config, lambda: datetime.now(UTC), open_line)
    return lines, hardware.evses[2].board.capabilities.host_loss_action


def test_a_serial_controller_is_opened_as_its_profile_says(tmp_path: Path) -> None:
    lines, host_loss = build(load(tmp_path, HEIDELBERG))
    assert SerialLine(Path("/dev/ttyS2"), 19_200, "E") in lines
    assert host_loss is HostLossAction.OPEN


def test_what_is_configured_of_its_line_wins_over_the_profile(tmp_path: Path) -> None:
    lines, _ = build(load(tmp_path, f'{HEIDELBERG}\nbaudrate = 9600\nparity = "N"'))
    assert SerialLine(Path("/dev/ttyS2"), 9600, "N") in lines


def test_a_controller_on_tcp_is_reached_at_its_host(tmp_path: Path) -> None:
    lines, host_loss = build(load(tmp_path, f"{CHARX}\ntcp_port = 1502\ncharging_point = 2"))
    assert TcpLine("charx", 1502) in lines
    assert host_loss is HostLossAction.NONE


def test_a_controller_shares_a_line_with_meters_of_the_same_settings(tmp_path: Path) -> None:
    board = 'driver = "modbus"\nprofile = "evse_wb"\nport = "/dev/ttyS1"\nunit = 9\naccept_host_loss = true'
    lines, _ = build(load(tmp_path, board))
    assert lines.count(SerialLine(Path("/dev/ttyS1"), 9600)) == 1


@pytest.mark.parametrize(
    ("board", "key", "words"),
    [
        ('driver = "modbus"\nport = "/dev/ttyS2"', "profile", "one of evse_wb, heidelberg"),
        ('driver = "modbus"\nport = "/dev/ttyS2"\nprofile = "heidelburg"', "profile", "one of evse_wb, heidelberg"),
        ('driver = "modbus"\nprofile = "heidelberg"', "port", "reached by RTU"),
        ('driver = "modbus"\nprofile = "heidelberg"\nhost = "h"\nport = "/dev/p"', "port", "no host"),
        ('driver = "modbus"\nprofile = "phoenix_charx"\nport = "/dev/p"', "host", "reached by TCP"),
        (f"{CHARX}\nbaudrate = 9600", "baudrate", "reached by TCP"),
        (f"{HEIDELBERG}\ntcp_port = 502", "tcp_port", "reached by RTU"),
        (f"{HEIDELBERG}\ncharging_point = 2", "charging_point", "has one charging point"),
        (f"{HEIDELBERG}\nstored_current_a = 6", "stored_current_a", "of driver 'openevse'"),
        (f"{HEIDELBERG}\nwakes_up = true", "wakes_up", "of driver 'safety'"),
        (f'{OPENEVSE}\nprofile = "heidelberg"', "profile", "of driver 'modbus'"),
        ('driver = "openevse"', "port", "serial device"),
        (HEIDELBERG.replace("ttyS2", "ttyS1"), "", "baudrate, parity and stopbits of evse[1].meter"),
        (HEIDELBERG.replace("ttyS2", "ttyS3"), "port", "reader[1].port uses it already"),
        (
            'driver = "modbus"\nprofile = "evse_wb"\nport = "/dev/ttyS1"\nunit = 1\naccept_host_loss = true',
            "unit",
            "evse[1].meter has it already",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_its_key(tmp_path: Path, board: str, key: str, words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, board)
    assert raised.value.key == ".".join(part for part in ("evse[2].board", key) if part)
    assert words in str(raised.value)


def test_two_points_of_one_controller_share_its_unit_but_no_point_is_given_twice(tmp_path: Path) -> None:
    first = 'driver = "openevse"\nport = "evse1/board"'
    text = GOOD.replace(first, f"{CHARX}\ncharging_point = 1")
    file = tmp_path / "agent.toml"
    file.write_text(text.replace(OPENEVSE, f"{CHARX}\ncharging_point = 2"), encoding="utf-8")
    lines, _ = build(load_config(file))
    assert lines.count(TcpLine("charx", 502)) == 1
    file.write_text(text.replace(OPENEVSE, f"{CHARX}\ncharging_point = 1"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"evse\[1\].board has it already"):
        load_config(file)


@pytest.mark.parametrize("profile", ["evse_wb", "phoenix_ev_cc"])
def test_a_controller_that_goes_on_without_its_host_has_to_be_accepted_by_name(tmp_path: Path, profile: str) -> None:
    board = f'driver = "modbus"\nprofile = "{profile}"\nport = "/dev/ttyS2"'
    with pytest.raises(ConfigError, match="accept_host_loss"):
        build(load(tmp_path, board))
    assert build(load(tmp_path, f"{board}\naccept_host_loss = true"))[1] is HostLossAction.NONE
