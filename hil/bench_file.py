"""The bench file: which board is under test and which device plays each role (value and rule).

`[bench] board = "rapi"` is a whole file: everything is simulated. On a bench with a real board each role is bound by a
table `[roles.NAME]`; a role that is not bound is absent there, and what needs it is skipped with that reason. (The card
reader may be simulated beside a real board.)
A bad file is refused with a sentence that names file, key and remedy.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

BOARDS: Final = ("rapi", "safety", "modbus")
VERSIONS: Final = ("1.6", "2.0.1")
SIMULATED, ABSENT, LABGRID = "simulated", "absent", "labgrid"
LINE_ROLES: Final = ("board", "meter")
"""Roles that may be a device on a real line of the agent's."""
LINE_KINDS: Final = (SIMULATED, ABSENT, "serial", "network_serial", LABGRID)
PROTOCOLS: Final = ("raw", "rfc2217", "modbus_tcp")
"""How a line behind the network is spoken to: bytes as they are, RFC 2217, or the device's own Modbus TCP."""
KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(LINE_ROLES, LINE_KINDS),
    "reader": (SIMULATED, ABSENT),
    "car": (SIMULATED, ABSENT, "modbus_coils", LABGRID),
    "faults": (SIMULATED, ABSENT, "modbus_coils", LABGRID),
    "power": (SIMULATED, ABSENT, "power_switch", LABGRID),
    "probe": (SIMULATED, ABSENT, "modbus_inputs"),
}
CARD_KEYS: Final[Mapping[str, type]] = {"port": str, "host": str, "tcp_port": int, "unit": int, "baudrate": int}
KIND_KEYS: Final[Mapping[str, Mapping[str, type]]] = {
    SIMULATED: {},
    ABSENT: {},
    "serial": {"port": str},
    "network_serial": {"host": str, "tcp_port": int, "protocol": str},
    "modbus_coils": {**CARD_KEYS, "coils": dict},
    "power_switch": {**CARD_KEYS, "coils": dict, "on_command": list, "off_command": list},
    "modbus_inputs": {**CARD_KEYS, "inputs": dict},
    LABGRID: {"place": str, "resource": str, "resources": dict},
}
LABGRID_KEYS: Final[Mapping[str, type]] = {"client": str, "coordinator": str}
COILS: Final[Mapping[str, tuple[str, ...]]] = {"car": ("plug", "state_c"), "power": ("supply",)}
"""Coils that a role cannot do without."""
KNOWN_NUMBERS: Final[Mapping[str, tuple[str, ...]]] = {
    "car": ("plug", "state_c", "state_d"),
    "power": ("supply",),
    "probe": ("contactor", "contactor_2", "contactor_3", "lock"),
}
"""Coils and inputs of a role; those of the faults are named after the kinds of fault."""
BENCH_KEYS: Final[Mapping[str, type]] = {
    "name": str,
    "board": str,
    "board_profile": str,
    "meter": str,
    "ocpp": str,
    "options": list,
}


class BenchFileError(ValueError):
    """A bench file that cannot be used, in one sentence with the remedy."""


@dataclass(frozen=True, slots=True)
class Role:
    """What plays one role."""

    kind: str = SIMULATED
    port: str = ""
    host: str = ""
    tcp_port: int = 502
    unit: int = 1
    baudrate: int = 9600
    protocol: str = "raw"
    numbers: Mapping[str, int] = field(default_factory=dict)
    """Coils or inputs of a relay card, by what they do."""
    place: str = ""
    resource: str = ""
    resources: Mapping[str, str] = field(default_factory=dict)
    """Resources of labgrid's place, by what they do."""
    on_command: tuple[str, ...] = ()
    off_command: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """Name of the line it hangs on; empty without one."""
        if self.resource:
            return f"{self.place}/{self.resource}"
        return self.port or (f"{self.host}:{self.tcp_port}" if self.host else "")


@dataclass(frozen=True, slots=True)
class LabgridAccess:
    """How labgrid is reached."""

    client: str = ".venv-labgrid/bin/labgrid-client"
    coordinator: str = "127.0.0.1:20408"


@dataclass(frozen=True, slots=True)
class BenchFile:
    """One bench."""

    name: str
    board: str = "rapi"
    board_profile: str = ""
    meter: str = "eastron_sdm630"
    ocpp: str = "1.6"
    options: tuple[str, ...] = ()
    """Further options of `pilotline-bench serve`."""
    roles: Mapping[str, Role] = field(default_factory=dict)
    labgrid: LabgridAccess = field(default_factory=LabgridAccess)

    def role(self, name: str) -> Role:
        """What plays this role."""
        return self.roles[name]

    @property
    def is_simulated(self) -> bool:
        """True if nothing is real, so that many of them can run at once."""
        return all(role.kind == SIMULATED for role in self.roles.values())


def load_bench_file(path: Path) -> BenchFile:
    """Read one file. Raises: BenchFileError."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise BenchFileError(f"{path}: {error.strerror}; give --bench the path of a bench file") from None
    except UnicodeDecodeError:
        raise BenchFileError(f"{path}: not UTF-8 text; save it as UTF-8") from None
    return parse_bench_file(path, text)


def parse_bench_file(path: Path, text: str) -> BenchFile:
    """Check the text of one file. Raises: BenchFileError."""
    try:
        tables = tomllib.loads(text)
        return _bench(path.stem, tables)
    except tomllib.TOMLDecodeError as error:
        raise BenchFileError(f"{path}: no valid TOML: {error}; correct that line") from None
    except BenchFileError as error:
        raise BenchFileError(f"{path}: {error}") from None


def _bench(stem: str, tables: Mapping[str, Any]) -> BenchFile:
    _known_keys("", tables, ("bench", "roles", "labgrid"))
    labgrid = _table("labgrid", tables.get("labgrid", {}))
    _check_keys("[labgrid]", labgrid, LABGRID_KEYS)
    bench = _table("bench", tables.get("bench", {}))
    _check_keys("[bench]", bench, BENCH_KEYS)
    board, ocpp = bench.get("board", "rapi"), bench.get("ocpp", "1.6")
    _one_of("[bench] board", board, BOARDS)
    _one_of("[bench] ocpp", ocpp, VERSIONS)
    file = BenchFile(
        name=bench.get("name", stem),
        board=board,
        board_profile=bench.get("board_profile", ""),
        meter=bench.get("meter", "eastron_sdm630"),
        ocpp=ocpp,
        options=_words("[bench] options", bench.get("options", [])),
        roles=_roles(_table("roles", tables.get("roles", {}))),
        labgrid=LabgridAccess(**labgrid),
    )
    _check_together(file)
    return file


def _roles(tables: Mapping[str, Any]) -> dict[str, Role]:
    _known_keys("[roles]", tables, tuple(KINDS))
    given = {name: _role(name, _table(f"roles.{name}", table)) for name, table in tables.items()}
    real = given.get("board", Role()).kind != SIMULATED
    otherwise = Role(ABSENT if real else SIMULATED)
    return {name: given.get(name, Role() if name == "reader" else otherwise) for name in KINDS}


def _role(name: str, table: Mapping[str, Any]) -> Role:
    where = f"[roles.{name}]"
    kind = table.get("kind", SIMULATED)
    _one_of(f"{where} kind", kind, KINDS[name])
    keys = KIND_KEYS[kind]
    _check_keys(where, {key: value for key, value in table.items() if key != "kind"}, keys)
    _one_of(f"{where} protocol", table.get("protocol", "raw"), PROTOCOLS)
    if kind == LABGRID:
        return _labgrid_role(name, where, table)
    _check_line(where, kind, table)
    numbers = table.get("coils", table.get("inputs", {}))
    _check_numbers(name, kind, numbers)
    return Role(
        kind=kind,
        numbers=numbers,
        on_command=_words(f"{where} on_command", table.get("on_command", [])),
        off_command=_words(f"{where} off_command", table.get("off_command", [])),
        protocol=table.get("protocol", "raw"),
        **{key: table[key] for key in CARD_KEYS if key in table},
    )


def _labgrid_role(name: str, where: str, table: Mapping[str, Any]) -> Role:
    several = name in {"car", "faults"}
    key, other = ("resources", "resource") if several else ("resource", "resources")
    if not table.get("place"):
        raise BenchFileError(f"{where} has no place, which kind = 'labgrid' needs; add place = …")
    if not table.get(key) or other in table:
        example = "resources = { plug = 'NAME', … }" if several else "resource = 'NAME'"
        raise BenchFileError(f"{where} needs {key} and no {other}; write {example}")
    names = table.get("resources", {})
    if name in KNOWN_NUMBERS:
        _known_keys(f"{where} resources", names, KNOWN_NUMBERS[name] if several else ())
    _words(f"{where} resources", list(names.values()))
    for coil in COILS.get(name, ()) if several else ():
        if coil not in names:
            raise BenchFileError(f"{where} resources has no {coil!r}; add the resource of the relay that does it")
    return Role(LABGRID, place=table["place"], resource=table.get("resource", ""), resources=names)


def _check_line(where: str, kind: str, table: Mapping[str, Any]) -> None:
    keys = KIND_KEYS[kind]
    commands = {"on_command", "off_command"} & table.keys()
    if len(commands) == 1:
        raise BenchFileError(f"{where} has only {commands.pop()}; give both on_command and off_command")
    if not keys or commands:
        return
    if "port" in keys and "host" in keys and ("port" in table) == ("host" in table):
        raise BenchFileError(f"{where} needs port (a serial device) or host (Modbus TCP), and not both")
    for key in ("port", "host", "tcp_port"):
        needed = key in keys and not ("port" in keys and "host" in keys)
        if needed and key not in table:
            raise BenchFileError(f"{where} has no {key}, which kind = {kind!r} needs; add {key} = …")


def _check_numbers(name: str, kind: str, numbers: Mapping[str, Any]) -> None:
    key = "inputs" if kind == "modbus_inputs" else "coils"
    where = f"[roles.{name}] {key}"
    if name in KNOWN_NUMBERS:
        _known_keys(where, numbers, KNOWN_NUMBERS[name])
    for number in numbers.values():
        if isinstance(number, bool) or not isinstance(number, int) or number < 0:
            raise BenchFileError(f"{where} must be numbers from 0 up, not {number!r}")
    if kind == "modbus_inputs" and not numbers:
        raise BenchFileError(f"{where} is empty; name what the card sees, such as inputs = {{ contactor = 0 }}")
    for coil in COILS.get(name, ()) if kind == "modbus_coils" else ():
        if coil not in numbers:
            raise BenchFileError(f"{where} has no {coil!r}; add the coil that does it, such as {coil} = 0")


def _check_together(file: BenchFile) -> None:
    board = file.role("board")
    if board.kind == ABSENT:
        raise BenchFileError("[roles.board] is absent; a bench needs a board")
    for name in ("car", "faults", "power", "probe"):
        if board.kind != SIMULATED and file.role(name).kind == SIMULATED:
            raise BenchFileError(
                f"[roles.{name}] is simulated but the board is real; bind it to real equipment, or leave it out"
            )
        if board.kind == SIMULATED and file.role(name).kind != SIMULATED:
            raise BenchFileError(f"[roles.{name}] is real but the board is simulated; bind [roles.board] too")
    check_lines(file)


def check_lines(file: BenchFile) -> None:
    """Devices do not share a line; functions of one relay card do, but not a coil. Raises: BenchFileError."""
    owners: dict[object, str] = {}
    for name, place in _places(file):
        if (other := owners.setdefault(place, name)) != name:
            what = place if isinstance(place, str) else f"{place[0]} of {place[-1]}"
            raise BenchFileError(f"[roles.{name}] and [roles.{other}] both use {what}; give each its own")
    device_lines = {file.role(name).line for name in LINE_ROLES} - {""}
    for name in ("car", "faults", "power", "probe"):
        if file.role(name).line in device_lines:
            line = file.role(name).line
            raise BenchFileError(f"[roles.{name}] is on {line}, a device's own line; give the relay card its own")


def _places(file: BenchFile) -> Iterator[tuple[str, Any]]:
    for name, role in file.roles.items():
        if name in LINE_ROLES and role.line:
            yield name, role.line
        for function, number in role.numbers.items():
            register = "input" if role.kind == "modbus_inputs" else "coil"
            yield f"{name}.{function}", (f"{register} {number}", role.unit, role.line)
        for function, resource in role.resources.items():
            yield f"{name}.{function}", (f"resource {resource}", role.place)


def _table(name: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BenchFileError(f"[{name}] must be a table; write [{name}] on a line of its own")
    return value


def _known_keys(where: str, table: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            remedy = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known) or 'none'}"
            raise BenchFileError(f"{where} has an unknown key {key!r}; {remedy}".strip())


def _check_keys(where: str, table: Mapping[str, Any], known: Mapping[str, type]) -> None:
    _known_keys(where, table, tuple(known))
    words = {str: "a string", int: "a whole number", list: "a list of strings", dict: "a table of numbers"}
    for key, value in table.items():
        if not isinstance(value, known[key]) or isinstance(value, bool):
            raise BenchFileError(f"{where} {key} must be {words[known[key]]}, not {value!r}")


def _one_of(where: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise BenchFileError(f"{where} is {value!r}; use one of {', '.join(known)}")


def _words(where: str, value: list[Any]) -> tuple[str, ...]:
    if not all(isinstance(word, str) for word in value):
        raise BenchFileError(f"{where} must be a list of strings")
    return tuple(value)
