"""Telnet with control of a serial line, the client's side (rule).

Bytes pass unchanged only once both sides agreed on BINARY, so a peer that refuses it, or COM-PORT-OPTION, is refused.
Source: RFC 854 and 855 (commands, options), RFC 856 (BINARY), RFC 858 (SUPPRESS-GO-AHEAD), RFC 2217 section 3.
"""

from enum import Enum, auto
from typing import Final

IAC, DONT, DO, WONT, WILL, SB, SE = 255, 254, 253, 252, 251, 250, 240
BINARY, SUPPRESS_GO_AHEAD, COM_PORT = 0, 3, 44
SET_BAUDRATE, SET_DATASIZE, SET_PARITY, SET_STOPSIZE, SET_CONTROL = 1, 2, 3, 4, 5
NO_FLOW_CONTROL: Final = 1
PARITIES: Final = {"N": 1, "O": 2, "E": 3}

OURS: Final = frozenset({BINARY, SUPPRESS_GO_AHEAD, COM_PORT})
"""Options that we offer to perform."""
THEIRS: Final = frozenset({BINARY, SUPPRESS_GO_AHEAD})
"""Options that the peer is asked to perform."""
OPENING: Final = bytes(
    byte
    for verb, options in ((WILL, sorted(OURS)), (DO, sorted(THEIRS)))
    for option in options
    for byte in (IAC, verb, option)
)
"""What a client says first."""


class _Inside(Enum):
    DATA = auto()
    COMMAND = auto()
    OPTION = auto()
    PARAMETERS = auto()
    PARAMETERS_COMMAND = auto()


def escaped(data: bytes) -> bytes:
    """Write data so that none of it reads as a command."""
    return data.replace(bytes([IAC]), bytes([IAC, IAC]))


def line_settings(baudrate: int, parity: str, stopbits: int) -> bytes:
    """Commands that set the line: speed, eight data bits, parity, stop bits, no flow control."""
    commands = (
        (SET_BAUDRATE, baudrate.to_bytes(4, "big")),
        (SET_DATASIZE, b"\x08"),
        (SET_PARITY, bytes([PARITIES[parity]])),
        (SET_STOPSIZE, bytes([stopbits])),
        (SET_CONTROL, bytes([NO_FLOW_CONTROL])),
    )
    return b"".join(
        bytes([IAC, SB, COM_PORT, command]) + escaped(value) + bytes([IAC, SE]) for command, value in commands
    )


class TelnetStream:
    """What the peer sends, taken apart."""

    def __init__(self) -> None:
        self.agreed = False
        """True once the peer lets us control the line."""
        self.refused = ""
        """What the peer refuses although it cannot be done without."""
        self._inside = _Inside.DATA
        self._verb = 0
        self._answered: set[tuple[int, int]] = set()
        self._data = bytearray()
        self._replies = bytearray()

    def feed(self, received: bytes) -> tuple[bytes, bytes]:
        """Take bytes as they came; gives the data among them and what must be answered."""
        if self._inside is _Inside.DATA and IAC not in received:
            return received, b""
        for byte in received:
            self._take(byte)
        data, replies = bytes(self._data), bytes(self._replies)
        self._data.clear()
        self._replies.clear()
        return data, replies

    def _take(self, byte: int) -> None:
        match self._inside:
            case _Inside.DATA if byte != IAC:
                self._data.append(byte)
            case _Inside.DATA:
                self._inside = _Inside.COMMAND
            case _Inside.COMMAND:
                self._command(byte)
            case _Inside.OPTION:
                self._inside = _Inside.DATA
                self._option(self._verb, byte)
            case _Inside.PARAMETERS if byte == IAC:
                self._inside = _Inside.PARAMETERS_COMMAND
            case _Inside.PARAMETERS_COMMAND:
                self._inside = _Inside.DATA if byte == SE else _Inside.PARAMETERS
            case _:
                pass

    def _command(self, byte: int) -> None:
        self._inside = _Inside.DATA
        if byte == IAC:
            self._data.append(IAC)
        elif byte == SB:
            self._inside = _Inside.PARAMETERS
        elif byte in {DO, DONT, WILL, WONT}:
            self._inside = _Inside.OPTION
            self._verb = byte

    def _option(self, verb: int, option: int) -> None:
        if (verb, option) in self._answered:
            return
        self._answered.add((verb, option))
        if verb == DO and option == COM_PORT:
            self.agreed = True
        elif verb == DONT and option in {BINARY, COM_PORT}:
            self.refused = "control of the line" if option == COM_PORT else "binary data"
        elif verb == WONT and option == BINARY:
            self.refused = "binary data"
        elif verb == DO and option not in OURS:
            self._replies += bytes([IAC, WONT, option])
        elif verb == WILL and option not in THEIRS:
            self._replies += bytes([IAC, DONT, option])
