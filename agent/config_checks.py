"""Rules between keys: what one key demands of another."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import hal
from agent.config_access import check_access, check_token
from agent.config_can import check_board_line
from agent.config_cards import check_cards
from agent.config_errors import KeyPath, key_text
from agent.config_files import Tree
from agent.config_tables import AgentConfig, EvseConfig
from hal.value import dataclass

if TYPE_CHECKING:
    from hal.controllers.points import LineDefaults

_VENDOR_LENGTH_16 = 20  # OCPP 1.6 BootNotification.req: chargePointVendor CiString20Type
_SIGNING_MAPS = ("iskra_wm3m4c",)
_METER_MAPS = Path(hal.__file__).with_name("meters")
_BYTE = r"(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])"
_VERSION = re.compile(rf"{_BYTE}\.{_BYTE}\.{_BYTE}")
_BOARD_KEYS = {
    "openevse": ("poll_interval_s", "allow_protection_off", "stored_current_a"),
    "safety": (
        *("can_interface", "can_channel", "can_bitrate"),
        *("silence_limit_s", "firmware_min", "firmware_max"),
        *("wakes_up", "wake_up_after_s", "wake_up_f_s", "wake_up_x1_s"),
    ),
    "modbus": ("poll_interval_s", "profile", "parity", "host", "tcp_port", "unit", "charging_point"),
}
"""Keys that only boards of these drivers have."""


_READER_KEYS = {"line": ("token_type",), "pn532": ("poll_interval_s",)}
"""Keys that only readers of this driver have; a PN532 reads ISO 14443 and nothing else here."""


@dataclass(frozen=True, slots=True)
class _Refuse:
    config: AgentConfig

    def __call__(self, path: KeyPath, expected: str) -> NoReturn:
        raise self.config.sources.error(path, key_text(path), expected)


def check(config: AgentConfig) -> None:
    """Raises: ConfigError at the first key that does not go with the others."""
    refuse = _Refuse(config)
    for rule in _RULES:
        rule(config, refuse)


def _check_vendor(config: AgentConfig, refuse: _Refuse) -> None:
    if "1.6" in config.csms.ocpp_versions and len(config.station.vendor) > _VENDOR_LENGTH_16:
        refuse(("station", "vendor"), f"text of 1 to {_VENDOR_LENGTH_16} characters, because OCPP 1.6 is offered")


def _check_time_zone(config: AgentConfig, refuse: _Refuse) -> None:
    if config.station.time_zone == "UTC":
        return
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - costs milliseconds that most starts need not spend

    try:
        ZoneInfo(config.station.time_zone)
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError; odd names raise the others
        refuse(("station", "time_zone"), "an IANA time zone known to this system, such as 'Europe/Berlin'")


def _check_reconnect(config: AgentConfig, refuse: _Refuse) -> None:
    if config.csms.reconnect_max_s < config.csms.reconnect_min_s:
        refuse(("csms", "reconnect_max_s"), f"at least reconnect_min_s ({config.csms.reconnect_min_s:g} s)")


def _check_free_vend(config: AgentConfig, refuse: _Refuse) -> None:
    authorization = config.authorization
    if authorization.free_vend and authorization.free_vend_token is None and "1.6" in config.csms.ocpp_versions:
        refuse(("authorization", "free_vend_token"), "a token, because free_vend needs an idTag for OCPP 1.6")


def _check_firmware(config: AgentConfig, refuse: _Refuse) -> None:
    if config.firmware.installer == "simulated" and not config.bench:
        refuse(("firmware", "installer"), "no simulated installer, unless the agent is started with --bench")


def _check_evses(config: AgentConfig, refuse: _Refuse) -> None:
    if not config.evse:
        refuse(("evse",), "at least one [[evse]]")
    for index, evse in enumerate(config.evse):
        if evse.id != index + 1:
            refuse(("evse", index, "id"), f"{index + 1}: EVSEs are numbered 1 to {len(config.evse)} without gaps")
        if evse.phases > config.station.phases:
            refuse(("evse", index, "phases"), f"at most station.phases ({config.station.phases})")
        _check_board(index, evse, config.sources.values, refuse)
        _check_meter(index, evse, refuse)


def _check_board(index: int, evse: EvseConfig, written: Tree, refuse: _Refuse) -> None:
    board, path = evse.board, ("evse", index, "board")
    _check_keys_of_driver(_BOARD_KEYS, board.driver, (path, written["evse"][index]["board"]), refuse)
    for key in ("firmware_min", "firmware_max"):
        if not _VERSION.fullmatch(getattr(board, key)):
            refuse((*path, key), "a version of three numbers up to 255, such as 0.3.1")
    if board.firmware_version_min > board.firmware_version_max:
        refuse((*path, "firmware_max"), f"at least firmware_min ({board.firmware_min})")
    if board.driver == "modbus":
        _check_controller(evse, path, refuse)
    else:
        check_board_line(board, path, refuse)


def _check_controller(evse: EvseConfig, path: KeyPath, refuse: _Refuse) -> None:
    from hal.controllers.profile import profile_names  # noqa: PLC0415 - only where such a board is configured

    board = evse.board
    if board.profile not in profile_names():
        refuse((*path, "profile"), "one of " + ", ".join(profile_names()))
    line = _profile_line(board.profile)
    serial = line.framing == "rtu"
    wanted, other = ("port", "host") if serial else ("host", "port")
    if getattr(board, wanted) is None or getattr(board, other) is not None:
        refuse(
            (*path, wanted), f"{wanted} and no {other}, because {board.profile} is reached by {line.framing.upper()}"
        )
    for key in ("tcp_port",) if serial else ("baudrate", "parity"):
        if getattr(board, key) is not None:
            refuse((*path, key), f"no such key: {board.profile} is reached by {line.framing.upper()}")
    if board.charging_point != 1 and not line.registers_per_point:
        refuse((*path, "charging_point"), f"1, because {board.profile} has one charging point")


def _profile_line(name: str) -> "LineDefaults":
    from hal.controllers.profile import load_profile  # noqa: PLC0415 - only where such a board is configured

    return load_profile(name).line


def _check_meter(index: int, evse: EvseConfig, refuse: _Refuse) -> None:
    meter = evse.meter
    maps = sorted(file.stem for file in _METER_MAPS.glob("*.toml"))
    if meter.map not in maps:
        refuse(("evse", index, "meter", "map"), "one of " + ", ".join(maps))
    if (meter.port is None) == (meter.host is None):
        refuse(("evse", index, "meter", "port"), "either port (serial) or host (TCP)")
    if meter.signed and meter.map not in _SIGNING_MAPS:
        wanted = f"one of a meter whose signing is built ({', '.join(_SIGNING_MAPS)}), because signed is true"
        refuse(("evse", index, "meter", "map"), wanted)
    for key in ("serial", "tariff_text"):
        if getattr(meter, key) and not meter.signed:
            refuse(("evse", index, "meter", key), "no such key unless signed is true: it has no effect")


def _check_keys_of_driver(
    keys_of: Mapping[str, tuple[str, ...]], driver: str, table: tuple[KeyPath, Tree], refuse: _Refuse
) -> None:
    path, present = table
    device = next(part for part in reversed(path) if isinstance(part, str))
    for owner, keys in keys_of.items():
        for key in keys:
            if owner != driver and key in present and key not in keys_of.get(driver, ()):
                refuse((*path, key), f"no such key: it is of driver {owner!r}, and this {device}'s is {driver!r}")


def _check_readers(config: AgentConfig, refuse: _Refuse) -> None:
    known = {evse.id for evse in config.evse}
    for index, reader in enumerate(config.reader):
        written = config.sources.values["reader"][index]
        _check_keys_of_driver(_READER_KEYS, reader.driver, (("reader", index), written), refuse)
        if not known.issuperset(reader.evses):
            refuse(("reader", index, "evses"), f"ids of configured EVSEs (1 to {len(known)})")


def _check_ports(config: AgentConfig, refuse: _Refuse) -> None:
    owners: dict[object, KeyPath] = {}
    for path, port in _exclusive_ports(config):
        if port in owners:
            refuse(path, f"a port of its own; {key_text(owners[port])} uses it already")
        owners[port] = path
    lines: dict[object, tuple[object, KeyPath]] = {}
    units: dict[tuple[object, int, int], KeyPath] = {}
    for path, bus, line, (unit, point) in _modbus_units(config):
        if bus in owners:
            refuse((*path, "port"), f"a port of its own; {key_text(owners[bus])} uses it already")
        known_line, first = lines.setdefault(bus, (line, path))
        if known_line != line:
            refuse(path, f"the baudrate, parity and stopbits of {key_text(first)}, which is on the same line")
        others = [key for key in units if key[:2] == (bus, unit) and (point in {0, key[2]} or key[2] == 0)]
        if others:
            refuse((*path, "unit"), f"a unit of its own; {key_text(units[others[0]])} has it already")
        units[bus, unit, point] = path


def _check_cards(config: AgentConfig, refuse: _Refuse) -> None:
    taken: dict[object, KeyPath] = {port: path for path, port in _exclusive_ports(config)}
    check_cards(config, taken | {bus: path for path, bus, _, _ in _modbus_units(config)}, refuse)


def _modbus_units(config: AgentConfig) -> Iterator[tuple[KeyPath, object, object, tuple[int, int]]]:
    """Path, bus, settings of the line, unit and charging point (0: it has none) of whatever shares Modbus lines."""
    for index, evse in enumerate(config.evse):
        meter, board = evse.meter, evse.board
        serial = (meter.baudrate, meter.parity, meter.stopbits) if meter.port is not None else None
        yield ("evse", index, "meter"), meter.port or (meter.host, meter.tcp_port), serial, (meter.unit, 0)
        if board.driver != "modbus" or board.profile is None:
            continue
        own = _profile_line(board.profile)
        bus = board.port or (board.host, board.tcp_port or own.tcp_port)
        serial = (board.baudrate or own.baudrate, board.parity or own.parity, own.stopbits)
        point = board.charging_point if own.registers_per_point else 0
        yield ("evse", index, "board"), bus, serial if board.port else None, (board.unit or own.unit, point)


def _board_line(index: int, evse: EvseConfig) -> tuple[KeyPath, object]:
    if evse.board.can_channel is None:
        return ("evse", index, "board", "port"), evse.board.port
    # A CAN bus is its board's own too: a second one's frames would have the same identifiers.
    return ("evse", index, "board", "can_channel"), Path(evse.board.can_channel)


def _exclusive_ports(config: AgentConfig) -> Iterator[tuple[KeyPath, object]]:
    for index, evse in enumerate(config.evse):
        if evse.board.driver != "modbus":
            yield _board_line(index, evse)
        if evse.indicator is not None and evse.indicator.port is not None:
            yield ("evse", index, "indicator", "port"), evse.indicator.port
    for index, reader in enumerate(config.reader):
        yield ("reader", index, "port"), reader.port


def _check_temperature(config: AgentConfig, refuse: _Refuse) -> None:
    for index, evse in enumerate(config.evse):
        path = ("evse", index, "temperature")
        steps_c, fractions = evse.temperature.steps_c, evse.temperature.fractions
        if list(steps_c) != sorted(steps_c) or evse.temperature.recover_c >= steps_c[0]:
            refuse((*path, "steps_c"), "rising temperatures, all above recover_c")
        if len(fractions) != len(steps_c) or list(fractions) != sorted(fractions, reverse=True):
            refuse((*path, "fractions"), "as many falling fractions as there are steps_c")


_RULES: tuple[Callable[[AgentConfig, _Refuse], None], ...] = (
    _check_vendor,
    _check_time_zone,
    check_access,
    check_token,
    _check_reconnect,
    _check_free_vend,
    _check_firmware,
    _check_evses,
    _check_readers,
    _check_ports,
    _check_cards,
    _check_temperature,
)
