"""Values in 16-bit Modbus registers (rule): words in, exact Decimal out, None for "not available".

Nothing is rounded: a float32 becomes the decimal number that its bits stand for, then it is scaled. Between two float32
values nothing can be shown; `float32_step` tells how far apart they are (16.7 million Wh: 1 Wh, and 2 Wh above).
Source: facts meters.yaml; SunSpec's not-implemented values; IEEE 754.
"""

import math
import struct
from collections.abc import Sequence
from decimal import Context, Decimal, Inexact
from enum import Enum

_EXACT = Context(prec=200, traps=[Inexact])
"""float32 needs 112 digits at most."""
_FLOAT32_MANTISSA_BITS = 24
_FLOAT32_MIN_STEP_EXPONENT = -149
_MAX_EXPONENT = 10
"""SunSpec scale factors reach from -10 to 10; anything beyond is no exponent."""
ACC32_MODULUS = 2**32


class Encoding(Enum):
    """How a value lies in its registers, by the name used in the map files."""

    INT16 = "int16"
    UINT16 = "uint16"
    INT32 = "int32"
    UINT32 = "uint32"
    INT64 = "int64"
    UINT64 = "uint64"
    FLOAT32 = "float32"
    ACC32 = "acc32"
    """SunSpec accumulator: unsigned, wraps, 0 means that nothing was accumulated."""
    ISKRA_T5 = "iskra_t5"
    """Signed 8-bit decimal exponent, unsigned 24-bit mantissa."""
    ISKRA_T6 = "iskra_t6"
    """The same with a signed mantissa."""

    @property
    def registers(self) -> int:
        """Registers that one value takes."""
        return {"int16": 1, "uint16": 1, "int64": 4, "uint64": 4}.get(self.value, 2)


_SIGNED = frozenset({Encoding.INT16, Encoding.INT32, Encoding.INT64})


def decode(words: Sequence[int], encoding: Encoding, *, low_word_first: bool = False) -> Decimal | None:
    """Decode one value; None if the registers say that it is not available.

    Raises: ValueError if the number of words is not the encoding's.
    """
    if len(words) != encoding.registers:
        raise ValueError(f"{encoding.value} takes {encoding.registers} registers, not {len(words)}")
    ordered = reversed(words) if low_word_first else words
    data = b"".join(word.to_bytes(2, "big") for word in ordered)
    if encoding is Encoding.FLOAT32:
        return _float32(data)
    if encoding in {Encoding.ISKRA_T5, Encoding.ISKRA_T6}:
        return _iskra(data, signed=encoding is Encoding.ISKRA_T6)
    if encoding in _SIGNED:
        return _signed(data)
    return _unsigned(data, zero_is_absent=encoding is Encoding.ACC32)


def decode_exponent(word: int) -> int | None:
    """Signed power of ten in one register; None if not implemented (0x8000) or out of range."""
    exponent = int.from_bytes(word.to_bytes(2, "big"), "big", signed=True)
    return exponent if abs(exponent) <= _MAX_EXPONENT else None


def scaled(raw: Decimal, scale: Decimal, exponent: int = 0) -> Decimal:
    """Multiply by `scale` and ten to the power of `exponent`, exactly."""
    return _EXACT.scaleb(_EXACT.multiply(raw, scale), exponent)


def float32_step(value: Decimal) -> Decimal:
    """Distance from `value` to the next float32 above it, in the unit of `value`."""
    _, exponent = math.frexp(float(value))
    step_exponent = max(exponent - _FLOAT32_MANTISSA_BITS, _FLOAT32_MIN_STEP_EXPONENT)
    if not value:
        step_exponent = _FLOAT32_MIN_STEP_EXPONENT
    return Decimal(math.ldexp(1.0, step_exponent))


def _float32(data: bytes) -> Decimal | None:
    (value,) = struct.unpack(">f", data)
    return Decimal(value) if math.isfinite(value) else None


def _signed(data: bytes) -> Decimal | None:
    value = int.from_bytes(data, "big", signed=True)
    limit = 1 << (8 * len(data) - 1)
    return None if value in {-limit, limit - 1} else Decimal(value)


def _unsigned(data: bytes, *, zero_is_absent: bool) -> Decimal | None:
    value = int.from_bytes(data, "big")
    if value == (1 << 8 * len(data)) - 1 or (zero_is_absent and value == 0):
        return None
    return Decimal(value)


def _iskra(data: bytes, *, signed: bool) -> Decimal | None:
    exponent = int.from_bytes(data[:1], "big", signed=True)
    all_ones = not signed and data == b"\xff" * len(data)
    if all_ones or abs(exponent) > _MAX_EXPONENT:
        return None
    return scaled(Decimal(int.from_bytes(data[1:], "big", signed=signed)), Decimal(1), exponent)
