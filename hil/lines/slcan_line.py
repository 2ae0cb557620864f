"""A serial CAN adapter (SLCAN) on a pseudo-terminal, joined to a simulated bus (runner).

It takes the ASCII commands of a Lawicel adapter: S, s, O, L, C, t, T, r, R, V, N, F; a line ends with CR, and what it
cannot do is answered with BELL. With another bit rate than the bus's it hears nothing and can send nothing.
Source: Lawicel CAN232 manual.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from hil.can_bus import BusFrame, CanBus
from hil.lines.pty_line import PtyLine
from hil.lines.tap import Tap, no_tap

BITRATES: Final = {
    "S0": 10_000,
    "S1": 20_000,
    "S2": 50_000,
    "S3": 100_000,
    "S4": 125_000,
    "S5": 250_000,
    "S6": 500_000,
    "S7": 800_000,
    "S8": 1_000_000,
}
OK: Final = "\r"
BELL: Final = "\a"
_MAX_LINE: Final = 30
_HEX: Final = "[0-9A-Fa-f]"
_BASE: Final = re.compile(rf"([tr])([0-7]{_HEX}{{2}})([0-8])((?:{_HEX}{{2}})*)")
_EXTENDED: Final = re.compile(rf"([TR])([01]{_HEX}{{7}})([0-8])((?:{_HEX}{{2}})*)")
_VERSIONS: Final = {"V": "V1013\r", "N": "NA001\r"}


class SlcanAdapter:
    """The adapter: characters in through `receive`, characters out through `output`."""

    def __init__(self, bus: CanBus) -> None:
        self.output: Callable[[bytes], None] = lambda _data: None
        self.is_open = False
        self.refused = 0
        """Lines answered with BELL."""
        self._listens_only = False
        self._bitrate: int | None = None
        self._bus = bus
        self._buffer = bytearray()
        self._to_bus = bus.attach(self._from_bus)

    def receive(self, data: bytes) -> None:
        """Take characters of the host."""
        self._buffer += data
        *lines, rest = bytes(self._buffer).split(b"\r")
        self._buffer = bytearray(rest[: _MAX_LINE + 1])  # longer than any command is refused, however long
        for line in lines:
            answer = self._answer(line.decode("latin-1"))
            self.refused += answer == BELL
            self.output(answer.encode("ascii"))

    def unplug(self) -> None:
        """Lose power: the channel is closed and the bit rate forgotten."""
        self.is_open = False
        self._bitrate = None
        self._buffer.clear()

    def _answer(self, line: str) -> str:
        if line[:1] in {"t", "r", "T", "R"}:
            return self._send(line)
        match line:
            case "":
                return OK
            case "O" | "L" if not self.is_open and self._bitrate is not None:
                self.is_open = True
                self._listens_only = line == "L"
                return OK
            case "C" if self.is_open:
                self.is_open = False
                return OK
            case "F" if self.is_open:
                return "F00\r"
            case "V" | "N":
                return _VERSIONS[line]
            case _ if line in BITRATES and not self.is_open:
                self._bitrate = BITRATES[line]
                return OK
            case _:
                return BELL

    @property
    def _takes_part(self) -> bool:
        return self.is_open and self._bitrate == self._bus.bitrate

    def _send(self, line: str) -> str:
        match = _BASE.fullmatch(line) or _EXTENDED.fullmatch(line)
        if match is None or not self._takes_part or self._listens_only:
            return BELL
        kind, identifier, length, digits = match.groups()
        remote = kind in "rR"
        if len(digits) != (0 if remote else 2 * int(length)):
            return BELL
        self._to_bus(
            BusFrame(int(identifier, 16), bytes.fromhex(digits), kind in "TR", int(length) if remote else None)
        )
        return "Z\r" if kind in "TR" else "z\r"

    def _from_bus(self, frame: BusFrame) -> None:
        if not self._takes_part:
            return
        remote = frame.remote_length is not None
        kind = ("R" if frame.extended else "r") if remote else ("T" if frame.extended else "t")
        identifier = f"{frame.arbitration_id:08X}" if frame.extended else f"{frame.arbitration_id:03X}"
        length = frame.remote_length if frame.remote_length is not None else len(frame.data)
        self.output(f"{kind}{identifier}{length}{frame.data.hex().upper()}\r".encode("ascii"))


class SlcanLine:
    """An adapter under a stable path, which can be pulled out and plugged in again."""

    def __init__(self, path: Path, bus: CanBus, tap: Tap = no_tap) -> None:
        self.adapter = SlcanAdapter(bus)
        self._line = PtyLine(path, self.adapter.receive, tap)
        self.adapter.output = self._line.write

    def open(self) -> None:
        """Plug it in. Raises: OSError, FileExistsError for a real file."""
        self._line.open()

    def write(self, data: bytes) -> None:
        """Send raw characters to the host, for garbage."""
        self._line.write(data)

    def close(self) -> None:
        """Pull it out: whoever has it open is hung up."""
        self._line.close()
        self.adapter.unplug()
