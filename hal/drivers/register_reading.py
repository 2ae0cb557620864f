"""From a register map to reads, and from registers to quantities (rule).

Only documented registers are asked for: a strict meter refuses a read that touches another. Inside a SunSpec model
every register is defined, so gaps are read over and a scale factor comes in the same reply as its values. The energy
register is read last: the sample's time is its time.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from hal.codecs.registers import ACC32_MODULUS, Encoding, decode, decode_exponent, float32_step, scaled
from hal.meters.register_map import RegisterMap, RegisterPoint
from hal.value import dataclass

PHASES = (1, 2, 3)
SUNSPEC_HEADER = (0, 2)
"""ID and length: read with every sample, because a device may rearrange its models."""
SAMPLED = (
    "energy_import",
    "energy_export",
    "power_total",
    "frequency",
    *(f"{quantity}_l{phase}" for quantity in ("voltage", "current", "power") for phase in PHASES),
)


@dataclass(frozen=True, slots=True)
class Block:
    """Registers to read at once."""

    address: int
    count: int


@dataclass(frozen=True, slots=True)
class Quantity:
    """One decoded value; `step` is what one raw unit is worth, `modulus` where an accumulator starts again."""

    value: Decimal | None
    step: Decimal
    modulus: Decimal | None


ABSENT = Quantity(None, Decimal(0), None)


def plan_reads(register_map: RegisterMap) -> tuple[Block, ...]:
    """Fewest reads that cover the sampled quantities, the one with the energy register last."""
    points = [register_map.points[name] for name in SAMPLED if name in register_map.points]
    spans = [(point.address, Encoding(point.encoding).registers) for point in points]
    spans += [(point.exponent_address, 1) for point in points if point.exponent_address is not None]
    if register_map.sunspec_models:
        spans.append(SUNSPEC_HEADER)
    blocks = _join(sorted(set(spans)), register_map.max_registers, over_gaps=bool(register_map.sunspec_models))
    energy = register_map.points.get("energy_import")
    return tuple(sorted(blocks, key=lambda block: energy is not None and _covers(block, energy.address)))


def quantity(register_map: RegisterMap, name: str, words: Mapping[int, int]) -> Quantity:
    """Decode one quantity out of registers by address; ABSENT if the model does not have it or it is not available."""
    point = register_map.points.get(name)
    if point is None:
        return ABSENT
    encoding = Encoding(point.encoding)
    raw = decode(
        [words[point.address + offset] for offset in range(encoding.registers)],
        encoding,
        low_word_first=register_map.low_word_first,
    )
    exponent = 0 if point.exponent_address is None else decode_exponent(words[point.exponent_address])
    if raw is None or exponent is None:
        return ABSENT
    return _quantity(point, encoding, raw, exponent)


def phases(register_map: RegisterMap, name: str, words: Mapping[int, int]) -> tuple[Decimal | None, ...]:
    """Decode L1 to the last phase that the model has of a quantity."""
    present = [phase for phase in PHASES if f"{name}_l{phase}" in register_map.points]
    return tuple(quantity(register_map, f"{name}_l{phase}", words).value for phase in present)


def _quantity(point: RegisterPoint, encoding: Encoding, raw: Decimal, exponent: int) -> Quantity:
    raw_step = float32_step(raw) if encoding is Encoding.FLOAT32 else Decimal(1)
    modulus = scaled(Decimal(ACC32_MODULUS), point.scale, exponent) if encoding is Encoding.ACC32 else None
    return Quantity(scaled(raw, point.scale, exponent), scaled(raw_step, point.scale, exponent), modulus)


def _join(spans: Sequence[tuple[int, int]], max_registers: int, *, over_gaps: bool) -> list[Block]:
    blocks: list[Block] = []
    for address, count in spans:
        end = address + count
        last = blocks[-1] if blocks else None
        adjoins = last is not None and (over_gaps or address <= last.address + last.count)
        if last is not None and adjoins and end - last.address <= max_registers:
            blocks[-1] = Block(last.address, max(last.count, end - last.address))
        else:
            blocks.append(Block(address, count))
    return blocks


def _covers(block: Block, address: int) -> bool:
    return block.address <= address < block.address + block.count
