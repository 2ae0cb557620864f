"""What labgrid's client prints and says, read by the bench; the real client is in test_remote_bench."""

from pathlib import Path

import pytest

from hil.bench_file import BenchFileError, parse_bench_file
from hil.bench_roles import line_drop_in
from hil.errors import StationError
from hil.labgrid import Address, LabgridClient, Resource, acquired_resources
from hil.remote_bench import borrowed

SHOWN = """Place 'bench-1':
  matches:
    bench/evse1-board/NetworkSerialPort/RawSerialPort -> evse1-board
  acquired: host/user
Acquired resource 'evse1-board' (bench/evse1-board/NetworkSerialPort/RawSerialPort):
  {'acquired': 'bench-1',
   'avail': True,
   'cls': 'NetworkSerialPort',
   'params': {'extra': {'path': '/dev/pts/54',
                        'proxy': 'localhost',
                        'proxy_required': False},
              'host': '127.0.0.1',
              'port': %s,
              'speed': 115200}}
Acquired resource 'plug' (bench/relays/ModbusTCPCoil/plug):
  {'acquired': 'bench-1',
   'avail': True,
   'cls': 'ModbusTCPCoil',
   'params': {'coil': 3,
              'extra': {'proxy': 'localhost', 'proxy_required': False},
              'host': '127.0.0.1:1502'}}
Acquired resource 'state-c' (bench/relays/ModbusTCPCoil/state-c):
  {'acquired': 'bench-1',
   'avail': True,
   'cls': 'ModbusTCPCoil',
   'params': {'coil': 4, 'extra': {}, 'host': '127.0.0.1:1502'}}
Acquired resource 'pdu' (bench/pdu/NetworkPowerPort):
  {'acquired': 'bench-1',
   'avail': True,
   'cls': 'NetworkPowerPort',
   'params': {'extra': {}, 'host': 'pdu', 'index': 1, 'model': 'gude'}}
"""
BENCH = """
[labgrid]
client = "{client}"
coordinator = "lab:20408"
[roles.board]
kind = "labgrid"
place = "bench-1"
resource = "evse1-board"
[roles.car]
kind = "labgrid"
place = "bench-1"
resources = {{ plug = "plug", state_c = "state-c" }}
[roles.power]
kind = "labgrid"
place = "bench-1"
resource = "pdu"
"""
BOARD = '[roles.board]\nkind = "labgrid"\nplace = "p"\nresource = "b"\n'


def client_that_shows(directory: Path, shown: str, *, refuses: str = "") -> Path:
    """A client that prints this for `show`, notes each verb in a file, and fails at one of them."""
    program = directory / "labgrid-client"
    (directory / "shown").write_text(shown)
    program.write_text(
        f'#!/bin/sh\necho "$5 $3 $4" >> {directory}/verbs\n'
        f'if [ "$5" = "{refuses}" ]; then echo "labgrid-client: Error: place is taken" >&2; exit 1; fi\n'
        f'if [ "$5" = show ]; then cat {directory}/shown; fi\n'
    )
    program.chmod(0o755)
    return program


def test_the_resources_of_a_place_are_read_from_what_the_client_shows() -> None:
    resources = acquired_resources(SHOWN % 40101)
    assert list(resources) == ["evse1-board", "plug", "state-c", "pdu"]
    assert resources["evse1-board"].serial_server == Address("127.0.0.1", 40101)
    assert resources["plug"].coil == (Address("127.0.0.1", 1502), 3)


def test_a_line_that_is_not_served_yet_has_no_address() -> None:
    assert acquired_resources(SHOWN % None)["evse1-board"].serial_server is None


@pytest.mark.parametrize("value", ["{'cls': Unknown()}", "{'cls': 'A'}", "{"])
def test_a_description_that_is_not_understood_is_refused(value: str) -> None:
    with pytest.raises(StationError, match="not understood"):
        acquired_resources(f"Acquired resource 'x' (a/b/c):\n  {value}\n")


@pytest.mark.parametrize(
    ("resource", "sentence"),
    [
        (Resource("r", "NetworkPowerPort", {}), "is a NetworkPowerPort, and a ModbusTCPCoil is needed"),
        (Resource("r", "ModbusTCPCoil", {"host": "h", "coil": 1, "invert": True}), "inverted"),
        (Resource("r", "ModbusTCPCoil", {"host": "h", "coil": 1, "extra": {"proxy_required": True}}), "SSH only"),
    ],
)
def test_a_coil_that_cannot_be_used_as_it_is_is_refused_by_name(resource: Resource, sentence: str) -> None:
    with pytest.raises(StationError, match=sentence):
        _ = resource.coil


async def test_each_role_of_a_borrowed_bench_becomes_a_plain_one_and_the_place_goes_back(tmp_path: Path) -> None:
    client = client_that_shows(tmp_path, SHOWN % 40101)
    file = parse_bench_file(tmp_path / "b.toml", BENCH.format(client=client))
    assert not file.is_simulated
    async with borrowed(file) as plain:
        assert '[evse.board]\nport = "rfc2217://127.0.0.1:40101"' in line_drop_in(plain)
        car, power = plain.role("car"), plain.role("power")
        assert (car.kind, car.line, car.numbers) == ("modbus_coils", "127.0.0.1:1502", {"plug": 3, "state_c": 4})
        assert power.on_command == (str(client), "-x", "lab:20408", "-p", "bench-1", "power", "on", "--name", "pdu")
        assert power.off_command[6] == "off"
        assert "release" not in (tmp_path / "verbs").read_text()
    verbs = (tmp_path / "verbs").read_text().splitlines()
    assert (verbs[0], verbs[-1]) == ("acquire -p bench-1", "release -p bench-1")


async def test_a_place_goes_back_if_it_has_not_what_the_bench_needs(tmp_path: Path) -> None:
    client = client_that_shows(tmp_path, SHOWN % 40101)
    text = BENCH.format(client=client).replace('"pdu"', '"psu"')
    with pytest.raises(StationError, match="no resource 'psu'; it has: evse1-board, pdu, plug, state-c"):
        async with borrowed(parse_bench_file(tmp_path / "b.toml", text)):
            pass
    assert (tmp_path / "verbs").read_text().endswith("release -p bench-1\n")


async def test_what_labgrid_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    client = client_that_shows(tmp_path, "", refuses="acquire")
    with pytest.raises(StationError, match="acquire failed: labgrid-client: Error: place is taken"):
        await LabgridClient(str(client), "lab:20408", "bench-1").acquire()


async def test_a_client_that_is_not_installed_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(StationError, match=r"cannot be started .* make labgrid-venv"):
        await LabgridClient(str(tmp_path / "none"), "lab:20408", "bench-1").acquire()


async def test_a_bench_without_labgrid_is_given_as_it_is() -> None:
    file = parse_bench_file(Path("b.toml"), "")
    async with borrowed(file) as plain:
        assert plain.roles == file.roles


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[roles.board]\nkind = "labgrid"\nresource = "b"', "has no place, which kind = 'labgrid' needs"),
        ('[roles.board]\nkind = "labgrid"\nplace = "p"', "needs resource and no resources"),
        (BOARD + '[roles.car]\nkind = "labgrid"\nplace = "p"\nresource = "r"', "needs resources and no resource"),
        (BOARD + '[roles.car]\nkind = "labgrid"\nplace = "p"\nresources = { plug = "r" }', "has no 'state_c'"),
        (BOARD + '[roles.car]\nkind = "labgrid"\nplace = "p"\nresources = { plgu = "r" }', "did you mean 'plug'?"),
        (BOARD + '[roles.faults]\nkind = "labgrid"\nplace = "p"\nresources = { diode = 1 }', "a list of strings"),
        (BOARD + '[roles.meter]\nkind = "labgrid"\nplace = "p"\nresource = "b"', "both use p/b"),
        ('[roles.probe]\nkind = "labgrid"', "[roles.probe] kind is 'labgrid'; use one of"),
        ('[roles.board]\nkind = "network_serial"\nhost = "h"\ntcp_port = 1\nprotocol = "x"', "protocol is 'x'"),
        ('[labgrid]\nclint = "x"', "did you mean 'client'?"),
    ],
)
def test_a_bench_file_that_says_too_little_of_labgrid_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(BenchFileError) as refused:
        parse_bench_file(Path("b.toml"), text)
    assert sentence in str(refused.value)
