from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.config import AgentConfig, ConfigError
from agent.hardware import build_hardware, check_host_loss
from agent.station.sequenced_board import SequencedBoard
from hal.api import BoardCapabilities, HostLossAction
from hal.board import SerialLine, TcpLine
from hal.transports.memory_port import MemoryPort, memory_pipe
from tests.agent.installed import TEXT, assert_refused, installed

ONE_LINE = """
[[evse]]
id = 1
[evse.meter]
port = "/dev/meters"
unit = 1
[[evse]]
id = 2
[evse.meter]
port = "/dev/meters"
unit = 2
"""


def utc() -> datetime:
    return datetime.now(UTC)


def opened_lines(config: AgentConfig) -> list[SerialLine | TcpLine]:
    lines: list[SerialLine | TcpLine] = []

    def open_line(line: SerialLine | TcpLine) -> MemoryPort:
        lines.append(line)
        return memory_pipe()[0]

    build_hardware(config, utc, open_line)
    return lines


def test_every_configured_device_gets_the_line_that_is_configured(tmp_path: Path) -> None:
    tcp = '[[evse]]\nid = 3\nmax_current_a = 16\nphases = 1\n[evse.board]\ndriver = "openevse"\nport = "/dev/b3"\n'
    tcp += 'baudrate = 9600\n[evse.meter]\ndriver = "modbus"\nmap = "eastron_sdm120"\nhost = "meter3"\ntcp_port = 503\n'
    lines = opened_lines(installed(tmp_path, tcp))
    assert TcpLine("meter3", 503) in lines
    assert SerialLine(Path("/dev/b3"), 9600) in lines
    paths = [line.path for line in lines if isinstance(line, SerialLine) and isinstance(line.path, Path)]
    serial = [path.relative_to(tmp_path) for path in paths if "lines" in str(path)]
    devices = ("board", "indicator", "meter")
    assert sorted(map(str, serial)) == [*(f"lines/evse{n}/{d}" for n in (1, 2) for d in devices), "lines/reader1"]


def test_meters_on_one_line_open_it_once_and_share_the_bus_that_runs(tmp_path: Path) -> None:
    config = installed(tmp_path, ONE_LINE)
    assert opened_lines(config).count(SerialLine(Path("/dev/meters"), 9600)) == 1
    assert len(build_hardware(config, utc).runners) == 1


def test_a_reader_serves_all_evses_unless_it_names_some(tmp_path: Path) -> None:
    readers = '[[reader]]\ndriver = "line"\nport = "r1"\n[[reader]]\ndriver = "line"\nport = "r2"\nevses = [2]\n'
    hardware = build_hardware(installed(tmp_path, readers), utc)
    assert [reader.evse_ids for reader in hardware.readers] == [(1, 2), (2,)]


def test_nothing_is_opened_by_building(tmp_path: Path) -> None:
    assert not Path("/dev/meters").exists()
    assert build_hardware(installed(tmp_path, ONE_LINE), utc).evses.keys() == {1, 2}


@pytest.mark.parametrize(
    ("map_name", "words"),
    [("carlo_gavazzi_em580", "Carlo Gavazzi EM580"), ("janitza_umg", "allow_coarse_register permits it")],
)
def test_a_meter_that_cannot_bill_is_refused_with_file_line_and_key(tmp_path: Path, map_name: str, words: str) -> None:
    config = installed(tmp_path, f'[[evse]]\nid = 2\n[evse.meter]\nmap = "{map_name}"\n')
    with pytest.raises(ConfigError) as refused:
        build_hardware(config, utc)
    file = tmp_path / "conf.d" / "0.toml"
    assert_refused(refused, file, 4, "evse[2].meter.map", "cannot be billed from", words)


def test_a_coarse_register_bills_where_that_is_asked_for(tmp_path: Path) -> None:
    more = '[[evse]]\nid = 2\n[evse.meter]\nmap = "janitza_umg"\nallow_coarse_register = true\n'
    assert build_hardware(installed(tmp_path, more), utc).evses[2].meter.bills


def losing(action: HostLossAction) -> BoardCapabilities:
    return BoardCapabilities(6.0, 32.0, 3, action, action is not HostLossAction.OPEN, 0.1, 3.1)


def is_used(config: AgentConfig, number: int, action: HostLossAction) -> bool:
    try:
        check_host_loss(config, number, losing(action))
    except ConfigError:
        return False
    return True


def test_a_board_that_does_nothing_when_linux_dies_is_refused_with_file_line_and_key(tmp_path: Path) -> None:
    config = installed(tmp_path, "[[evse]]\nid = 2\n[evse.board]\naccept_host_loss = false\n")
    with pytest.raises(ConfigError) as refused:
        check_host_loss(config, 1, losing(HostLossAction.NONE))
    file = tmp_path / "conf.d" / "0.toml"
    assert_refused(refused, file, 4, "evse[2].board.accept_host_loss", "does nothing when Linux falls silent")


def test_a_board_that_does_something_or_is_accepted_by_name_is_used(tmp_path: Path) -> None:
    config = installed(tmp_path, "[[evse]]\nid = 2\n[evse.board]\naccept_host_loss = true\n")
    used = [(0, HostLossAction.OPEN), (0, HostLossAction.DERATE), (1, HostLossAction.NONE)]
    assert all(is_used(config, number, action) for number, action in used)
    assert not is_used(config, 0, HostLossAction.NONE)


def test_a_safety_controller_is_built_with_its_sequences_from_the_configuration(tmp_path: Path) -> None:
    keys = 'driver = "safety"\nwake_up_after_s = 45\nwake_up_f_s = 5\n'
    config = installed(tmp_path, text=TEXT.replace('driver = "openevse"\n', keys))
    board = build_hardware(config, utc, lambda _: memory_pipe()[0]).evses[1].board
    assert board.capabilities.leaves_sequences_to_host
    assert board.capabilities.host_loss_action is HostLossAction.OPEN
    assert isinstance(board, SequencedBoard)
    assert (board.sequences.values.wake_up_after_s, board.sequences.values.wake_up_f_s) == (45.0, 5.0)
    assert board.phase_refusal(1) == "this board has no phase switch"


def test_a_pn532_is_opened_at_its_own_speed_unless_another_is_configured(tmp_path: Path) -> None:
    readers = '[[reader]]\ndriver = "pn532"\nport = "/dev/r1"\n[[reader]]\ndriver = "line"\nport = "/dev/r2"\n'
    readers += '[[reader]]\ndriver = "pn532"\nport = "/dev/r3"\nbaudrate = 9600\n'
    lines = opened_lines(installed(tmp_path, readers))
    speeds = (115_200, 9600, 9600)
    assert [line for line in lines if "/dev/r" in str(line)] == [
        SerialLine(Path(f"/dev/r{number}"), speed) for number, speed in enumerate(speeds, start=1)
    ]
