"""The simulated meter, checked with frames written by hand from the Modbus specification."""

import asyncio
import struct
from decimal import Decimal
from importlib.resources import files

import pytest

from hil.devices.meter_registers import MeterValues, encode, load_simulated_registers
from hil.devices.modbus_meter import MeterMode, SimulatedMeter
from hil.virtual_time import run_virtual

MAPS = sorted(file.name.removesuffix(".toml") for file in files("hal.meters").iterdir() if file.name.endswith(".toml"))
READ_ENERGY = bytes.fromhex("01 04 0048 0002 F1DD")
"""Unit 1, input registers, 0x48, two of them."""
VALUES = MeterValues(Decimal(1500), voltage_v=(230.0, 231.0, 229.0), current_a=(16.0, 16.0, 16.0))


def meter(name: str = "eastron_sdm630", unit: int = 1) -> tuple[SimulatedMeter, list[bytes]]:
    simulated = SimulatedMeter(name, unit, "rtu")
    replies: list[bytes] = []
    simulated.output = replies.append
    simulated.set_source(lambda: VALUES)
    return simulated, replies


def crc(body: bytes) -> bytes:
    """CRC-16 of Modbus over serial line V1.02, 6.2.2, bit by bit."""
    register = 0xFFFF
    for byte in body:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0xA001 if register & 1 else 0)
    return register.to_bytes(2, "little")


def request(unit: int, function: int, address: int, count: int) -> bytes:
    body = struct.pack(">BBHH", unit, function, address, count)
    return body + crc(body)


def test_energy_is_answered_in_the_units_of_the_register() -> None:
    simulated, replies = meter()
    simulated.receive(READ_ENERGY)
    body = b"\x01\x04\x04" + struct.pack(">f", 1.5)
    assert replies == [body + crc(body)]


def test_a_request_is_understood_byte_by_byte_and_after_junk() -> None:
    simulated, replies = meter()
    for byte in b"\x00\xff\x01\x04\x00" + READ_ENERGY:
        simulated.receive(bytes([byte]))
    assert len(replies) == 1


def test_a_request_with_a_wrong_checksum_is_not_answered() -> None:
    simulated, replies = meter()
    simulated.receive(READ_ENERGY[:-1] + b"\x00")
    assert replies == []


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (request(1, 3, 0x48, 2), 1),
        (request(1, 6, 0x48, 2), 1),
        (request(1, 4, 0x12, 2), 2),
        (request(1, 4, 0x10, 4), 2),
        (request(1, 4, 0, 81), 3),
    ],
    ids=["other_table", "write", "unlisted_register", "partly_unlisted", "more_than_the_model_allows"],
)
def test_what_the_model_does_not_offer_is_refused_with_its_exception(asked: bytes, code: int) -> None:
    simulated, replies = meter()
    simulated.receive(asked)
    assert replies[0][1:3] == bytes([asked[1] | 0x80, code])


def test_meters_on_one_line_answer_only_for_themselves() -> None:
    first, second = SimulatedMeter("eastron_sdm630", 1), SimulatedMeter("eastron_sdm120", 2)
    replies: list[bytes] = []
    for simulated in (first, second):
        simulated.output = replies.append
        simulated.receive(request(2, 4, 0, 2) + request(3, 4, 0, 2))
    assert [reply[0] for reply in replies] == [2]
    assert (len(first.requests), len(second.requests)) == (0, 1)


def test_tcp_replies_carry_the_transaction_of_the_request() -> None:
    simulated = SimulatedMeter("eastron_sdm630", 1, "tcp")
    replies: list[bytes] = []
    simulated.output = replies.append
    simulated.receive(bytes.fromhex("BEEF 0000 0006 01 04 0048"))
    simulated.receive(bytes.fromhex("0002"))
    assert replies == [bytes.fromhex("BEEF 0000 0007 01 04 04 00000000")]


def test_silent_answers_nothing_and_wrong_unit_answers_as_another() -> None:
    simulated, replies = meter()
    simulated.mode = MeterMode.SILENT
    simulated.receive(READ_ENERGY)
    assert replies == []
    simulated.mode = MeterMode.WRONG_UNIT
    simulated.receive(READ_ENERGY)
    assert replies[0][0] == 2


def test_garbage_answers_bytes_that_are_no_frame() -> None:
    simulated, replies = meter()
    simulated.mode = MeterMode.GARBAGE
    simulated.receive(READ_ENERGY)
    assert len(replies) == 1
    assert crc(replies[0][:-2]) != replies[0][-2:]


def test_backwards_shows_less_energy_than_before() -> None:
    simulated, replies = meter()
    simulated.receive(READ_ENERGY)
    simulated.mode = MeterMode.BACKWARDS
    simulated.receive(READ_ENERGY)
    before, after = (struct.unpack(">f", reply[3:7])[0] for reply in replies)
    assert after < before


def test_slow_answers_late_and_right() -> None:
    async def story() -> list[bytes]:
        simulated, replies = meter()
        simulated.mode = MeterMode.SLOW
        simulated.delay_s = 3.0
        simulated.receive(READ_ENERGY)
        await asyncio.sleep(2.9)
        assert replies == []
        await asyncio.sleep(0.2)
        return replies

    assert len(run_virtual(story())) == 1


@pytest.mark.parametrize("name", MAPS)
def test_every_model_offers_each_documented_register(name: str) -> None:
    layout = load_simulated_registers(name)
    image = layout.image(VALUES)
    assert all(0 <= word <= 0xFFFF for word in image.values())
    assert all(layout.base + point["address"] in image for point in layout.points.values())


def test_low_word_comes_first_where_the_model_says_so() -> None:
    image = load_simulated_registers("carlo_gavazzi_em340").image(MeterValues(Decimal(7_000_050)))
    assert (image[0x34], image[0x35]) == (70_000 & 0xFFFF, 70_000 >> 16)


def test_sunspec_model_is_reached_by_walking_from_the_mark() -> None:
    image = load_simulated_registers("sunspec_201_204").image(VALUES)
    assert (image[40000], image[40001]) == (0x5375, 0x6E53)
    model = 40002 + 2 + image[40003]
    assert image[model] == 204
    assert image[model + 2 + image[model + 1]] == 0xFFFF


@pytest.mark.parametrize(
    ("value", "kind", "step", "words"),
    [
        (Decimal("230.1"), "uint32", Decimal("0.1"), (0, 2301)),
        (Decimal(-5), "int16", Decimal("0.1"), (0xFFCE,)),
        (Decimal(2**32 + 5), "acc32", Decimal(1), (0, 5)),
        (Decimal("230.125"), "iskra_t5", Decimal(1), (0xFD03, 0x82ED)),
        (Decimal(-16), "iskra_t6", Decimal(1), (0xFDFF, 0xC180)),
        (None, "uint64", Decimal(1), (0xFFFF,) * 4),
        (None, "int32", Decimal(1), (0x7FFF, 0xFFFF)),
        (Decimal(40_000), "int16", Decimal(1), (0x7FFF,)),
        (Decimal(-1), "uint16", Decimal(1), (0xFFFF,)),
        (None, "acc32", Decimal(1), (0, 0)),
    ],
)
def test_values_are_encoded(value: Decimal | None, kind: str, step: Decimal, words: tuple[int, ...]) -> None:
    assert encode(value, kind, step) == words


def test_an_unknown_model_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="nonesuch"):
        SimulatedMeter("nonesuch")
