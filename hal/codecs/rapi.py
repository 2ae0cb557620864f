"""RAPI frames: bytes to values and back (rule).

A frame is '$' … CR, with '^' and two hex digits (XOR), '*' and two (sum), or no checksum. Boot text, line noise and
arbitrary bytes may stand between frames and, in `$GI`, within them: the decoder finds its feet at every '$', drops and
counts what is no frame, and never holds more than one frame.
Source: facts: rapi_openevse, sections Link to Async and Get.
"""

from decimal import Decimal
from functools import reduce
from operator import xor
from typing import Final

from hal.api import BadFrameError
from hal.codecs.rapi_values import EvseState, SettingFlags, VFlags
from hal.value import dataclass

START: Final = 0x24
END: Final = 0x0D
MAX_COMMAND_BYTES: Final = 32
"""The board drops longer input without a word; '$' and CR included."""
MAX_REPORT_BYTES: Final = 128
_MAX_SEQUENCE: Final = 0xFF
_CHECKSUM_LENGTH: Final = 3
_NO_SENSOR: Final = -2560
_PRINTABLE: Final = range(0x20, 0x7F)


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer to a command. `ok` False does not mean that nothing changed (trap 2)."""

    ok: bool
    params: tuple[str, ...]
    sequence: int | None


@dataclass(frozen=True, slots=True)
class BoardBooted:
    """`$AB`: the board has started; its volatile settings are gone."""

    post_code: int
    firmware_version: str


@dataclass(frozen=True, slots=True)
class StateReported:
    """`$AT`: state, pilot, offered current or one of the watched flags changed."""

    state: EvseState
    pilot: EvseState
    offered_current_a: int
    vflags: VFlags


@dataclass(frozen=True, slots=True)
class ButtonPressed:
    """`$AN`: the button of the board."""

    long_press: bool


@dataclass(frozen=True, slots=True)
class WifiMode:
    """`$WF`: asked for by the board's button; nothing of ours."""

    mode: str


@dataclass(frozen=True, slots=True)
class OldState:
    """`$ST`: the state event of firmware before 5.0."""

    state: EvseState


Report = BoardBooted | StateReported | ButtonPressed | WifiMode | OldState


@dataclass(frozen=True, slots=True)
class StateReply:
    """`$GS`."""

    state: EvseState
    elapsed_s: int
    pilot: EvseState
    vflags: VFlags

    @classmethod
    def from_params(cls, params: tuple[str, ...]) -> "StateReply":
        """Read the values of the reply. Raises: BadFrameError."""
        state, elapsed, pilot, vflags = _take(params, 4)
        return cls(_state(state), _decimal(elapsed), _state(pilot), VFlags(_hex(vflags)))


@dataclass(frozen=True, slots=True)
class SettingsReply:
    """`$GE`."""

    offered_current_a: int
    flags: SettingFlags

    @classmethod
    def from_params(cls, params: tuple[str, ...]) -> "SettingsReply":
        """Read the values of the reply. Raises: BadFrameError."""
        current, flags = _take(params, 2)
        return cls(_decimal(current), SettingFlags(_hex(flags)))


@dataclass(frozen=True, slots=True)
class CurrentRangeReply:
    """`$GC`."""

    min_current_a: int
    max_hardware_current_a: int
    offered_current_a: int
    max_configured_current_a: int

    @classmethod
    def from_params(cls, params: tuple[str, ...]) -> "CurrentRangeReply":
        """Read the values of the reply. Raises: BadFrameError."""
        return cls(*(_decimal(text) for text in _take(params, 4)))


@dataclass(frozen=True, slots=True)
class HeartbeatReply:
    """`$GY`, and what `$SY` answers."""

    interval_s: int
    fallback_current_a: int
    trigger: int

    @classmethod
    def from_params(cls, params: tuple[str, ...]) -> "HeartbeatReply":
        """Read the values of the reply. Raises: BadFrameError."""
        return cls(*(_decimal(text) for text in _take(params, 3)))


@dataclass(frozen=True, slots=True)
class EnergyReply:
    """`$GU`: W·s of this plug-in, Wh of all."""

    session_ws: int
    total_wh: int

    @classmethod
    def from_params(cls, params: tuple[str, ...]) -> "EnergyReply":
        """Read the values of the reply. Raises: BadFrameError."""
        return cls(*(_decimal(text) for text in _take(params, 2)))


@dataclass(frozen=True, slots=True)
class TemperatureReply:
    """`$GP`: DS3231, MCP9808 and TMP007, degrees Celsius; None: not fitted, or failed."""

    sensors_c: tuple[Decimal | None, ...]

    @classmethod
    def from_params(cls, params: tuple[str, ...]) -> "TemperatureReply":
        """Read the values of the reply, tenths of a degree. Raises: BadFrameError."""
        tenths = [_signed(text) for text in _take(params, 3)]
        return cls(tuple(None if value == _NO_SENSOR else Decimal(value) / 10 for value in tenths))


def encode_command(verb: str, *params: str, sequence: int) -> bytes:
    """One command with its sequence id, 1 to 255, and XOR checksum. Raises: ValueError if the board would drop it."""
    if not 0 < sequence <= _MAX_SEQUENCE:
        raise ValueError(f"sequence {sequence} is not 1 to 255")
    body = " ".join((f"${verb}", *params, f":{sequence:02X}")).encode("ascii")
    frame = body + b"^%02X\r" % xor_checksum(body)
    if len(frame) > MAX_COMMAND_BYTES:
        raise ValueError(f"command {verb} is longer than {MAX_COMMAND_BYTES} bytes")
    return frame


def xor_checksum(body: bytes) -> int:
    """XOR of all bytes from '$' to before '^'."""
    return reduce(xor, body, 0)


def sum_checksum(body: bytes) -> int:
    """Sum, 8 bits, of all bytes from '$' to before '*': the old checksum."""
    return sum(body) & 0xFF


def parse_frame(frame: bytes) -> Reply | Report:
    """Read one frame, '$' to before CR. Raises: BadFrameError."""
    name, *rest = _checked_body(frame)[1:].decode("latin-1").split(" ")
    params = tuple(rest)
    match name, params:
        case (("OK" | "NK"), _):
            params, sequence = _without_sequence(params)
            return Reply(ok=name == "OK", params=params, sequence=sequence)
        case "AB", (post_code, version):
            return BoardBooted(_hex(post_code), version)
        case "AT", (state, pilot, current, vflags):
            return StateReported(_state(state), _state(pilot), _decimal(current), VFlags(_hex(vflags)))
        case "AN", ("0" | "1" as length,):
            return ButtonPressed(long_press=length == "1")
        case "WF", (mode,):
            return WifiMode(mode)
        case "ST", (state,):
            return OldState(_state(state))
    raise BadFrameError(f"no frame of RAPI: {frame!r}")


class RapiDecoder:
    """Cuts a byte stream into frames; whatever is not one is dropped and counted."""

    def __init__(self) -> None:
        self.bad_frames = 0
        """Frames that were cut short, too long, wrong in checksum or unknown."""
        self.junk_bytes = 0
        """Bytes outside any frame: boot text, noise."""
        self._frame = bytearray()

    def feed(self, data: bytes) -> list[Reply | Report]:
        """Take what arrived and return the frames that it completes, in order."""
        frames = []
        for byte in data:
            frame = self._take(byte)
            if frame is not None:
                frames.append(frame)
        return frames

    def reset(self) -> None:
        """Forget a half frame: the line was opened anew."""
        self._frame.clear()

    def _take(self, byte: int) -> Reply | Report | None:
        if byte == START:
            self.bad_frames += bool(self._frame)
            self._frame[:] = (START,)
        elif not self._frame:
            self.junk_bytes += 1
        elif byte == END:
            return self._complete()
        elif len(self._frame) >= MAX_REPORT_BYTES:
            self.bad_frames += 1
            self._frame.clear()
        else:
            self._frame.append(byte)
        return None

    def _complete(self) -> Reply | Report | None:
        frame = bytes(self._frame)
        self._frame.clear()
        try:
            return parse_frame(frame)
        except BadFrameError:
            self.bad_frames += 1
            return None


def _checked_body(frame: bytes) -> bytes:
    """Without its checksum; a frame without one must at least be text."""
    body, mark, digits = frame[:-_CHECKSUM_LENGTH], frame[-_CHECKSUM_LENGTH : 1 - _CHECKSUM_LENGTH], frame[-2:]
    if mark in {b"^", b"*"}:
        expected = xor_checksum(body) if mark == b"^" else sum_checksum(body)
        if digits.upper() != b"%02X" % expected:
            raise BadFrameError(f"checksum: {frame!r}")
        return body
    if not all(byte in _PRINTABLE for byte in frame):
        raise BadFrameError(f"not text and no checksum: {frame!r}")
    return frame


def _without_sequence(params: tuple[str, ...]) -> tuple[tuple[str, ...], int | None]:
    if not params or not params[-1].startswith(":"):
        return params, None
    return params[:-1], _hex(params[-1][1:])


def _take(params: tuple[str, ...], count: int) -> tuple[str, ...]:
    if len(params) < count:
        raise BadFrameError(f"{len(params)} values where {count} belong")
    return params[:count]


def _hex(text: str) -> int:
    if not text or not all(digit in "0123456789abcdefABCDEF" for digit in text):
        raise BadFrameError(f"not hexadecimal: {text!r}")
    return int(text, 16)


def _decimal(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise BadFrameError(f"not a number: {text!r}")
    return int(text)


def _signed(text: str) -> int:
    return -_decimal(text[1:]) if text.startswith("-") else _decimal(text)


def _state(text: str) -> EvseState:
    code = _hex(text)
    try:
        return EvseState(code)
    except ValueError as error:
        raise BadFrameError(f"no state of RAPI: {text!r}") from error
