"""Frames from the Modbus specification, byte by byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.api import BadFrameError
from hal.codecs.modbus_frame import (
    Exchange,
    Framing,
    OutOfStepError,
    ReadRequest,
    Refused,
    Registers,
    WriteRequest,
)

REQUEST = ReadRequest(unit=1, function=4, address=0x48, count=2)
RTU_REQUEST = bytes.fromhex("01 04 0048 0002 F1DD")
RTU_REFUSAL = bytes.fromhex("01 84 02 C2C1")
TCP_REPLY = bytes.fromhex("0007 0000 0007 01 04 04 43660000")


def crc(body: bytes) -> bytes:
    """CRC-16 of Modbus over serial line V1.02, 6.2.2, bit by bit."""
    register = 0xFFFF
    for byte in body:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0xA001 if register & 1 else 0)
    return register.to_bytes(2, "little")


def exchange(framing: Framing) -> Exchange:
    return Exchange(framing, REQUEST, 7)


def test_requests_are_framed_as_the_specification_shows() -> None:
    assert exchange("rtu").frame == RTU_REQUEST
    assert exchange("tcp").frame == bytes.fromhex("0007 0000 0006 01 04 0048 0002")


def test_a_reply_is_read() -> None:
    body = bytes.fromhex("01 04 04 43660000")
    assert exchange("rtu").feed(body + crc(body)) == Registers((0x4366, 0))
    assert exchange("tcp").feed(TCP_REPLY) == Registers((0x4366, 0))


def test_an_exception_is_read() -> None:
    assert exchange("rtu").feed(RTU_REFUSAL) == Refused(2)
    assert exchange("tcp").feed(bytes.fromhex("0007 0000 0003 01 84 0B")) == Refused(11)


@pytest.mark.parametrize(
    "reply",
    ["0006 0000 0007 01 04 04 43660000", "0007 0000 0007 02 04 04 43660000", "0007 0000 0007 01 03 04 43660000",
     "0007 0000 0005 01 04 02 4366", "0007 0000 0009 01 04 04 4366000011", "0007 0000 0003 01 83 02"],
    ids=["transaction", "unit", "function", "count", "length", "exception_of_other_function"],
)  # fmt: skip
def test_a_tcp_reply_to_something_else_is_dropped_and_the_right_one_behind_it_found(reply: str) -> None:
    searching = exchange("tcp")
    data = bytes.fromhex(reply)
    size = 6 + int.from_bytes(data[4:6], "big")
    assert searching.feed(data[:size].ljust(size, b"\x11")) is None
    assert searching.dropped == 1
    assert searching.feed(TCP_REPLY) == Registers((0x4366, 0))


@pytest.mark.parametrize("header", ["0007 0001 0007 01", "0007 0000 0001 01", "0007 0000 FFFF 01"])
def test_a_tcp_stream_that_is_no_modbus_stream_is_given_up(header: str) -> None:
    with pytest.raises(OutOfStepError):
        exchange("tcp").feed(bytes.fromhex(header))


def test_a_line_that_never_stops_talking_is_given_up() -> None:
    with pytest.raises(BadFrameError):
        exchange("rtu").feed(b"\x01" * 5000)


@given(st.binary(max_size=60), st.integers(1, 9))
def test_a_good_rtu_reply_is_found_behind_any_junk_however_it_is_cut(junk: bytes, piece: int) -> None:
    body = bytes.fromhex("01 04 04 43660000")
    searching = exchange("rtu")
    data = junk + body + crc(body)
    found = [searching.feed(data[i : i + piece]) for i in range(0, len(data), piece)]
    assert any(reply is not None for reply in found)


@given(st.sampled_from(["rtu", "tcp"]), st.lists(st.binary(max_size=30), max_size=6))
def test_no_bytes_raise_anything_but_a_bad_frame(framing: Framing, parts: list[bytes]) -> None:
    searching = exchange(framing)
    try:
        replies = [searching.feed(part) for part in parts]
    except BadFrameError:
        return
    assert all(reply is None or isinstance(reply, Registers | Refused) for reply in replies)


@pytest.mark.parametrize("field", [{"unit": 256}, {"function": 6}, {"count": 0}, {"count": 126}, {"address": 0xFFFF}])
def test_what_no_frame_can_carry_is_refused(field: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="no such Modbus read"):
        ReadRequest(**({"unit": 1, "function": 4, "address": 0, "count": 2} | field))


WRITE = WriteRequest(unit=17, address=1, words=(0x000A, 0x0102))


def test_a_write_is_framed_as_the_specification_shows() -> None:
    body = bytes.fromhex("11 10 0001 0002 04 000A 0102")
    assert Exchange("rtu", WRITE, 7).frame == body + crc(body)
    assert Exchange("tcp", WRITE, 7).frame == bytes.fromhex("0007 0000 000B") + body


def test_a_write_is_confirmed_by_its_address_and_count_alone() -> None:
    confirmation = bytes.fromhex("11 10 0001 0002")
    other = bytes.fromhex("11 10 0002 0002")
    searching = Exchange("rtu", WRITE, 7)
    assert searching.feed(searching.frame + other + crc(other)) is None
    assert searching.feed(confirmation + crc(confirmation)) == Registers(())
    refusal = bytes.fromhex("11 90 03")
    assert Exchange("rtu", WRITE, 7).feed(refusal + crc(refusal)) == Refused(3)


@pytest.mark.parametrize(
    ("address", "words"),
    [(0, ()), (0, (0x10000,)), (0, (1,) * 124), (0xFFFF, (1, 2))],
    ids=["none", "too large", "too many", "past the end"],
)
def test_a_write_that_the_protocol_does_not_know_is_refused(address: int, words: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="no such Modbus write"):
        WriteRequest(unit=1, address=address, words=words)


def test_single_registers_and_coils_are_framed_as_the_specification_shows() -> None:
    # Modbus application protocol V1.1b3, 6.5 and 6.6: output 173 on, register 2 set to 3
    assert Exchange("tcp", WriteRequest(1, 0xAC, (1,), 5), 7).frame == bytes.fromhex("0007 0000 0006 01 05 00AC FF00")
    assert Exchange("tcp", WriteRequest(1, 1, (3,), 6), 7).frame == bytes.fromhex("0007 0000 0006 01 06 0001 0003")


def test_bits_are_read_lowest_first() -> None:
    # V1.1b3, 6.1: outputs 20-38 are CD 6B 05
    asked = Exchange("tcp", ReadRequest(1, 1, 0x13, 19), 7)
    reply = asked.feed(bytes.fromhex("0007 0000 0006 01 01 03 CD6B05"))
    assert reply == Registers((1, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1))


@pytest.mark.parametrize("other", ["0002 0003", "0001 0004"], ids=["address", "value"])
def test_a_write_of_one_register_is_answered_by_its_own_address_and_value_only(other: str) -> None:
    body, wrong = bytes.fromhex("01 06 0001 0003"), bytes.fromhex("01 06" + other)
    asked = Exchange("rtu", WriteRequest(1, 1, (3,), 6), 7)
    assert asked.feed(wrong + crc(wrong)) is None
    assert asked.feed(body + crc(body)) == Registers(())
    assert asked.dropped == 1


def test_on_a_line_that_echoes_only_the_second_copy_of_a_write_is_its_reply() -> None:
    asked = Exchange("rtu", WriteRequest(1, 1, (3,), 6), 7, echoes=True)
    assert asked.feed(asked.frame) is None
    assert asked.feed(asked.frame) == Registers(())


def test_a_read_tells_whether_the_line_echoes() -> None:
    body = bytes.fromhex("01 04 04 43660000")
    quiet, echoing = exchange("rtu"), exchange("rtu")
    quiet.feed(body + crc(body))
    echoing.feed(RTU_REQUEST + body + crc(body))
    assert (quiet.echoed, echoing.echoed) == (False, True)


@pytest.mark.parametrize(("words", "function"), [((2,), 5), ((1, 2), 6), ((), 6), ((1,), 15), ((0x10000,), 6)])
def test_a_write_that_no_device_could_carry_out_is_refused(words: tuple[int, ...], function: int) -> None:
    with pytest.raises(ValueError, match="no such Modbus write"):
        WriteRequest(1, 0, words, function)
