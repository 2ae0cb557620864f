import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.devices.openevse_board import OpenEvseBoard
from hil.devices.rapi_framing import BUFFER_SIZE, RapiCommandReader, encode_frame
from hil.virtual_time import run_virtual
from hil.world import EvseWorld


def test_reply_with_sequence_id_matches_the_recorded_frame() -> None:
    assert encode_frame("OK 8.2.3.EU 5.2.1", "1A") == b"$OK 8.2.3.EU 5.2.1 :1A^7B\r"


def test_unsupported_command_is_answered_with_the_recorded_frame() -> None:
    assert encode_frame("NK") == b"$NK^21\r"


@pytest.mark.parametrize(
    ("data", "intact"),
    [(b"$FE*AF\r", True), (b"$FD*AE\r", True), (b"$GS^30\r", True), (b"$GS^31\r", False), (b"$GS\r", True)],
)
def test_both_checksums_and_none_are_understood(data: bytes, intact: bool) -> None:
    (command,) = RapiCommandReader().feed(data)
    assert command.intact is intact


def test_sequence_id_is_the_last_token_and_never_00() -> None:
    first, second = RapiCommandReader().feed(b"$SC 16 V :2f\r$GS :00\r")
    assert (first.name, first.parameters, first.sequence) == ("SC", ("16", "V"), "2f")
    assert second.sequence is None


def test_longest_command_fits_the_buffer_and_one_more_byte_does_not() -> None:
    reader = RapiCommandReader()
    assert reader.feed(b"$" + b"x" * (BUFFER_SIZE - 2) + b"\r")
    assert not reader.feed(b"$" + b"x" * (BUFFER_SIZE - 1) + b"\r")


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.binary(max_size=40) | st.sampled_from([b"$FE\r", b"$FS\r", b"$SC 9 V\r", b"$SY 66 6\r", b"$S3 1\r"]))
)
def test_no_bytes_break_the_board_and_it_answers_afterwards(chunks: list[bytes]) -> None:
    async def story() -> list[bytes]:
        sent: list[bytes] = []
        board = OpenEvseBoard(EvseWorld(asyncio.get_running_loop()), lambda _event, _fields: None)
        board.output = sent.append
        board.power_on()
        await asyncio.sleep(3)
        for chunk in chunks:
            board.receive(chunk)
        await asyncio.sleep(10)
        board.receive(b"$GV :7E\r")
        await asyncio.sleep(10)
        return sent

    assert encode_frame("OK 8.2.3.EU 5.2.1", "7E") in run_virtual(story())
