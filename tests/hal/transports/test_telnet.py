from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.transports.telnet import (
    BINARY,
    COM_PORT,
    DO,
    DONT,
    IAC,
    OPENING,
    SB,
    SE,
    SUPPRESS_GO_AHEAD,
    WILL,
    WONT,
    TelnetStream,
    escaped,
    line_settings,
)

ECHO = 1
AGREED = bytes([IAC, DO, COM_PORT])
NOTICE = bytes([IAC, SB, COM_PORT, 107, IAC, IAC, IAC, SE])  # RFC 2217, NOTIFY-MODEMSTATE with the value 255


def test_the_opening_offers_binary_and_control_of_the_line() -> None:
    # RFC 2217 section 3: the client sends IAC WILL COM-PORT-OPTION
    assert bytes.fromhex("fffb00 fffb03 fffb2c fffd00 fffd03") == OPENING


def test_the_line_is_set_with_the_commands_of_rfc_2217() -> None:
    assert line_settings(115_200, "E", 2) == bytes.fromhex(
        "fffa2c01 0001c200 fff0  fffa2c02 08 fff0  fffa2c03 03 fff0  fffa2c04 02 fff0  fffa2c05 01 fff0"
    )


def test_a_255_in_a_speed_is_doubled() -> None:
    assert bytes([0, 0, 0, IAC, IAC]) in line_settings(255, "N", 1)


@given(data=st.binary(max_size=300), cuts=st.lists(st.integers(0, 700), max_size=6))
def test_data_passes_unchanged_however_it_is_cut_and_whatever_is_said_between(data: bytes, cuts: list[int]) -> None:
    middle = len(data) // 2
    sent = escaped(data[:middle]) + NOTICE + AGREED + escaped(data[middle:])
    stream, got = TelnetStream(), b""
    edges = [0, *sorted(min(cut, len(sent)) for cut in cuts), len(sent)]
    for start, end in pairwise(edges):
        part, replies = stream.feed(sent[start:end])
        got += part
        assert not replies
    assert got == data
    assert stream.agreed


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_no_bytes_break_it(parts: list[bytes]) -> None:
    stream = TelnetStream()
    for part in parts:
        data, _ = stream.feed(part)
        assert len(data) <= len(part)


def test_what_is_not_wanted_is_refused_once_so_that_nobody_answers_for_ever() -> None:
    stream = TelnetStream()
    request = bytes([IAC, WILL, ECHO, IAC, DO, ECHO])
    assert stream.feed(request) == (b"", bytes([IAC, DONT, ECHO, IAC, WONT, ECHO]))
    assert stream.feed(request) == (b"", b"")


def test_an_agreed_option_is_not_answered() -> None:
    stream = TelnetStream()
    said = bytes([IAC, DO, BINARY, IAC, WILL, BINARY, IAC, WILL, SUPPRESS_GO_AHEAD])
    assert stream.feed(said) == (b"", b"")
    assert not stream.refused


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ((DONT, COM_PORT), "control of the line"),
        ((DONT, BINARY), "binary data"),
        ((WONT, BINARY), "binary data"),
        ((WONT, SUPPRESS_GO_AHEAD), ""),
    ],
)
def test_a_peer_that_refuses_what_is_needed_is_known(said: tuple[int, int], refused: str) -> None:
    stream = TelnetStream()
    stream.feed(bytes([IAC, *said]))
    assert stream.refused == refused
