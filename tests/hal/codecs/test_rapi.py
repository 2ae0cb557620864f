"""Golden frames are those of facts: rapi_openevse, marked [run] there: seen from the real firmware."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.api import BadFrameError
from hal.codecs.rapi import (
    MAX_REPORT_BYTES,
    BoardBooted,
    ButtonPressed,
    CurrentRangeReply,
    EnergyReply,
    HeartbeatReply,
    OldState,
    RapiDecoder,
    Reply,
    SettingsReply,
    StateReply,
    StateReported,
    WifiMode,
    encode_command,
    parse_frame,
    sum_checksum,
    xor_checksum,
)
from hal.codecs.rapi_values import EvseState, SettingFlags, Verb, VFlags

GOLDEN = {
    b"$OK 8.2.3.EU 5.2.1 :1A^7B": Reply(ok=True, params=("8.2.3.EU", "5.2.1"), sequence=0x1A),
    b"$NK^21": Reply(ok=False, params=(), sequence=None),
    b"$NK 32": Reply(ok=False, params=("32",), sequence=None),
    b"$AT 00 00 0 0200": StateReported(EvseState.UNKNOWN, EvseState.UNKNOWN, 0, VFlags.SESSION_ENDED),
    b"$AB 00 8.2.3.EU": BoardBooted(0, "8.2.3.EU"),
    b"$AB 08 8.2.3.EU": BoardBooted(8, "8.2.3.EU"),
    b"$AN 0": ButtonPressed(long_press=False),
    b"$AN 1": ButtonPressed(long_press=True),
    b"$WF 01": WifiMode("01"),
    b"$ST 03": OldState(EvseState.C),
    b"$AT 03 03 16 0140": StateReported(EvseState.C, EvseState.C, 16, VFlags.EV_CONNECTED | VFlags.RELAY_CLOSED),
    b"$AT fe 02 16 0100": StateReported(EvseState.SLEEPING, EvseState.B, 16, VFlags.EV_CONNECTED),
}


@pytest.mark.parametrize(("frame", "value"), GOLDEN.items(), ids=[frame.decode() for frame in GOLDEN])
def test_golden_frame_is_read(frame: bytes, value: object) -> None:
    assert RapiDecoder().feed(frame + b"\r") == [value]


def test_checksums_of_the_firmware_are_reproduced() -> None:
    assert xor_checksum(b"$OK 8.2.3.EU 5.2.1 :1A") == 0x7B
    assert xor_checksum(b"$NK") == 0x21


@pytest.mark.parametrize("verb", list(Verb))
def test_every_command_carries_sequence_and_checksum_within_the_input_buffer(verb: Verb) -> None:
    frame = encode_command(verb, "60", "16", sequence=0x1A)
    body, checksum = frame[:-4], frame[-4:]
    assert body == b"$%s 60 16 :1A" % verb.encode()
    assert checksum == b"^%02X\r" % xor_checksum(body)
    assert len(frame) <= 32


def test_command_that_the_board_would_drop_or_misread_is_refused() -> None:
    with pytest.raises(ValueError, match="longer"):
        encode_command("FP", "0", "0", "x" * 30, sequence=1)
    for sequence in (0, 256, -1):
        with pytest.raises(ValueError, match="sequence"):
            encode_command("GS", sequence=sequence)


def test_old_sum_checksum_is_accepted() -> None:
    body = b"$OK 6 32"
    frame = body + b"*%02X\r" % sum_checksum(body)
    assert RapiDecoder().feed(frame) == [Reply(ok=True, params=("6", "32"), sequence=None)]


@pytest.mark.parametrize("mark", [b"^", b"*"])
def test_wrong_checksum_is_dropped_and_counted(mark: bytes) -> None:
    decoder = RapiDecoder()
    assert decoder.feed(b"$OK 6 32" + mark + b"00\r") == []
    assert decoder.bad_frames == 1


def test_boot_text_line_feeds_and_nuls_between_frames_are_junk() -> None:
    decoder = RapiDecoder()
    frames = decoder.feed(b"\x00\nrelayCloseMs: 100\r\n$NK^21\r\n\x00\xff$AN 0\r")
    assert frames == [Reply(ok=False, params=(), sequence=None), ButtonPressed(long_press=False)]
    assert decoder.bad_frames == 0
    assert decoder.junk_bytes > 0


def test_second_start_restarts_the_frame() -> None:
    decoder = RapiDecoder()
    assert decoder.feed(b"$AT 03 0$NK^21\r") == [Reply(ok=False, params=(), sequence=None)]
    assert decoder.bad_frames == 1


def test_arbitrary_bytes_pass_in_a_reply_with_checksum_and_fail_without() -> None:
    body = b"$OK \xff\x00\x80^*\n :05"
    decoder = RapiDecoder()
    assert decoder.feed(body + b"^%02X\r" % xor_checksum(body)) == [
        Reply(ok=True, params=("\xff\x00\x80^*\n",), sequence=5)
    ]
    assert decoder.feed(b"$OK \xff\r") == []


@pytest.mark.parametrize(
    "frame",
    [
        b"$",
        b"$XX",
        b"$AT 03 03 16",
        b"$AT 0C 55 16 0000",
        b"$AT zz 03 16 0140",
        b"$AT 03 03 -1 0140",
        b"$AT 03 03 \xc2\xb2 0140^1A",
        b"$AN 2",
        b"$OK :",
        b"$OK 1 :xy",
        b"$AB",
        b"$AB q 8",
        b"$ST 55",
        b"$WF",
    ],
)
def test_what_is_no_frame_is_refused(frame: bytes) -> None:
    with pytest.raises(BadFrameError):
        parse_frame(frame)


def test_over_long_input_is_dropped_and_the_next_frame_read() -> None:
    decoder = RapiDecoder()
    assert decoder.feed(b"$" + b"x" * 100_000 + b"\r$NK^21\r") == [Reply(ok=False, params=(), sequence=None)]
    assert decoder.bad_frames == 1


def test_reset_forgets_a_half_frame() -> None:
    decoder = RapiDecoder()
    decoder.feed(b"$AT 03 ")
    decoder.reset()
    assert decoder.feed(b"03 16 0140\r") == []


def test_replies_are_read_into_values() -> None:
    assert StateReply.from_params(("fe", "120", "03", "0140")) == StateReply(
        EvseState.SLEEPING, 120, EvseState.C, VFlags.EV_CONNECTED | VFlags.RELAY_CLOSED
    )
    assert SettingsReply.from_params(("16", "0003")).flags == SettingFlags.LEVEL_2 | SettingFlags.DIODE_CHECK_OFF
    assert CurrentRangeReply.from_params(("6", "80", "16", "32")) == CurrentRangeReply(6, 80, 16, 32)
    assert HeartbeatReply.from_params(("10", "6", "2")) == HeartbeatReply(10, 6, 2)
    assert EnergyReply.from_params(("3600000", "12345")) == EnergyReply(3_600_000, 12_345)
    with pytest.raises(BadFrameError):
        StateReply.from_params(("03",))


def test_only_codes_04_to_0e_are_faults() -> None:
    assert [state for state in EvseState if state.is_fault] == [
        state for state in EvseState if 0x04 <= state.value <= 0x0E
    ]


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_no_bytes_crash_the_decoder_or_fill_it(chunks: list[bytes]) -> None:
    decoder = RapiDecoder()
    for chunk in chunks:
        decoder.feed(chunk)
        assert len(decoder._frame) <= MAX_REPORT_BYTES


@given(st.binary(max_size=300), st.sampled_from(list(GOLDEN.items())))
def test_valid_frame_after_any_garbage_is_decoded(garbage: bytes, golden: tuple[bytes, object]) -> None:
    frame, value = golden
    assert RapiDecoder().feed(garbage + frame + b"\r")[-1] == value


@given(st.binary(max_size=60), st.integers(min_value=1, max_value=59))
def test_cutting_the_stream_anywhere_changes_nothing(garbage: bytes, cut: int) -> None:
    stream = garbage + b"$AT 03 03 16 0140\r" + garbage
    whole, pieces = RapiDecoder(), RapiDecoder()
    assert whole.feed(stream) == pieces.feed(stream[:cut]) + pieces.feed(stream[cut:])
    assert whole.bad_frames == pieces.bad_frames
