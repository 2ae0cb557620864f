"""Register maps of energy meters (value): one TOML file per model, and the loader that trusts none of it.

A map states what its sources state: zero-based addresses, encodings, scales to V, A, W, Wh and Hz. Whether a model may
be billed from is part of the map; a model that may not is refused by name.
"""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hal.api import HardwareFault
from hal.value import dataclass

MAP_DIRECTORY = Path(__file__).parent
DEFAULT_MAX_REGISTERS = 60
"""Registers asked for at once if the map states no limit; the protocol allows 125."""
PROTOCOL_MAX_REGISTERS = 125
LAST_ADDRESS = 0xFFFF
READ_FUNCTIONS = (3, 4)
ENCODINGS = frozenset(
    {"int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "acc32", "iskra_t5", "iskra_t6"}
)
"""Names that `hal.codecs.registers.Encoding` decodes."""
UNITS = frozenset({"V", "A", "W", "VA", "var", "Wh", "Hz", ""})
_KEYS = frozenset(
    {
        "model",
        "function",
        "word_order",
        "max_registers",
        "sunspec_models",
        "billing_refused",
        "coarse_register",
        "source",
        "note",
        "points",
    }
)
_POINT_KEYS = frozenset({"address", "type", "scale", "exponent", "unit"})


@dataclass(frozen=True, slots=True)
class RegisterPoint:
    """One quantity: raw value times `scale`, times ten to the power found at `exponent_address`, in `unit`."""

    address: int
    encoding: str
    scale: Decimal
    unit: str
    exponent_address: int | None = None


@dataclass(frozen=True, slots=True)
class RegisterMap:
    """Everything known of one meter model; with SunSpec, addresses count from the model's ID register."""

    name: str
    model: str
    function: int
    low_word_first: bool
    max_registers: int
    points: Mapping[str, RegisterPoint]
    bills: bool
    """True if its energy register may be billed from."""
    billing_refused: str | None = None
    """Why no energy register of it can be used at all."""
    coarse_register: str | None = None
    """Why billing from its energy register needs the operator's consent."""
    sunspec_models: tuple[int, ...] = ()
    source: tuple[str, ...] = ()
    note: str = ""


def meter_names() -> tuple[str, ...]:
    """Names of all maps, sorted."""
    return tuple(sorted(file.stem for file in MAP_DIRECTORY.glob("*.toml")))


def load_register_map(name: str, *, billing: bool = True, allow_coarse_register: bool = False) -> RegisterMap:
    """Load the map `name`.

    Raises: ValueError if there is no such map; HardwareFault if `billing` is asked of a model that cannot bill, or of a
    coarse register without `allow_coarse_register`.
    """
    names = meter_names()
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
        raise ValueError(f"no register map named {name!r}; {hint}")
    register_map = parse_register_map(name, (MAP_DIRECTORY / f"{name}.toml").read_text("utf-8"))
    if allow_coarse_register and register_map.billing_refused is None:
        register_map = replace(register_map, bills=True)
    if billing and not register_map.bills:
        reason = register_map.billing_refused or f"{register_map.coarse_register} (allow_coarse_register permits it)"
        raise HardwareFault(f"{register_map.model} ({name}) cannot be billed from: {reason}")
    return register_map


def parse_register_map(name: str, text: str) -> RegisterMap:
    """Read and check the text of a map. Raises: ValueError naming the map and what is wrong."""
    try:
        data = tomllib.loads(text, parse_float=Decimal)
        return _register_map(name, data)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"register map {name!r}: {error}") from error


def _register_map(name: str, data: Mapping[str, Any]) -> RegisterMap:  # Any: parsed TOML, checked here
    _refuse_unknown(data, _KEYS)
    points = {point: _point(point, fields) for point, fields in data["points"].items()}
    refused, coarse = data.get("billing_refused"), data.get("coarse_register")
    has_energy = "energy_import" in points
    _require(has_energy != (refused is not None), "energy_import and billing_refused exclude each other, one is needed")
    _require(data["word_order"] in {"msw_first", "lsw_first"}, f"word_order {data['word_order']!r}")
    return RegisterMap(
        name=name,
        model=_text(data["model"]),
        function=_integer("function", data["function"], *READ_FUNCTIONS),
        low_word_first=data["word_order"] == "lsw_first",
        max_registers=_integer(
            "max_registers", data.get("max_registers", DEFAULT_MAX_REGISTERS), 4, PROTOCOL_MAX_REGISTERS
        ),
        points=MappingProxyType(points),
        bills=refused is None and coarse is None,
        billing_refused=refused,
        coarse_register=coarse,
        sunspec_models=tuple(
            _integer("sunspec_models", m, 1, LAST_ADDRESS - 1) for m in data.get("sunspec_models", ())
        ),
        source=tuple(_text(source) for source in data["source"]),
        note=_text(data.get("note", "")),
    )


def _point(name: str, fields: Mapping[str, Any]) -> RegisterPoint:  # Any: parsed TOML, checked here
    _refuse_unknown(fields, _POINT_KEYS)
    scale = fields["scale"]
    _require(fields["type"] in ENCODINGS, f"{name}: type {fields['type']!r}")
    _require(fields["unit"] in UNITS, f"{name}: unit {fields['unit']!r}")
    _require(
        isinstance(scale, (int, Decimal)) and not isinstance(scale, bool) and scale > 0, f"{name}: scale {scale!r}"
    )
    exponent = fields.get("exponent")
    return RegisterPoint(
        address=_integer(name, fields["address"], 0, LAST_ADDRESS - 3),
        encoding=fields["type"],
        scale=Decimal(scale),
        unit=fields["unit"],
        exponent_address=None if exponent is None else _integer(name, exponent, 0, LAST_ADDRESS),
    )


def _refuse_unknown(data: Mapping[str, Any], known: frozenset[str]) -> None:  # Any: parsed TOML
    _require(not (unknown := set(data) - known), f"unknown key {', '.join(sorted(unknown))}")


def _integer(name: str, value: object, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{name}: {value!r} is not from {low} to {high}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _require(condition: bool, problem: str) -> None:  # noqa: FBT001 - reads as an assertion
    if not condition:
        raise ValueError(problem)
