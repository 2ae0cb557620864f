"""The bench's serial CAN adapter, by its ASCII protocol. Source: Lawicel CAN232 manual."""

import asyncio

import pytest

from hil.can_bus import BusFrame, CanBus
from hil.lines.slcan_line import SlcanAdapter


class Adapter:
    """An adapter on a bus of 125 kbit/s with one other node that hears."""

    def __init__(self) -> None:
        self.bus = CanBus(asyncio.get_running_loop())
        self.heard: list[BusFrame] = []
        self.said = b""
        self.send = self.bus.attach(self.heard.append)
        self.adapter = SlcanAdapter(self.bus)
        self.adapter.output = self._say

    def _say(self, data: bytes) -> None:
        self.said += data

    async def ask(self, data: bytes) -> bytes:
        self.said = b""
        self.adapter.receive(data)
        await asyncio.sleep(0)
        return self.said


async def test_frames_travel_both_ways_once_the_channel_is_open() -> None:
    made = Adapter()
    assert await made.ask(b"S4\rO\r") == b"\r\r"
    assert await made.ask(b"t1230\rt7FF211AA\rT028300F080000000000000000\r") == b"z\rz\rZ\r"
    assert made.heard == [
        BusFrame(0x123),
        BusFrame(0x7FF, b"\x11\xaa"),
        BusFrame(0x028300F0, bytes(8), extended=True),
    ]
    made.said = b""
    made.send(BusFrame(0x0AB, b"\x01"))
    made.send(BusFrame(0x0283F000, b"\xff\x00", extended=True))
    await asyncio.sleep(0)
    assert made.said == b"t0AB101\rT0283F0002FF00\r"


async def test_remote_frames_have_a_length_and_no_data() -> None:
    made = Adapter()
    assert await made.ask(b"S4\rO\rr1234\rR028300F08\r") == b"\r\rz\rZ\r"
    assert [frame.remote_length for frame in made.heard] == [4, 8]
    made.said = b""
    made.send(BusFrame(0x123, remote_length=2))
    await asyncio.sleep(0)
    assert made.said == b"r1232\r"


@pytest.mark.parametrize(
    "line",
    [b"O", b"C", b"F", b"t1230", b"S9", b"X", b"t8000", b"T2000000000", b"t1239", b"t12311", b"t12311G", b"t" * 1000],
)
async def test_what_it_cannot_do_is_answered_with_bell(line: bytes) -> None:
    made = Adapter()
    assert await made.ask(line + b"\r") == b"\a"
    assert made.adapter.refused == 1
    assert made.heard == []


async def test_version_number_and_status_are_told() -> None:
    made = Adapter()
    assert await made.ask(b"V\rN\rS4\rO\rF\r\r") == b"V1013\rNA001\r\r\rF00\r\r"


async def test_a_line_may_come_in_pieces() -> None:
    made = Adapter()
    assert await made.ask(b"S4\rO\rt12") == b"\r\r"
    assert await made.ask(b"31") == b""
    assert await made.ask(b"AB\r") == b"z\r"
    assert made.heard == [BusFrame(0x123, b"\xab")]


async def test_with_another_bit_rate_it_hears_and_sends_nothing() -> None:
    made = Adapter()
    assert await made.ask(b"S6\rO\rt1230\r") == b"\r\r\a"
    made.said = b""
    made.send(BusFrame(0x123))
    await asyncio.sleep(0)
    assert made.said == b""


async def test_a_listener_sends_nothing() -> None:
    made = Adapter()
    assert await made.ask(b"S4\rL\rt1230\r") == b"\r\r\a"
    made.said = b""
    made.send(BusFrame(0x123))
    await asyncio.sleep(0)
    assert made.said == b"t1230\r"


async def test_an_adapter_that_was_pulled_out_is_closed() -> None:
    made = Adapter()
    assert await made.ask(b"S4\rO\r") == b"\r\r"
    made.adapter.unplug()
    assert await made.ask(b"O\r") == b"\a"
