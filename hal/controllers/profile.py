"""Profiles of Modbus charge controllers (rule): one TOML file per model, and the reader that trusts none of it.

A profile states what its sources state; what nobody states stands under `unsourced` and in the file, so that it can be
put right there. An impossible one is refused with the file, the key and what is wrong.
"""

import difflib
import tomllib
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, TypeVar

from hal.api import Fault, PilotState
from hal.controllers.points import (
    ENCODING_REGISTERS,
    LAST_ADDRESS,
    ControllerProfile,
    CurrentSetting,
    ErrorRegister,
    FineSteps,
    Firmware,
    Flow,
    Level,
    LineDefaults,
    Proximity,
    Quantity,
    SetupValue,
    Span,
    StateRegister,
    Switch,
    Table,
    Watchdog,
)
from hal.controllers.toml_fields import Fields, ProfileError

PROFILE_DIRECTORY: Final = Path(__file__).parent
_FAULTS: Final = {fault.value: fault for fault in Fault}
_PILOTS: Final = {state.value: state for state in PilotState}
_TABLES: Final[dict[str, Table]] = {"coil": "coil", "discrete": "discrete", "input": "input", "holding": "holding"}
_BITS: Final = frozenset({"coil", "discrete"})
_WRITABLE: Final = frozenset({"coil", "holding"})
_STATE_FORMATS: Final[dict[str, Literal["number", "ascii_high", "ascii_low"]]] = {
    "number": "number",
    "ascii_high": "ascii_high",
    "ascii_low": "ascii_low",
}
_FRAMINGS: Final[dict[str, Literal["rtu", "tcp"]]] = {"rtu": "rtu", "tcp": "tcp"}
_WRITE_FUNCTIONS: Final[dict[str, Literal[6, 16]]] = {"FC06": 6, "FC16": 16}
_FIRMWARE_FORMATS: Final[dict[str, Literal["number", "ascii"]]] = {"number": "number", "ascii": "ascii"}
_WORD: Final = 0xFFFF
_V = TypeVar("_V")


def profile_names() -> tuple[str, ...]:
    """Names of all profiles, sorted."""
    return tuple(sorted(file.stem for file in PROFILE_DIRECTORY.glob("*.toml")))


def load_profile(name: str) -> ControllerProfile:
    """Load the profile `name`. Raises: ProfileError, a ValueError, if there is none or it cannot be used."""
    names = profile_names()
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
        raise ProfileError(f"no charge controller profile named {name!r}; {hint}")
    return parse_profile(name, (PROFILE_DIRECTORY / f"{name}.toml").read_text("utf-8"))


def parse_profile(name: str, text: str) -> ControllerProfile:
    """Read and check the text of a profile. Raises: ProfileError naming file and key."""
    file = f"{name}.toml"
    try:
        data = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"profile {file} is no TOML: {error}") from error
    fields = Fields(file, "", data)
    profile = _profile(name, fields)
    fields.done()
    return profile


def _profile(name: str, fields: Fields) -> ControllerProfile:
    line = _line(fields.table("line"))
    state = _state(fields.table("state"))
    current = _current(fields.table("current"), has_firmware="firmware" in fields.names)
    enable = _maybe(fields, "enable", _switch)
    if enable is None and not current.zero_is_off:
        fields.refuse("enable", "is missing and current.zero_is_off is not true: there is no way to switch off")
    timing = fields.table("timing")
    opening_s, stop_s = (float(timing.number(key)) for key in ("opening_time_s", "stop_opening_time_s"))
    timing.done()
    return ControllerProfile(
        name=name,
        model=fields.text("model"),
        line=line,
        state=state,
        current=current,
        opening_time_s=opening_s,
        stop_opening_time_s=stop_s,
        enforces=frozenset(fields.texts("enforces", ())),
        source=fields.texts("source"),
        unsourced=fields.texts("unsourced", ()),
        enable=enable,
        actual_current=_actual(fields),
        contactor=_maybe(fields, "contactor", _level),
        flow=_maybe(fields, "flow", _flow),
        firmware=_maybe(fields, "firmware", _firmware),
        errors=_maybe(fields, "errors", _errors),
        watchdog=_maybe(fields, "watchdog", _watchdog),
        proximity=_maybe(fields, "proximity", _proximity),
        lock=_maybe(fields, "lock", _level),
        temperatures=MappingProxyType({sensor: _measured(table) for sensor, table in fields.tables("temperatures")}),
        setup=tuple(_setup(setup, table) for setup, table in fields.tables("setup")),
        note=fields.text("note", ""),
    )


def _line(fields: Fields) -> LineDefaults:
    defaults = LineDefaults(
        framing=fields.choice("framing", _FRAMINGS),
        unit=fields.integer("unit", 1, 247, 1),
        baudrate=fields.integer("baudrate", 1200, 115_200, 9600),
        parity=fields.choice("parity", {"N": "N", "E": "E", "O": "O"}, "N"),
        stopbits=fields.integer("stopbits", 1, 2, 1),
        tcp_port=fields.integer("tcp_port", 1, 65_535, 502),
        write_gap_s=fields.integer("write_gap_ms", 0, 5000, 0) / 1000,
        write_function=fields.choice("write_function", _WRITE_FUNCTIONS),
        low_word_first=fields.choice("word_order", {"msw_first": False, "lsw_first": True}, "msw_first"),
        registers_per_point=fields.integer("registers_per_point", 0, 10_000, 0),
    )
    fields.done()
    return defaults


def _state(fields: Fields) -> StateRegister:
    span = _span(fields)
    if span.table in _BITS:
        fields.refuse("table", "must be input or holding: a state is a register")
    pilot = _by_text(fields, "pilot", _PILOTS)
    charging = frozenset(fields.texts("charging"))
    if PilotState.A not in pilot.values() or not set(pilot.values()) & {PilotState.C, PilotState.D}:
        fields.refuse("pilot", "must tell at least state A and state C or D")
    for shown in sorted(charging):
        if pilot.get(shown) not in {PilotState.C, PilotState.D}:
            fields.refuse("charging", f"names {shown!r}, which pilot does not show as C or D")
    faults = _by_text(fields, "faults", _FAULTS) if "faults" in fields.names else {}
    both = sorted(faults.keys() & pilot.keys())
    if both:
        fields.refuse("faults", f"names {both[0]!r}, which stands under pilot as well")
    state = StateRegister(
        span=span,
        format=fields.choice("format", _STATE_FORMATS),
        pilot=MappingProxyType(pilot),
        charging=charging,
        faults=MappingProxyType(faults),
        other_fault=fields.choice("other_fault", _FAULTS),
    )
    fields.done()
    return state


def _current(fields: Fields, *, has_firmware: bool) -> CurrentSetting:
    quantity = Quantity(_written(fields), "uint16", fields.number("scale"))
    fine = fields.optional_table("fine")
    if fine is not None and not has_firmware:
        fine.refuse("firmware_min", "needs a table firmware")
    setting = CurrentSetting(
        quantity=quantity,
        zero_is_off=fields.flag("zero_is_off", default=False),
        min_a=fields.number("min_a", Decimal(6)),
        fine=None if fine is None else _fine(fine),
    )
    if quantity.span.table in _BITS:
        fields.refuse("table", "must be holding: a current is a register")
    fields.done()
    return setting


def _fine(fields: Fields) -> FineSteps:
    steps = FineSteps(
        _span(fields), fields.integer("bit", 0, 15), fields.integer("firmware_min", 0, _WORD), fields.number("scale")
    )
    fields.done()
    return steps


def _switch(fields: Fields) -> Switch:
    span = _written(fields)
    largest = 1 if span.table in _BITS else _WORD
    switch = Switch(span, fields.integer("on", 0, largest, 1), fields.integer("off", 0, largest, 0))
    if switch.on == switch.off:
        fields.refuse("off", "is the same as on: there is no way to switch off")
    return switch


def _actual(fields: Fields) -> Span | None:
    found = fields.optional_table("actual_current")
    if found is None:
        return None
    span = _span(found)
    found.done()
    return span


def _level(fields: Fields) -> Level:
    span = _span(fields)
    return Level(span, fields.integers("values", 0, 1 if span.table in _BITS else _WORD))


def _flow(fields: Fields) -> Flow:
    phases = fields.integer("phases", 1, 3, 3)
    return Flow(_quantity(fields, phases), fields.number("threshold_a"))


def _measured(fields: Fields) -> Quantity:
    quantity = _quantity(fields, 1)
    fields.done()
    return quantity


def _quantity(fields: Fields, values: int) -> Quantity:
    encoding = fields.choice("type", {name: name for name in ENCODING_REGISTERS}, "uint16")
    return Quantity(_span(fields, values * ENCODING_REGISTERS[encoding]), encoding, fields.number("scale"))


def _firmware(fields: Fields) -> Firmware:
    kind = fields.choice("format", _FIRMWARE_FORMATS)
    return Firmware(_span(fields, fields.integer("count", 1, 32, 1)), kind)


def _errors(fields: Fields) -> ErrorRegister:
    span = _span(fields)
    codes = _by_number(fields, "codes", _WORD)
    bits = _by_number(fields, "bits", _WORD)
    if bool(codes) == bool(bits):
        fields.refuse("codes", "or bits is needed, not both: an error register holds one code or one bit for each")
    seen = 0
    for mask in bits:
        if mask & seen or not mask:
            fields.refuse("bits", f"has 0x{mask:X}, which overlaps with another mask, or is none")
        seen |= mask
    return ErrorRegister(span, MappingProxyType(codes), MappingProxyType(bits))


def _watchdog(fields: Fields) -> Watchdog:
    table = fields.choice("table", {"holding": "holding"}, "holding")
    timeout, fail_safe = (
        Span(_TABLES[table], fields.integer(key, 0, LAST_ADDRESS)) for key in ("timeout_address", "fail_safe_address")
    )
    if timeout == fail_safe:
        fields.refuse("fail_safe_address", "is the same as timeout_address")
    return Watchdog(timeout, fields.integer("timeout_ms", 500, 60_000), fail_safe)


def _proximity(fields: Fields) -> Proximity:
    span = _span(fields)
    table = fields.table("ampacity_a")
    ampacity = {_number(table, key, _WORD): table.number(key) for key in table.names}
    return Proximity(span, MappingProxyType(ampacity))


def _setup(name: str, fields: Fields) -> SetupValue:
    setup = SetupValue(name, _written(fields), fields.integer("value", 0, _WORD))
    fields.done()
    return setup


def _span(fields: Fields, count: int = 1) -> Span:
    table = fields.choice("table", _TABLES)
    address = fields.integer("address", 0, LAST_ADDRESS - count + 1)
    return Span(table, address, count, fields.flag("shared", default=False))


def _written(fields: Fields) -> Span:
    span = _span(fields)
    if span.table not in _WRITABLE:
        fields.refuse("table", f"is {span.table}, which cannot be written; coil or holding is needed")
    return span


def _maybe(fields: Fields, key: str, read: Callable[[Fields], _V]) -> _V | None:
    found = fields.optional_table(key)
    if found is None:
        return None
    value = read(found)
    found.done()
    return value


def _by_text(fields: Fields, key: str, known: dict[str, _V]) -> dict[str, _V]:
    table = fields.table(key)
    return {name: table.choice(name, known) for name in table.names}


def _by_number(fields: Fields, key: str, high: int) -> dict[int, Fault]:
    table = fields.optional_table(key)
    if table is None:
        return {}
    return {_number(table, name, high): table.choice(name, _FAULTS) for name in table.names}


def _number(fields: Fields, key: str, high: int) -> int:
    try:
        value = int(key, 0)
    except ValueError:
        fields.refuse(key, "is no number")
    return value if 0 <= value <= high else fields.refuse(key, f"is not from 0 to {high}")
