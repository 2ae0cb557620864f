"""Quirks of frames, of the socket below them, and of the handshake."""

import asyncio
import os
from typing import Any

from websockets.frames import Opcode

from hil.csms.wire import Message
from hil.csms.zoo.answers import but_boot
from hil.csms.zoo.quirk import Door, Frame, Line, Quirk, Refusal, dump

CLOSE_CODES = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4000, 4999)
HUGE_CHARS = 3 << 20
"""Beyond what a station has to take."""
LARGE_CHARS = 1 << 20
PINGS = 20
BACK = frozenset({"BootNotification", "Heartbeat"})


async def _binary(line: Line, request: Message, right: Frame) -> None:
    text = dump(right)
    await line.send(text if request.action == "BootNotification" else text.encode())


async def _invalid_utf_8(line: Line, request: Message, right: Frame) -> None:
    if request.action in BACK:
        await line.send(dump(right))
    else:
        await _raw(line, 0x81, b'[3,"\xff\xfe\x80",{}]')


async def _fragmented(line: Line, _request: Message, right: Frame) -> None:
    """One message, a character a websocket frame, with pings between the fragments."""
    text = dump(right)
    for number, character in enumerate(text):
        opcode = 0x01 if number == 0 else 0x00
        await _raw(line, opcode | (0x80 if number == len(text) - 1 else 0), character.encode())
        if number % 10 == 0:
            await line.connection.ping()


async def _raw(line: Line, first_byte: int, data: bytes) -> None:
    """Send one websocket frame of less than 126 bytes as it is."""
    line.connection.transport.write(bytes([first_byte, len(data)]) + data)
    await asyncio.sleep(0)


async def _ping_flood(line: Line) -> None:
    while True:
        for _ in range(PINGS):
            await line.connection.ping(os.urandom(8))
        await asyncio.sleep(0.05)


async def _no_pongs(line: Line) -> None:
    """Answer no ping from now on."""
    protocol: Any = line.connection.protocol
    send = protocol.send_frame

    def send_no_pong(frame: Any) -> None:  # noqa: ANN401 - of the websocket library
        if frame.opcode is not Opcode.PONG:
            send(frame)

    protocol.send_frame = send_no_pong
    try:
        await asyncio.Event().wait()
    finally:
        protocol.send_frame = send


async def _close_after(line: Line, _request: Message, right: Frame) -> None:
    await line.send(dump(right))
    await line.drop(1000)


async def _cut_after(line: Line, request: Message, right: Frame) -> None:
    await line.send(dump(right))
    if request.action not in BACK:
        await asyncio.sleep(0.01)
        await line.drop()


async def _close_before(line: Line, request: Message, right: Frame) -> None:
    if request.action in BACK:
        await line.send(dump(right))
    else:
        await line.drop(1011)


async def _close_with_each(line: Line, request: Message, right: Frame) -> None:
    await line.send(dump(right))
    if request.action != "BootNotification":
        await line.drop(CLOSE_CODES[line.number % len(CLOSE_CODES)])


def _http(*statuses: int) -> Door:
    return lambda number: Refusal(statuses[number % len(statuses)])


def _redirect(_number: int) -> Refusal:
    return Refusal(302, location="ws://127.0.0.1:1/elsewhere")


def _silence(_number: int) -> Refusal:
    return Refusal(0, raw=b"")


def _no_http(_number: int) -> Refusal:
    return Refusal(0, raw=b"220 mail.example ESMTP\r\n\x00\xff\r\n")


_PAGE = "<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>"
FRAMES = (
    Quirk("sends_huge_frames", "sends frames of 3 MB", but_boot(lambda right: [right, '[3,"' + "A" * HUGE_CHARS])),
    Quirk(
        "sends_large_answers",
        "adds 1 MB to every answer",
        but_boot(lambda right: [[*right[:2], {**right[2], "padding": "A" * LARGE_CHARS}]]),
    ),
    Quirk("sends_binary", "answers in binary frames", _binary),
    Quirk("sends_half_frames", "cuts every answer in half", but_boot(lambda right: [dump(right)[:20]])),
    Quirk("sends_two_in_one", "sends two answers in one frame", but_boot(lambda right: [dump(right) + dump(right)])),
    Quirk("sends_html", "sends a proxy's error page", but_boot(lambda _: [_PAGE])),
    Quirk("sends_nothing", "sends empty frames", but_boot(lambda right: ["", " ", right, "\ufeff"])),
    Quirk("sends_invalid_utf_8", "sends text that is no UTF-8", _invalid_utf_8, sockets_only=True),
    Quirk("sends_fragments", "sends each character in a fragment of its own", _fragmented, sockets_only=True),
    Quirk("floods_pings", "sends 400 pings a second", beside=_ping_flood, sockets_only=True),
    Quirk("sends_no_pongs", "answers no ping", beside=_no_pongs, sockets_only=True),
    Quirk("closes_after_every_frame", "closes after each answer", _close_after),
    Quirk("closes_before_answering", "closes instead of answering", _close_before),
    Quirk("closes_with_each_code", "closes with one code after the other", _close_with_each),
    Quirk("cuts_after_every_frame", "cuts the line after each answer", _cut_after),
)

DOORS = (
    Quirk("negotiates_another_version", "accepts a subprotocol that was not offered", subprotocol="ocpp0.9"),
    Quirk("negotiates_nothing", "accepts no subprotocol", subprotocol=None),
    Quirk("redirects", "sends stations elsewhere", door=_redirect, sockets_only=True),
    Quirk("refuses_at_the_door", "answers 401, 403, 404, 503", door=_http(401, 403, 404, 503), sockets_only=True),
    Quirk("lets_in_every_third", "lets every third in", door=lambda n: None if n % 3 == 2 else Refusal(503)),  # noqa: PLR2004 - as it says
    Quirk("is_silent_at_the_door", "never answers a handshake", door=_silence, sockets_only=True),
    Quirk("speaks_no_http", "answers a handshake with something else", door=_no_http, sockets_only=True),
)

SOCKETS = (*FRAMES, *DOORS)
