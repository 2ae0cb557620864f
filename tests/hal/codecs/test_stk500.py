"""STK500 version 1 as boot loaders of the Arduino kind speak it. Source: Atmel AVR061, sections 2 to 4."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.api import BadFrameError, DeviceRefusedError
from hal.codecs.stk500 import (
    ATMEGA328P,
    ENTER_PROGRAMMING,
    GET_SYNC,
    LEAVE_PROGRAMMING,
    READ_SIGNATURE,
    SOFTWARE_MAJOR,
    get_parameter,
    jump_to_loader,
    load_address,
    pages,
    program_page,
    read_page,
    take_answer,
)


@pytest.mark.parametrize(
    ("request_bytes", "golden"),
    [
        (GET_SYNC.data, "3020"),
        (get_parameter(SOFTWARE_MAJOR).data, "418120"),
        (ENTER_PROGRAMMING.data, "5020"),
        (LEAVE_PROGRAMMING.data, "5120"),
        (READ_SIGNATURE.data, "7520"),
        (load_address(0x7D00).data, "55803e20"),
        (program_page(bytes([0xAA, 0x55])).data, "64000246aa5520"),
        (read_page(128).data, "7400804620"),
    ],
)
def test_requests_are_those_of_the_protocol(request_bytes: bytes, golden: str) -> None:
    assert request_bytes.hex() == golden


def test_an_answer_is_whole_refused_or_none() -> None:
    assert take_answer(READ_SIGNATURE, b"") is None
    assert take_answer(READ_SIGNATURE, bytes.fromhex("141e95")) is None
    assert take_answer(READ_SIGNATURE, bytes.fromhex("141e950f10")) == bytes.fromhex("1e950f")
    assert take_answer(GET_SYNC, bytes.fromhex("1410")) == b""
    with pytest.raises(DeviceRefusedError, match="enter programming"):
        take_answer(ENTER_PROGRAMMING, bytes.fromhex("1411"))


@pytest.mark.parametrize("received", ["15", "ff", "1420", "141010"])
def test_what_is_no_answer_is_refused(received: str) -> None:
    with pytest.raises(BadFrameError):
        take_answer(GET_SYNC, bytes.fromhex(received))


@given(st.binary(min_size=1, max_size=300))
def test_an_image_is_cut_into_whole_pages_that_hold_all_of_it(image: bytes) -> None:
    cut = pages(ATMEGA328P, image)
    assert {len(page) for page in cut} == {128}
    assert b"".join(cut).startswith(image)
    assert set(b"".join(cut)[len(image) :]) <= {0xFF}


@pytest.mark.parametrize("size", [0, 32 * 1024 - 511])
def test_an_image_that_does_not_fit_below_the_boot_loader_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        pages(ATMEGA328P, bytes(size))


@pytest.mark.parametrize("address", [1, -2, 0x20000])
def test_an_address_between_words_or_outside_is_refused(address: int) -> None:
    with pytest.raises(ValueError, match="no flash address"):
        load_address(address)


@pytest.mark.parametrize("size", [0, 3, 258])
def test_a_block_has_a_size_that_a_boot_loader_takes(size: int) -> None:
    with pytest.raises(ValueError, match="no block"):
        read_page(size)


def test_the_first_page_of_a_write_jumps_to_where_the_boot_loader_begins() -> None:
    """AVR instruction set: JMP is 940C and a word address; the loader of an ATmega328P begins at byte 7E00."""
    assert jump_to_loader(ATMEGA328P)[:4].hex() == "0c94003f"
    assert len(jump_to_loader(ATMEGA328P)) == 128
