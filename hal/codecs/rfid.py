"""UID lines of a card reader: bytes to UIDs (rule).

A reader sends one UID in hexadecimal per line; case, byte order and length differ by reader, so they are settings.
Source: facts: lessons_and_rules 1.8 (77).
"""

from typing import Final, Literal

from hal.value import dataclass

MAX_LINE_BYTES: Final = 64
_LINE_ENDS: Final = b"\r\n\x00\x02\x03"
"""CR, LF; NUL and the STX/ETX that some readers put around a UID."""
_SEPARATORS: Final = str.maketrans("", "", " :-")


@dataclass(frozen=True, slots=True)
class UidFormat:
    """How this reader writes a UID, and how the rest of the station wants it."""

    case: Literal["upper", "lower"] = "upper"
    byte_order: Literal["msb", "lsb"] = "msb"
    """`lsb`: the reader sends the last byte first; it is turned round."""
    lengths: tuple[int, ...] = (4, 7, 10)
    """Bytes that a UID may have."""


class UidDecoder:
    """Cuts a byte stream into UIDs; lines that are none are dropped and counted."""

    def __init__(self, uid_format: UidFormat) -> None:
        self._format = uid_format
        self._line = bytearray()
        self._too_long = False
        self.bad_lines = 0

    def feed(self, data: bytes) -> list[str]:
        """Take what arrived and return the UIDs that it completes, in order."""
        uids = []
        for byte in data:
            if byte in _LINE_ENDS:
                uid = self._complete()
                if uid is not None:
                    uids.append(uid)
            elif len(self._line) >= MAX_LINE_BYTES:
                self._too_long = True
            else:
                self._line.append(byte)
        return uids

    def reset(self) -> None:
        """Forget a half line: the line was opened anew."""
        self._line.clear()
        self._too_long = False

    def _complete(self) -> str | None:
        line, too_long = bytes(self._line), self._too_long
        self.reset()
        if not line.strip():
            return None
        raw = None if too_long else _raw_uid(line)
        if raw is None or len(raw) not in self._format.lengths:
            self.bad_lines += 1
            return None
        text = (raw[::-1] if self._format.byte_order == "lsb" else raw).hex()
        return text.upper() if self._format.case == "upper" else text


def _raw_uid(line: bytes) -> bytes | None:
    try:
        return bytes.fromhex(line.decode("ascii").translate(_SEPARATORS))
    except ValueError:
        return None
