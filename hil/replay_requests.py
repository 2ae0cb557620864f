"""What is asked on a wire, whatever number it bears: the same in a recording and from an agent (rule).

Source: facts rapi_openevse (sequence id, XOR checksum); Modbus serial line V1.02 2.5.1, TCP/IP guide V1.0b 3.1.3.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hal.codecs.rapi import xor_checksum
from hal.codecs.safety_frame import SafetyFrameDecoder, encode_frame
from hal.codecs.safety_values import Com

READS = frozenset({1, 2, 3, 4})
SINGLE_REQUEST_SIZE = 8
"""Unit, function, two words, checksum: every Modbus request but the writing of several registers."""
WRITE_SEVERAL = 16
MBAP_SIZE = 6
RAPI_POLLS = (b"$G", b"$FP", b"$SY")
"""Questions, texts for the display, and the heartbeat: nothing on the board depends on their moment."""
RAPI_MEASURES = (b"$GG", b"$GU", b"$GP")
"""Current, energy, temperatures."""
RAPI_STATE = b"$GS"


@dataclass(frozen=True, slots=True)
class Request:
    """One request."""

    key: bytes
    """Equal for equal requests."""
    slot: bytes | None
    """What it sets; None: it only asks."""
    number: bytes = b""
    """Sequence or transaction id, to be repeated in the answer."""


def _whole(_request: Request, answer: bytes) -> bytes:
    return answer


@dataclass(frozen=True, slots=True)
class Protocol:
    """How requests of a kind of line are found and answers are made fit."""

    split: Callable[[bytearray], list[bytes]]
    """Takes whole requests off the buffer."""
    request: Callable[[bytes], Request]
    fit: Callable[[bytes, Request], bytes]
    """Renumbers a recorded answer for a request."""
    is_answer: Callable[[bytes], bool]
    """Tells an answer from what the device says by itself."""
    state: Callable[[Request, bytes], bytes] = _whole
    """What of an answer is news if it changes; empty: it is measured, and changes all the time."""


def protocol_of(kind: str) -> Protocol:
    """Return the protocol of a kind of line. Raises: ValueError for one that cannot be replayed."""
    if kind not in PROTOCOLS:
        raise ValueError(f"lines of kind {kind!r} cannot be replayed; known: {', '.join(PROTOCOLS)}")
    return PROTOCOLS[kind]


def split_frames(buffer: bytearray, end: bytes) -> list[bytes]:
    """Take what ends so off the buffer, the ends included."""
    *whole, rest = bytes(buffer).split(end)
    buffer[:] = rest
    return [each + end for each in whole]


def _rapi_request(frame: bytes) -> Request:
    body = frame[frame.rfind(b"$") :].partition(b"^")[0].rstrip(b"\r")
    key, _, number = body.partition(b" :")
    slot = None if key.startswith(RAPI_POLLS) else key[:2] if key.startswith(b"$F") else key[:3]
    return Request(key, slot, number)


def _rapi_fit(answer: bytes, request: Request) -> bytes:
    # A line feed that ended what the board said before is no part of the answer, and not of its checksum.
    body = answer.lstrip(b"\n").partition(b"^")[0].partition(b" :")[0]
    if request.number:
        body += b" :" + request.number
    return body + b"^%02X\r" % xor_checksum(body)


def _rapi_state(request: Request, answer: bytes) -> bytes:
    if request.key.startswith(RAPI_MEASURES):
        return b""
    words = answer.partition(b"^")[0].split()
    if request.key.startswith(RAPI_STATE):
        del words[2:3]  # the seconds of charging
    return b" ".join(words)


def _rtu_split(buffer: bytearray) -> list[bytes]:
    frames = []
    while len(buffer) >= SINGLE_REQUEST_SIZE:
        size = 9 + buffer[6] if buffer[1] == WRITE_SEVERAL else SINGLE_REQUEST_SIZE
        if len(buffer) < size:
            break
        frames.append(bytes(buffer[:size]))
        del buffer[:size]
    return frames


def _modbus_request(pdu: bytes, number: bytes = b"") -> Request:
    return Request(pdu, None if pdu[1] in READS else pdu[:4], number)


def _tcp_split(buffer: bytearray) -> list[bytes]:
    frames = []
    while len(buffer) >= MBAP_SIZE and len(buffer) >= (size := MBAP_SIZE + int.from_bytes(buffer[4:6], "big")):
        frames.append(bytes(buffer[:size]))
        del buffer[:size]
    return frames


def _chunk(buffer: bytearray) -> list[bytes]:
    chunk = bytes(buffer)
    buffer.clear()
    return [chunk]


def _safety_split(buffer: bytearray) -> list[bytes]:
    # Frames come whole from an agent; one that was cut is lost, and the next follows within 0.1 s.
    frames = SafetyFrameDecoder().feed(bytes(buffer))
    buffer.clear()
    return [encode_frame(frame) for frame in frames]


def _safety_request(frame: bytes) -> Request:
    # The board answers inquiries; they set nothing.
    return Request(frame, None if frame[1] == Com.INQUIRY else frame[:2])


def _unchanged(answer: bytes, _request: Request) -> bytes:
    return answer


PROTOCOLS = {
    "rapi": Protocol(
        lambda buffer: split_frames(buffer, b"\r"),
        _rapi_request,
        _rapi_fit,
        lambda frame: frame.lstrip(b"\n").startswith((b"$OK", b"$NK")),
        _rapi_state,
    ),
    "modbus_rtu": Protocol(_rtu_split, lambda frame: _modbus_request(frame[:-2]), _unchanged, lambda _frame: True),
    "modbus_tcp": Protocol(
        _tcp_split,
        lambda frame: _modbus_request(frame[MBAP_SIZE:], frame[:2]),
        lambda answer, request: request.number + answer[2:],
        lambda _frame: True,
    ),
    "pn532": Protocol(_chunk, lambda frame: Request(frame, None), _unchanged, lambda _frame: True),
    "safety": Protocol(_safety_split, _safety_request, _unchanged, lambda _frame: False),
    "card_lines": Protocol(_chunk, lambda frame: Request(frame, None), _unchanged, lambda _frame: False),
    "text": Protocol(_chunk, lambda _frame: Request(b"", None), _unchanged, lambda _frame: False),
}
