from pathlib import Path

import pytest

from hil.bench_file import ABSENT, SIMULATED, BenchFileError, load_bench_file, parse_bench_file
from hil.bench_roles import line_drop_in

HERE = Path("bench.toml")
BENCHES = sorted((Path(__file__).parents[2] / "hil/benches").glob("*.toml"))
BOARD = '[roles.board]\nkind = "serial"\nport = "/dev/ttyUSB0"\n'
CAR = '[roles.car]\nkind = "modbus_coils"\n'
COILS = "coils = { plug = 0, state_c = 1 }\n"


def refusal(text: str) -> str:
    with pytest.raises(BenchFileError) as refused:
        parse_bench_file(HERE, text)
    return str(refused.value)


def test_one_line_is_a_whole_bench_and_everything_in_it_is_simulated() -> None:
    file = parse_bench_file(HERE, '[bench]\nboard = "safety"')
    assert (file.name, file.board, file.ocpp) == ("bench", "safety", "1.6")
    assert {role.kind for role in file.roles.values()} == {SIMULATED}
    assert file.is_simulated


@pytest.mark.parametrize("path", BENCHES, ids=lambda path: path.stem)
def test_every_bench_of_the_matrix_is_good(path: Path) -> None:
    assert load_bench_file(path).name == path.stem


def test_beside_a_real_board_a_role_that_is_not_bound_is_absent_but_for_the_reader() -> None:
    file = parse_bench_file(HERE, BOARD + CAR + 'port = "/dev/ttyUSB1"\n' + COILS)
    kinds = {name: role.kind for name, role in file.roles.items()}
    assert kinds.pop("reader") == SIMULATED
    assert {name for name, kind in kinds.items() if kind == ABSENT} == {"meter", "faults", "power", "probe"}
    assert not file.is_simulated


def test_the_agent_is_led_to_the_real_lines() -> None:
    meter = '[roles.meter]\nkind = "network_serial"\nhost = "bench-1"\ntcp_port = 4002\n'
    told = line_drop_in(parse_bench_file(HERE, BOARD + meter))
    assert '[evse.board]\nport = "/dev/ttyUSB0"' in told
    assert '[evse.meter]\nport = "tcp://bench-1:4002"' in told
    assert not line_drop_in(parse_bench_file(HERE, ""))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[bench]\nboard = "arduino"', "[bench] board is 'arduino'; use one of rapi, safety, modbus"),
        ('[bench]\nbord = "rapi"', "[bench] has an unknown key 'bord'; did you mean 'board'?"),
        ("[bench]\nboard = 5", "[bench] board must be a string, not 5"),
        ("[bench]\nname = 5", "[bench] name must be a string, not 5"),
        ('[bench]\nocpp = "2.1"', "[bench] ocpp is '2.1'; use one of 1.6, 2.0.1"),
        ("[bench]\noptions = [1]", "[bench] options must be a list of strings"),
        ("bench = 5", "[bench] must be a table; write [bench] on a line of its own"),
        ("[bench", "no valid TOML"),
        ("[bench]\nboard = rapi", "(at line 2, column 9); correct that line"),
        ('[roles.wind]\nkind = "simulated"', "[roles] has an unknown key 'wind'; known: board, meter"),
        (
            '[roles.board]\nkind = "usb"',
            "[roles.board] kind is 'usb'; use one of simulated, absent, serial, network_serial",
        ),
        ('[roles.board]\nkind = "serial"', "[roles.board] has no port, which kind = 'serial' needs; add port = …"),
        ('[roles.board]\nkind = "network_serial"\nhost = "h"', "[roles.board] has no tcp_port"),
        ('[roles.board]\nkind = "absent"', "[roles.board] is absent; a bench needs a board"),
        (BOARD + CAR + COILS, "[roles.car] needs port (a serial device) or host (Modbus TCP), and not both"),
        (BOARD + CAR + 'host = "h"\nport = "p"\n' + COILS, "[roles.car] needs port (a serial device) or host"),
        (BOARD + CAR + 'host = "h"\ncoils = { plug = 0 }', "[roles.car] coils has no 'state_c'; add the coil"),
        (BOARD + CAR + 'host = "h"\ncoils = { plug = -1 }', "[roles.car] coils must be numbers from 0 up, not -1"),
        (
            BOARD + CAR + 'host = "h"\ncoils = { plug = 1, state_c = 1 }',
            "[roles.car.state_c] and [roles.car.plug] both use coil 1 of h:502; give each its own",
        ),
        (BOARD + CAR + 'port = "/dev/ttyUSB0"\n' + COILS, "[roles.car] is on /dev/ttyUSB0, a device's own line"),
        (
            BOARD + '[roles.meter]\nkind = "serial"\nport = "/dev/ttyUSB0"',
            "[roles.meter] and [roles.board] both use /dev/ttyUSB0; give each its own",
        ),
        (BOARD + '[roles.car]\nkind = "simulated"', "[roles.car] is simulated but the board is real"),
        (CAR + 'host = "h"\n' + COILS, "[roles.car] is real but the board is simulated; bind [roles.board] too"),
        (
            BOARD + '[roles.power]\nkind = "power_switch"\non_command = ["true"]',
            "[roles.power] has only on_command; give both on_command and off_command",
        ),
        (
            BOARD + '[roles.probe]\nkind = "modbus_inputs"\nhost = "h"',
            "[roles.probe] inputs is empty; name what the card sees",
        ),
        (
            BOARD + '[roles.probe]\nkind = "modbus_inputs"\nhost = "h"\ninputs = { kontactor = 1 }',
            "[roles.probe] inputs has an unknown key 'kontactor'; did you mean 'contactor'?",
        ),
    ],
)
def test_a_bad_bench_file_is_refused_with_its_name_the_place_and_the_remedy(text: str, sentence: str) -> None:
    told = refusal(text)
    assert told.startswith("bench.toml: ")
    assert sentence in told


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchFileError, match=r"none\.toml: No such file or directory; give --bench the path"):
        load_bench_file(tmp_path / "none.toml")


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BenchFileError, match=r"b\.toml: not UTF-8 text"):
        load_bench_file(tmp_path / "b.toml")
