"""RAPI frames as the board sees them: commands in, replies and messages out (rule).

Written apart from the agent's codec, so that a shared misreading cannot hide; recorded frames pin both.
Source: facts rapi_openevse, sections Link, Checksum, Sequence id, Reply.
"""

import re
from dataclasses import dataclass
from functools import reduce
from operator import xor

START = 0x24
"""'$' begins a frame, and a second one begins it again."""
END = 0x0D
BUFFER_SIZE = 32
"""Bytes that the board's input buffer holds, '$' included; a longer command is dropped without an answer."""

_SEQUENCE = re.compile(rb"^:([0-9A-Fa-f]{2})$")


@dataclass(frozen=True, slots=True)
class RapiCommand:
    """One command that ended in CR; `intact` is False if its checksum was wrong."""

    name: str
    parameters: tuple[str, ...]
    sequence: str | None
    intact: bool
    text: str


class RapiCommandReader:
    """Cuts a byte stream into commands, as the board's 32-byte buffer does."""

    def __init__(self) -> None:
        self._buffer: bytearray | None = None

    def feed(self, data: bytes) -> list[RapiCommand]:
        """Take bytes in and return the commands that are complete."""
        return [command for byte in data if (command := self._take(byte)) is not None]

    def reset(self) -> None:
        """Forget an unfinished command."""
        self._buffer = None

    def _take(self, byte: int) -> RapiCommand | None:
        if byte == START:
            self._buffer = bytearray([START])
            return None
        if self._buffer is None:
            return None
        if byte == END:
            frame, self._buffer = bytes(self._buffer), None
            return parse_command(frame)
        if len(self._buffer) + 1 >= BUFFER_SIZE:
            self._buffer = None
            return None
        self._buffer.append(byte)
        return None


def parse_command(frame: bytes) -> RapiCommand:
    """Parse one frame, from '$' to before CR."""
    body, intact = _without_checksum(frame)
    tokens = body[1:].split()
    sequence = None
    if tokens and (match := _SEQUENCE.match(tokens[-1])) and int(match[1], 16) != 0:
        sequence = match[1].decode("ascii")
        tokens = tokens[:-1]
    words = tuple(token.decode("ascii", "replace") for token in tokens)
    return RapiCommand(words[0] if words else "", words[1:], sequence, intact, frame.decode("ascii", "replace"))


def encode_frame(body: str, sequence: str | None = None) -> bytes:
    """Frame a reply or a message: '$', text, sequence if asked with one, XOR checksum, CR."""
    frame = f"${body}" + (f" :{sequence}" if sequence is not None else "")
    return f"{frame}^{xor_checksum(frame.encode('latin-1')):02X}\r".encode("latin-1")


def xor_checksum(data: bytes) -> int:
    """XOR of all bytes, '$' included."""
    return reduce(xor, data, 0)


def _without_checksum(frame: bytes) -> tuple[bytes, bool]:
    for mark, checksum in ((b"^", xor_checksum), (b"*", lambda data: sum(data) & 0xFF)):
        body, found, digits = frame.rpartition(mark)
        if found:
            return body, _hex(digits) == checksum(body)
    return frame, True


def _hex(digits: bytes) -> int:
    return int(digits, 16) if re.fullmatch(rb"[0-9A-Fa-f]{2}", digits) else -1
