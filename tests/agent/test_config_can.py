"""A board on CAN, from its configuration to the first answer, and what is refused of it."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.config import AgentConfig, ConfigError, load_config
from agent.hardware import build_hardware
from hal.api import BoardConnected, BoardEvent
from hal.board import SerialLine, TcpLine
from hal.transports.memory_port import MemoryPort, memory_pipe
from hil.can_bus import CanBus
from hil.devices.safety_board import SafetyBoard
from hil.devices.safety_can import join_can
from hil.lines.slcan_line import SlcanLine
from hil.world import EvseWorld
from tests.agent.installed import write

PATIENCE_S = 30.0
SLCAN = 'driver = "safety"\ncan_interface = "slcan"\ncan_channel = "/dev/ttyACM0"\ncan_bitrate = 500000'
SOCKETCAN = 'driver = "safety"\ncan_interface = "socketcan"\ncan_channel = "can0"'
STATION = """\
[station]
vendor = "Pilotline"
model = "Bench"
state_dir = "state"
supply_max_current_a = 32

[csms]
url = "ws://127.0.0.1:9/"
identity = "CS1"
password = "correct horse battery"
"""
EVSE = """
[[evse]]
id = {id}
max_current_a = 16
[evse.board]
{board}
[evse.meter]
driver = "modbus"
map = "eastron_sdm630"
port = "/dev/ttyS1"
unit = {id}
"""


def station(*boards: str) -> str:
    return STATION + "".join(EVSE.format(id=number, board=board) for number, board in enumerate(boards, 1))


def load(directory: Path, text: str) -> AgentConfig:
    return load_config(write(directory, text=text), bench=True)


@pytest.mark.parametrize("board", [SLCAN, SOCKETCAN])
def test_a_board_on_can_needs_no_serial_line(tmp_path: Path, board: str) -> None:
    opened: list[SerialLine | TcpLine] = []

    def open_line(line: SerialLine | TcpLine) -> MemoryPort:
        opened.append(line)
        return memory_pipe()[0]

    build_hardware(load(tmp_path, station(board)), lambda: datetime.now(UTC), open_line)
    assert opened == [SerialLine(Path("/dev/ttyS1"), 9600)]


async def test_a_configured_board_answers_over_slcan(tmp_path: Path) -> None:
    bus = CanBus(asyncio.get_running_loop(), 500_000)
    board = SafetyBoard(EvseWorld(asyncio.get_running_loop(), _ignore), _ignore)
    join_can(board, bus)
    line = SlcanLine(tmp_path / "can", bus)
    line.open()
    board.power_on()
    text = station(SLCAN.replace("/dev/ttyACM0", str(tmp_path / "can")))
    driver = build_hardware(load(tmp_path, text), lambda: datetime.now(UTC)).evses[1].board
    connected = asyncio.Event()

    def emit(event: BoardEvent) -> None:
        if isinstance(event, BoardConnected):
            connected.set()

    running = asyncio.create_task(driver.run(emit))
    async with asyncio.timeout(PATIENCE_S):
        await connected.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    board.power_off()
    line.close()


def _ignore(_event: str, _fields: dict[str, Any]) -> None:
    """Nobody listens."""


REFUSALS = [
    ('driver = "safety"', "port", "the serial device of the board, or can_interface and can_channel"),
    ('driver = "openevse"', "port", "the serial device of the board"),
    (SLCAN.replace("safety", "openevse"), "can_interface", "of driver 'safety', and this board's is 'openevse'"),
    (SLCAN.replace('"slcan"', '"pcan"'), "can_interface", "one of 'slcan', 'socketcan'"),
    (SLCAN.replace('can_interface = "slcan"', 'port = "/dev/ttyS9"'), "can_channel", "without can_interface"),
    (SLCAN + '\nport = "/dev/ttyS9"', "port", "because can_interface is 'slcan'"),
    (SLCAN + "\nbaudrate = 115200", "baudrate", "because can_interface is 'slcan'"),
    (SLCAN.replace("/dev/ttyACM0", "ttyACM0"), "can_channel", "such as /dev/serial/by-id/can"),
    (SLCAN.replace('\ncan_channel = "/dev/ttyACM0"', ""), "can_channel", "such as /dev/serial/by-id/can"),
    (SLCAN.replace("\ncan_bitrate = 500000", ""), "can_bitrate", "the bit rate of the bus"),
    (SLCAN.replace("500000", "500001"), "can_bitrate", "one of 10000, 20000"),
    (SOCKETCAN.replace("can0", "/dev/can0"), "can_channel", "the name of a network interface such as can0"),
    (SOCKETCAN + "\ncan_bitrate = 500000", "can_bitrate", "ip link set can0 type can bitrate 500000"),
]


@pytest.mark.parametrize(("board", "key", "words"), REFUSALS, ids=[f"{r[1]}: {r[2]}" for r in REFUSALS])
def test_a_bad_can_configuration_is_refused_with_key_and_remedy(
    tmp_path: Path, board: str, key: str, words: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, station(board))
    assert refused.value.key == f"evse[1].board.{key}"
    assert words in refused.value.expected
    assert refused.value.line is not None


@pytest.mark.parametrize("board", [SLCAN, SOCKETCAN])
def test_two_boards_on_one_bus_are_refused(tmp_path: Path, board: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, station(board, board))
    assert refused.value.key == "evse[2].board.can_channel"
    assert "evse[1].board.can_channel uses it already" in refused.value.expected


def test_an_adapter_on_the_serial_line_of_another_device_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"evse\[2\]\.board\.can_channel.*evse\[1\]\.board\.port uses it"):
        load(tmp_path, station('driver = "openevse"\nport = "/dev/ttyACM0"', SLCAN))


def test_an_adapter_on_the_line_of_the_meters_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"evse\[1\]\.board\.can_channel uses it"):
        load(tmp_path, station(SLCAN.replace("/dev/ttyACM0", "/dev/ttyS1")))


@pytest.mark.parametrize("written", ['power_module = "infypower"', '[evse.power_module]\ndriver = "infypower"'])
def test_a_power_module_is_refused_as_not_built(tmp_path: Path, written: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, station(SLCAN).replace("max_current_a = 16\n", f"max_current_a = 16\n{written}\n"))
    assert refused.value.key == "evse[1].power_module"
    assert "high-level communication" in refused.value.expected
    assert "not built" in refused.value.expected
