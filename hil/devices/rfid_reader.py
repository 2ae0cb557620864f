"""An RFID reader that sends one UID per line (rule: a token in, bytes out)."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReaderFormat:
    """How this reader writes a UID."""

    prefix: str = ""
    suffix: str = "\r\n"
    lower_case: bool = False
    reversed_bytes: bool = False


class RfidReaderSimulator:
    """One reader; `output` carries its bytes."""

    uid_rule = "an even number of hexadecimal digits"
    card_types = frozenset({"ISO14443", "ISO15693"})

    def __init__(self, line_format: ReaderFormat = ReaderFormat()) -> None:
        self.output: Callable[[bytes], None] = lambda _data: None
        self._format = line_format

    def present(self, uid: str) -> bytes:
        """Send the UID of a card held to the reader; returns the line. Raises: ValueError if it is not hexadecimal."""
        raw = bytes.fromhex(uid)
        if not raw:
            raise ValueError("a token has at least one byte")
        text = (raw[::-1] if self._format.reversed_bytes else raw).hex()
        text = text if self._format.lower_case else text.upper()
        line = f"{self._format.prefix}{text}{self._format.suffix}".encode("ascii")
        self.output(line)
        return line

    def receive(self, data: bytes) -> None:
        """Ignore what is sent to it, as such readers do."""

    def restart(self) -> None:
        """Have nothing to forget when the supply comes back."""
