"""UIDs of cards: how they are written, which of them count, and the lines in which simple readers send them (rule).

Case, byte order and length differ by reader, so they are settings. Source: facts: lessons_and_rules 1.8 (77).
"""

from collections.abc import Sequence
from typing import Final, Literal

from hal.value import dataclass

DEBOUNCE_S: Final = 2.0
"""Absence after which the same card counts again. Source: facts: bench_scenarios RF-01."""
AT_ONCE_S: Final = 0.3
"""A card this soon after another is held together with it: nobody changes cards faster."""
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

    def write(self, raw: bytes) -> str | None:
        """Write the bytes as the reader sent them; None if no UID has so many."""
        if len(raw) not in self.lengths:
            return None
        text = (raw[::-1] if self.byte_order == "lsb" else raw).hex()
        return text.upper() if self.case == "upper" else text


class CardDebounce:
    """Of the cards that a reader sees, tells the one that counts: a card once while it is held, one of several."""

    def __init__(self, debounce_s: float = DEBOUNCE_S, at_once_s: float = AT_ONCE_S) -> None:
        self._debounce_s = debounce_s
        self._at_once_s = at_once_s
        self._seen_s: dict[str, float] = {}

    def counts(self, uids: Sequence[str], now_s: float) -> str | None:
        """Take what is seen now; returns the UID that was presented by this, if any."""
        self._seen_s = {uid: at_s for uid, at_s in self._seen_s.items() if now_s - at_s < self._debounce_s}
        presented = None
        for uid in uids:
            held = uid in self._seen_s
            beside = any(now_s - at_s < self._at_once_s for at_s in self._seen_s.values())
            self._seen_s[uid] = now_s
            if not held and not beside:
                presented = uid
        return presented


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
        uid = None if raw is None else self._format.write(raw)
        if uid is None:
            self.bad_lines += 1
        return uid


def _raw_uid(line: bytes) -> bytes | None:
    try:
        return bytes.fromhex(line.decode("ascii").translate(_SEPARATORS))
    except ValueError:
        return None
