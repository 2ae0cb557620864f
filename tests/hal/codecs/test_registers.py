"""Register encodings against vectors computed by hand."""

import math
import struct
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.codecs.registers import Encoding, decode, decode_exponent, float32_step, scaled
from hal.meters.register_map import ENCODINGS

D = Decimal


@pytest.mark.parametrize(
    ("encoding", "words", "value"),
    [
        ("int16", [0xFFFF], D(-1)),
        ("int16", [0x7FFE], D(32766)),
        ("uint16", [0x1388], D(5000)),
        ("int32", [0x0001, 0x0002], D(65538)),
        ("int32", [0xFFFF, 0xFFFF], D(-1)),
        ("uint32", [0x8000, 0x0000], D(2147483648)),
        ("int64", [0, 0, 0x0001, 0xE240], D(123456)),
        ("uint64", [0x8000, 0, 0, 0], D(9223372036854775808)),
        ("float32", [0x4366, 0x3333], D("230.1999969482421875")),
        ("float32", [0xC2F6, 0xE979], D("-123.45600128173828125")),
        ("float32", [0x0000, 0x0000], D(0)),
        ("acc32", [0xFFFF, 0xFFFE], D(4294967294)),
        ("iskra_t5", [0xFE00, 0x59D8], D("230.00")),
        ("iskra_t5", [0xFFFF, 0xFFFE], D("1677721.4")),
        ("iskra_t6", [0xFDFF, 0xC180], D("-16.000")),
        ("iskra_t6", [0x0200, 0x0003], D(300)),
    ],
)
def test_values_are_decoded_exactly(encoding: str, words: list[int], value: Decimal) -> None:
    assert decode(words, Encoding(encoding)) == value


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("int16", [0x8000]),
        ("int16", [0x7FFF]),
        ("uint16", [0xFFFF]),
        ("int32", [0x7FFF, 0xFFFF]),
        ("int32", [0x8000, 0]),
        ("uint32", [0xFFFF, 0xFFFF]),
        ("int64", [0x7FFF, 0xFFFF, 0xFFFF, 0xFFFF]),
        ("uint64", [0xFFFF] * 4),
        ("float32", [0x7FC0, 0]),
        ("float32", [0x7F80, 0]),
        ("float32", [0xFF80, 0]),
        ("float32", [0xFFFF, 0xFFFF]),
        ("acc32", [0, 0]),
        ("acc32", [0xFFFF, 0xFFFF]),
        ("iskra_t5", [0xFFFF, 0xFFFF]),
        ("iskra_t5", [0x7F00, 1]),
        ("iskra_t6", [0x7FFF, 0xFFFF]),
    ],
)
def test_not_available_is_none_and_never_a_number(encoding: str, words: list[int]) -> None:
    assert decode(words, Encoding(encoding)) is None


def test_low_word_first_swaps_words_and_not_bytes() -> None:
    assert decode([0x0304, 0x0102], Encoding.INT32, low_word_first=True) == 0x01020304
    assert decode([4, 3, 2, 1], Encoding.UINT64, low_word_first=True) == 0x0001000200030004


def test_a_wrong_number_of_registers_is_refused() -> None:
    with pytest.raises(ValueError, match="takes 4"):
        decode([1, 2], Encoding.UINT64)


@pytest.mark.parametrize(
    ("word", "exponent"), [(0, 0), (0xFFFE, -2), (10, 10), (0xFFF6, -10), (11, None), (0x8000, None), (0x7FFF, None)]
)
def test_scale_factors_reach_from_minus_ten_to_ten(word: int, exponent: int | None) -> None:
    assert decode_exponent(word) == exponent


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_every_float32_survives_scaling_without_rounding(value: float) -> None:
    words = struct.unpack(">HH", struct.pack(">f", value))
    decoded = decode(words, Encoding.FLOAT32)
    assert decoded is not None
    in_wh = scaled(decoded, D(1000))
    assert in_wh.as_integer_ratio() == (D(value).as_integer_ratio() if not value else _ratio(value, 1000))


def _ratio(value: float, factor: int) -> tuple[int, int]:
    numerator, denominator = value.as_integer_ratio()
    divisor = math.gcd(numerator * factor, denominator)
    return numerator * factor // divisor, denominator // divisor


@pytest.mark.parametrize(("value", "step"), [(16_777_215, 1), (16_777_216, 2), (1, D(2) ** -23), (0, D(2.0**-149))])
def test_the_step_of_a_float32_register_grows_with_its_value(value: int, step: Decimal | int) -> None:
    assert float32_step(D(value)) == step


def test_the_codec_decodes_every_encoding_that_a_map_may_name() -> None:
    assert {encoding.value for encoding in Encoding} == ENCODINGS
