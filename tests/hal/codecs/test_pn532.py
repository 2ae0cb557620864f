"""Frames as NXP's UM0701-02 (PN532 user manual) writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.codecs import pn532
from hal.codecs.pn532 import FrameDecoder, Message, Signal, Target, encode

FIRMWARE = bytes.fromhex("0000FF06FAD50332010607E800")
ONE_CARD = bytes.fromhex("0000FF0CF4D54B010100040804112233442400")


@pytest.mark.parametrize(
    ("message", "frame"),
    [
        (pn532.GET_FIRMWARE_VERSION, "0000FF02FED4022A00"),
        (pn532.USE_WITHOUT_SAM, "0000FF05FBD4140100001700"),
        (Message(pn532.Command.SAM_CONFIGURATION, b"\x01"), "0000FF03FDD414011700"),
        (Message(pn532.Command.IN_LIST_PASSIVE_TARGET, b"\x01\x00"), "0000FF04FCD44A0100E100"),
        (pn532.LIST_TYPE_A, "0000FF04FCD44A0200E000"),
        (pn532.RELEASE_ALL, "0000FF03FDD45200DA00"),
        (pn532.FIELD_OFF, "0000FF04FCD4320100F900"),
        (pn532.limit_retries(1), "0000FF06FAD43205FF0101F400"),
    ],
)
def test_command_is_framed_as_the_manual_does(message: Message, frame: str) -> None:
    assert encode(pn532.HOST_TO_READER, message) == bytes.fromhex(frame)
    assert FrameDecoder(pn532.HOST_TO_READER).feed(bytes.fromhex(frame)) == [message]


def test_firmware_of_a_pn532_is_read() -> None:
    (answer,) = FrameDecoder(pn532.READER_TO_HOST).feed(FIRMWARE)
    assert isinstance(answer, Message)
    version = pn532.firmware_version(answer.parameters)
    assert version == pn532.FirmwareVersion(0x32, 1, 6, 7)
    assert version.is_usable
    assert not pn532.FirmwareVersion(0x07, 1, 6, 7).is_usable
    assert not pn532.FirmwareVersion(0x32, 1, 6, 6).is_usable
    assert pn532.firmware_version(b"\x32\x01") is None


def test_listed_card_is_read() -> None:
    (answer,) = FrameDecoder(pn532.READER_TO_HOST).feed(ONE_CARD)
    assert isinstance(answer, Message)
    assert pn532.targets(answer.parameters) == (Target(1, 0x0004, 0x08, bytes.fromhex("11223344")),)


def test_two_cards_with_and_without_ats_are_read_and_written() -> None:
    seven, four, ten = bytes(range(7)), bytes(range(4)), bytes(range(10))
    cards = (Target(1, 0x0344, 0x20, seven), Target(2, 0x0004, 0x08, four))
    assert pn532.targets(pn532.list_targets(cards)) == cards
    ats = bytes.fromhex("067577810280")
    listed = bytes([2, 1, 3, 0x44, 0x20, 7]) + seven + ats + bytes([2, 0, 0x84, 0x00, 10]) + ten
    assert pn532.targets(listed) == (Target(1, 0x0344, 0x20, seven), Target(2, 0x0084, 0x00, ten))
    assert pn532.targets(b"\x00") == ()


@pytest.mark.parametrize("parameters", ["", "03", "01", "010100", "0101000408041122", "0001", "01010004080411223344FF"])
def test_list_that_contradicts_itself_is_none(parameters: str) -> None:
    assert pn532.targets(bytes.fromhex(parameters)) is None


def test_signals_are_told_apart() -> None:
    stream = pn532.ACK_FRAME + pn532.NACK_FRAME + pn532.ERROR_FRAME
    decoder = FrameDecoder(pn532.READER_TO_HOST)
    assert decoder.feed(stream) == [Signal.ACK, Signal.NACK, Signal.ERROR]
    assert decoder.bad_frames == 0


@pytest.mark.parametrize("place", [4, 5, 6, 8, 11])
def test_changed_byte_is_counted_and_the_next_frame_read(place: int) -> None:
    broken = FIRMWARE[:place] + bytes([FIRMWARE[place] ^ 0x10]) + FIRMWARE[place + 1 :]
    decoder = FrameDecoder(pn532.READER_TO_HOST)
    assert decoder.feed(broken + ONE_CARD)[-1] == FrameDecoder(pn532.READER_TO_HOST).feed(ONE_CARD)[0]
    assert decoder.bad_frames > 0


def test_frame_of_the_other_direction_is_dropped() -> None:
    decoder = FrameDecoder(pn532.READER_TO_HOST)
    assert decoder.feed(encode(pn532.HOST_TO_READER, pn532.LIST_TYPE_A)) == []
    assert decoder.bad_frames == 1


def test_reset_forgets_half_a_frame() -> None:
    decoder = FrameDecoder(pn532.READER_TO_HOST)
    assert decoder.feed(ONE_CARD[:9]) == []
    decoder.reset()
    assert len(decoder.feed(FIRMWARE)) == 1
    assert decoder.bad_frames == 0


def test_frame_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        encode(pn532.HOST_TO_READER, Message(0x40, bytes(254)))


@given(st.lists(st.integers(1, 20), max_size=40))
def test_frames_come_out_the_same_however_they_are_cut(sizes: list[int]) -> None:
    stream = pn532.ACK_FRAME + FIRMWARE + pn532.ACK_FRAME + ONE_CARD
    decoder, frames = FrameDecoder(pn532.READER_TO_HOST), []
    for size in [*sizes, len(stream)]:
        frames += decoder.feed(stream[:size])
        stream = stream[size:]
    assert [type(frame) for frame in frames] == [Signal, Message, Signal, Message]


@given(st.binary(max_size=600))
def test_no_bytes_crash_the_decoder_or_keep_it_from_resynchronising(junk: bytes) -> None:
    decoder = FrameDecoder(pn532.READER_TO_HOST)
    decoder.feed(junk)
    assert len(decoder._buffer) < 270
    frames = decoder.feed(bytes(270) + ONE_CARD)
    assert isinstance(frames[-1], Message)
    assert frames[-1].parameters == ONE_CARD[7:-2]


@given(st.binary(max_size=60))
def test_no_list_of_cards_crashes_its_reading(parameters: bytes) -> None:
    pn532.targets(parameters)
