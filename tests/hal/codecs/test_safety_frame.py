"""Frames of the safety controller: facts boards_protocols, chargebyte."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.codecs.can_frame import from_can, to_can
from hal.codecs.safety_frame import FRAME_SIZE, START_BYTE, SafetyFrame, SafetyFrameDecoder, encode_frame
from tests.hal.codecs.safety_bytes import crc8_j1850, frame

CONTROL = SafetyFrame(0x06, bytes.fromhex("8215010000000000"))
CONTROL_BYTES = frame(0x06, "8215010000000000")
FRAMES = st.builds(SafetyFrame, st.integers(0, 255), st.binary(min_size=8, max_size=8))


def test_independent_checksum_is_sae_j1850() -> None:
    assert crc8_j1850(b"123456789") == 0x4B


def test_frame_is_start_com_data_checksum_end() -> None:
    assert encode_frame(CONTROL) == CONTROL_BYTES
    assert CONTROL_BYTES[:10] == bytes.fromhex("a5068215010000000000")
    assert CONTROL_BYTES[-1] == 0x03
    assert len(CONTROL_BYTES) == FRAME_SIZE == 12


@given(FRAMES)
def test_any_frame_is_encoded_as_the_facts_say_and_read_back(sent: SafetyFrame) -> None:
    encoded = encode_frame(sent)
    assert encoded == frame(sent.com, sent.data.hex())
    assert SafetyFrameDecoder().feed(encoded) == [sent]


@given(st.lists(FRAMES, max_size=20), st.randoms(use_true_random=False))
def test_frames_split_and_merged_anywhere_are_all_read_in_order(sent: list[SafetyFrame], chance: random.Random) -> None:
    stream = b"".join(encode_frame(each) for each in sent)
    decoder = SafetyFrameDecoder()
    received = []
    while stream:
        size = chance.randint(1, 30)
        received += decoder.feed(stream[:size])
        stream = stream[size:]
    assert received == sent
    assert (decoder.bad_frames, decoder.skipped_bytes) == (0, 0)


@given(st.binary(max_size=200), FRAMES, FRAMES, FRAMES)
def test_no_bytes_crash_the_decoder_and_the_third_frame_behind_them_is_read(
    junk: bytes, first: SafetyFrame, second: SafetyFrame, third: SafetyFrame
) -> None:
    decoder = SafetyFrameDecoder()
    decoder.feed(junk)
    received = decoder.feed(encode_frame(first) + encode_frame(second) + encode_frame(third))
    assert received[-1:] == [third]
    assert len(decoder._buffer) < FRAME_SIZE


@pytest.mark.parametrize("junk", [b"\x00" * 50, b"\x03", b"$OK 1^20\r", bytes(range(0xA5)) * 60])
def test_junk_without_a_start_byte_costs_no_frame(junk: bytes) -> None:
    decoder = SafetyFrameDecoder()
    assert decoder.feed(junk + CONTROL_BYTES) == [CONTROL]
    assert (decoder.bad_frames, decoder.skipped_bytes) == (0, len(junk))


@pytest.mark.parametrize("place", range(1, 12))
def test_changed_byte_costs_its_own_frame_and_is_counted(place: int) -> None:
    damaged = CONTROL_BYTES[:place] + bytes([CONTROL_BYTES[place] ^ 0x40]) + CONTROL_BYTES[place + 1 :]
    decoder = SafetyFrameDecoder()
    assert decoder.feed(damaged + CONTROL_BYTES) == [CONTROL]
    assert decoder.bad_frames >= 1
    assert decoder.skipped_bytes == FRAME_SIZE


@pytest.mark.parametrize("place", range(12))
def test_lost_byte_costs_its_own_frame(place: int) -> None:
    damaged = CONTROL_BYTES[:place] + CONTROL_BYTES[place + 1 :]
    decoder = SafetyFrameDecoder()
    assert decoder.feed(damaged + CONTROL_BYTES) == [CONTROL]
    assert decoder.skipped_bytes == FRAME_SIZE - 1


def test_burst_of_10_kilobytes_is_not_kept() -> None:
    decoder = SafetyFrameDecoder()
    assert decoder.feed(random.Random(7).randbytes(10_240)) == []
    assert decoder.feed(bytes([START_BYTE]) * 10_240) == []
    assert decoder.bad_frames > 10_000
    assert len(decoder._buffer) < FRAME_SIZE
    assert decoder.feed(CONTROL_BYTES) == [CONTROL]


def test_half_frame_is_forgotten_when_the_line_is_opened_anew() -> None:
    decoder = SafetyFrameDecoder()
    decoder.feed(CONTROL_BYTES[:7])
    decoder.reset()
    assert decoder.feed(CONTROL_BYTES[7:] + CONTROL_BYTES) == [CONTROL]
    assert decoder.skipped_bytes == FRAME_SIZE


@pytest.mark.parametrize(("com", "data"), [(6, b"1234567"), (6, b"123456789"), (256, b"12345678"), (-1, b"12345678")])
def test_frame_that_cannot_be_is_refused(com: int, data: bytes) -> None:
    with pytest.raises(ValueError, match="no such safety frame"):
        SafetyFrame(com, data)


@given(FRAMES)
def test_can_message_has_com_as_identifier_and_the_data_unchanged(sent: SafetyFrame) -> None:
    arbitration_id, data = to_can(sent)
    assert (arbitration_id, data) == (sent.com, sent.data)
    assert from_can(arbitration_id, data) == sent


@pytest.mark.parametrize(
    ("arbitration_id", "size", "extended"),
    [(0x100, 8, False), (0x7FF, 8, False), (7, 7, False), (7, 0, False), (7, 8, True)],
)
def test_can_message_of_another_kind_carries_no_frame(arbitration_id: int, size: int, extended: bool) -> None:
    assert from_can(arbitration_id, bytes(size), extended=extended) is None
