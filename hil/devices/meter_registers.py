"""What a simulated meter holds in its registers: engineering values in, register image out (rule).

The map files are read as data; the encoding is written here once more, so that a misreading of the driver's decoder
cannot hide. Energy is rounded down to the register's step: a meter does not count what has not flowed.
Source: facts meters.yaml, types and scales.
"""

import struct
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from importlib.resources import files
from typing import Any

SUNSPEC_BASE = 40000
SUNSPEC_MARK = (0x5375, 0x6E53)
SUNSPEC_COMMON_LENGTH = 66
SUNSPEC_LENGTHS = {204: 105, 213: 124}
SUNSPEC_END = (0xFFFF, 0)
SUNSPEC_EXPONENTS = {"A": -2, "V": -1, "Hz": -2, "W": 1, "Wh": 0}
COUNTER_EXPONENT = -1
"""Decimal exponent that counters with an exponent register use here: 0.1 Wh."""
FINEST_EXPONENT = -3
REGISTERS = {"int16": 1, "uint16": 1, "int64": 4, "uint64": 4}
"""Registers per type; two unless named."""
_INTEGER_FORMATS = {"int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "int64": ">q", "uint64": ">Q"}


@dataclass(frozen=True, slots=True)
class MeterValues:
    """What the meter measures now, in engineering units; per-phase values are L1 first, absent ones None."""

    energy_import_wh: Decimal
    energy_export_wh: Decimal = Decimal(0)
    voltage_v: tuple[float | None, ...] = (230.0, 230.0, 230.0)
    current_a: tuple[float | None, ...] = (0.0, 0.0, 0.0)
    power_w: float | None = None
    """Total; None: the sum over the phases of voltage times current."""
    frequency_hz: float | None = 50.0
    has_energy: bool = True
    """False: it shows no energy at all."""

    def by_point(self) -> dict[str, Decimal | None]:
        """Name them as the map files do."""
        phases = [
            None if v is None or a is None else v * a for v, a in zip(self.voltage_v, self.current_a, strict=True)
        ]
        total = self.power_w if self.power_w is not None else sum(power or 0.0 for power in phases)
        points: dict[str, float | Decimal | None] = {
            "energy_import": self.energy_import_wh,
            "energy_export": self.energy_export_wh,
            "energy_sum": self.energy_import_wh + self.energy_export_wh,
            "power_total": total,
            "frequency": self.frequency_hz,
            "current_total": sum(current or 0.0 for current in self.current_a),
        }
        for name, values in (("voltage", self.voltage_v), ("current", self.current_a), ("power", phases)):
            points |= {f"{name}_l{phase}": value for phase, value in enumerate(values, start=1)}
        absent = () if self.has_energy else ("energy_import", "energy_export", "energy_sum")
        return {name: None if value is None or name in absent else Decimal(value) for name, value in points.items()}


@dataclass(frozen=True)
class SimulatedRegisters:
    """Register layout of one meter model."""

    name: str
    function: int
    low_word_first: bool
    points: Mapping[str, Mapping[str, Any]]
    sunspec_models: tuple[int, ...] = ()
    max_registers: int = 125
    base: int = field(init=False, default=0)
    """Added to every address: where the SunSpec model begins."""

    def __post_init__(self) -> None:
        if self.sunspec_models:
            object.__setattr__(self, "base", SUNSPEC_BASE + len(SUNSPEC_MARK) + 2 + SUNSPEC_COMMON_LENGTH)

    def image(self, values: MeterValues) -> dict[int, int]:
        """Every readable register and its content; a register that is not here may not be read."""
        known = values.by_point()
        image = self._sunspec_body()
        for name, point in self.points.items():
            exponent = self._exponent(point)
            step = Decimal(point["scale"]).scaleb(exponent or 0)
            rounding = ROUND_FLOOR if point["unit"] == "Wh" else ROUND_HALF_EVEN
            words = encode(known.get(name), point["type"], step, rounding)
            if self.low_word_first:
                words = words[::-1]
            if exponent is not None:
                image[self.base + point["exponent"]] = exponent & 0xFFFF
            image.update({self.base + point["address"] + i: word for i, word in enumerate(words)})
        return image

    def _exponent(self, point: Mapping[str, Any]) -> int | None:
        if "exponent" not in point:
            return None
        return SUNSPEC_EXPONENTS[point["unit"]] if self.sunspec_models else COUNTER_EXPONENT

    def _sunspec_body(self) -> dict[int, int]:
        if not self.sunspec_models:
            return {}
        model = self.sunspec_models[-1]
        common = (1, SUNSPEC_COMMON_LENGTH, *(0,) * SUNSPEC_COMMON_LENGTH)
        body = (model, SUNSPEC_LENGTHS[model], *(0,) * SUNSPEC_LENGTHS[model])
        return dict(enumerate((*SUNSPEC_MARK, *common, *body, *SUNSPEC_END), start=SUNSPEC_BASE))


def load_simulated_registers(name: str) -> SimulatedRegisters:
    """Layout of one model by the name of its map file. Raises: ValueError naming the known ones if there is none."""
    maps = {file.name.removesuffix(".toml"): file for file in files("hal.meters").iterdir() if ".toml" in file.name}
    if name not in maps:
        raise ValueError(f"no register map named {name!r}; known: {', '.join(sorted(maps))}")
    data = tomllib.loads(maps[name].read_text("utf-8"), parse_float=Decimal)
    return SimulatedRegisters(
        name=name,
        function=data["function"],
        low_word_first=data["word_order"] == "lsw_first",
        points=data["points"],
        sunspec_models=tuple(data.get("sunspec_models", ())),
        max_registers=data.get("max_registers", 125),
    )


def encode(value: Decimal | None, kind: str, step: Decimal, rounding: str = ROUND_HALF_EVEN) -> tuple[int, ...]:
    """Encode one value as registers, most significant first; `step` is what a raw 1 stands for."""
    if kind == "float32":
        return _words(struct.pack(">f", float("nan") if value is None else float(value / step)))
    if kind in {"iskra_t5", "iskra_t6"}:
        return _words(_iskra(value))
    if kind == "acc32":
        return _words(struct.pack(">I", 0 if value is None else _rounded(value / step, rounding) % 2**32))
    return _words(struct.pack(_INTEGER_FORMATS[kind], _integer(value, kind, step, rounding)))


def _integer(value: Decimal | None, kind: str, step: Decimal, rounding: str) -> int:
    """Raw integer; what is absent or does not fit shows as "not available"."""
    signed = not kind.startswith("u")
    highest = 2 ** (16 * REGISTERS.get(kind, 2) - signed) - 1
    raw = highest if value is None else _rounded(value / step, rounding)
    return raw if (-highest - 1) * signed <= raw <= highest else highest


def _rounded(value: Decimal, rounding: str) -> int:
    return int(value.to_integral_value(rounding=rounding))


def _iskra(value: Decimal | None) -> bytes:
    if value is None:
        return b"\xff\xff\xff\xff"
    exponent = FINEST_EXPONENT
    while abs(mantissa := _rounded(value.scaleb(-exponent), ROUND_HALF_EVEN)) >= 2**23:
        exponent += 1
    return struct.pack(">b", exponent) + (mantissa & 0xFFFFFF).to_bytes(3, "big")


def _words(data: bytes) -> tuple[int, ...]:
    return struct.unpack(f">{len(data) // 2}H", data)
