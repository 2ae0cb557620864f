"""Serial lines behind the network in the configuration: what is accepted and built, and what is refused by name."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.config import AgentConfig, ConfigError, load_config
from agent.hardware import build_hardware
from hal.board import SerialLine, TcpLine
from hal.serial_server import SerialServer
from hal.transports.memory_port import MemoryPort, memory_pipe
from hal.transports.rfc2217_port import Rfc2217Port
from hal.transports.tcp_port import TcpPort
from tests.agent.test_config import GOOD

BOARD = 'driver = "openevse"\nport = "/dev/ttyS2"'
READER = '[[reader]]\ndriver = "line"\nport = "tcp://[::1]:4003"\n'


def load(tmp_path: Path, port: str, more: str = "") -> AgentConfig:
    assert GOOD.count(BOARD) == 1
    text = GOOD.replace(BOARD, BOARD.replace("/dev/ttyS2", port))
    (tmp_path / "agent.toml").write_text(text + more, encoding="utf-8")
    return load_config(tmp_path / "agent.toml")


def lines_of(config: AgentConfig) -> list[SerialLine | TcpLine]:
    lines: list[SerialLine | TcpLine] = []

    def open_line(line: SerialLine | TcpLine) -> MemoryPort:
        lines.append(line)
        return memory_pipe()[0]

    build_hardware(config, lambda: datetime.now(UTC), open_line)
    return lines


def test_a_board_and_a_reader_may_be_at_a_serial_device_server(tmp_path: Path) -> None:
    lines = lines_of(load(tmp_path, "rfc2217://bench-1:4001", READER))
    board = SerialLine(SerialServer("rfc2217", "bench-1", 4001), 115_200)
    reader = SerialLine(SerialServer("tcp", "::1", 4003), 9600)
    assert board in lines
    assert reader in lines
    assert isinstance(board.port(), Rfc2217Port)
    assert isinstance(reader.port(), TcpPort)


@pytest.mark.parametrize(
    "port",
    ["rfc2217://bench-1", "rfc2217://:4001", "udp://bench-1:4001", "tcp://bench-1:70000", "tcp://bench-1:4001/x"],
)
def test_half_an_address_is_refused_with_what_a_whole_one_looks_like(tmp_path: Path, port: str) -> None:
    with pytest.raises(ConfigError, match="rfc2217://HOST:PORT or tcp://HOST:PORT"):
        load(tmp_path, port)


def test_two_devices_do_not_share_a_line_behind_the_network(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a port of its own"):
        load(tmp_path, "tcp://[::1]:4003", READER)
