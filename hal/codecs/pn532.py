"""Frames between host and PN532, both ways, and the commands that a card reader needs (rule).

A frame is preamble 00, start code 00 FF, LEN, LCS (LEN + LCS = 0), TFI, data, DCS (TFI + data + DCS = 0), postamble 00.
Acknowledgements are frames without data. Extended frames (more than 255 bytes) are not needed here and count as bad.
Source: NXP UM0701-02, PN532 user manual, 6.2.1 (frames), 6.3.2.3 (wake-up over HSU), 7.2 and 7.3 (commands).
"""

from enum import Enum, IntEnum
from typing import Final

from hal.value import dataclass

HOST_TO_READER: Final = 0xD4
READER_TO_HOST: Final = 0xD5
ACK_FRAME: Final = bytes.fromhex("0000FF00FF00")
"""From the host it also ends a command that is under way."""
NACK_FRAME: Final = bytes.fromhex("0000FFFF0000")
"""Asks the reader to repeat its last response."""
ERROR_FRAME: Final = bytes.fromhex("0000FF01FF7F8100")
WAKE_UP: Final = bytes.fromhex("5555") + bytes(14)
"""Wakes the reader and gives it the time that it needs before the next frame."""
IC_PN532: Final = 0x32
MAX_TARGETS: Final = 2
MAX_DATA_BYTES: Final = 254

_START: Final = bytes.fromhex("00FF")
_HEAD_BYTES: Final = len(_START) + 2
_ERROR_TFI: Final = 0x7F
_BYTE: Final = 0x100
_ISO14443_A_SUPPORT: Final = 0x01
_ATS_FOLLOWS: Final = 0x20
"""SEL_RES of a target that speaks ISO/IEC 14443-4: the reader has asked for its ATS."""
_TARGET_HEAD_BYTES: Final = 5
_NORMAL_MODE: Final = 0x01
_TYPE_A_106_KBIT: Final = 0x00
_ALL_TARGETS: Final = 0x00
_RF_FIELD: Final = 0x01
_MAX_RETRIES: Final = 0x05
_UNLIMITED: Final = 0xFF


class Command(IntEnum):
    """Codes of the host; a response carries the code of its command plus one."""

    GET_FIRMWARE_VERSION = 0x02
    SAM_CONFIGURATION = 0x14
    RF_CONFIGURATION = 0x32
    IN_LIST_PASSIVE_TARGET = 0x4A
    IN_RELEASE = 0x52


class Signal(Enum):
    """Frames without data."""

    ACK = "ack"
    NACK = "nack"
    ERROR = "error"
    """The reader does not understand or cannot carry out what it was told."""


_SIGNALS: Final = {(0x00, 0xFF): Signal.ACK, (0xFF, 0x00): Signal.NACK}
"""By LEN and LCS."""


@dataclass(frozen=True, slots=True)
class Message:
    """One command or response."""

    code: int
    parameters: bytes = b""


@dataclass(frozen=True, slots=True)
class FirmwareVersion:
    """What the reader is."""

    ic: int
    version: int
    revision: int
    support: int

    @property
    def is_usable(self) -> bool:
        """True for a PN532 that reads ISO/IEC 14443 type A."""
        return self.ic == IC_PN532 and bool(self.support & _ISO14443_A_SUPPORT)


@dataclass(frozen=True, slots=True)
class Target:
    """One card in the field."""

    number: int
    sens_res: int
    sel_res: int
    uid: bytes
    """NFCID1 without cascade tags: 4, 7 or 10 bytes, in the order in which they are sent on air."""


def encode(tfi: int, message: Message) -> bytes:
    """Put a frame around a message. Raises: ValueError if it is too long for a normal frame."""
    body = bytes([tfi, message.code]) + message.parameters
    if len(body) > MAX_DATA_BYTES + 1:
        raise ValueError(f"{len(body)} bytes do not fit a normal frame")
    head = bytes([len(body), -len(body) % _BYTE])
    return b"\x00" + _START + head + body + bytes([-sum(body) % _BYTE, 0])


class FrameDecoder:
    """Cuts a byte stream into frames of the sender `tfi`; after junk it goes on at the next start code."""

    def __init__(self, tfi: int) -> None:
        self._tfi = tfi
        self._buffer = b""
        self.bad_frames = 0
        """Frames dropped for a wrong length, checksum or sender."""

    def feed(self, data: bytes) -> list[Message | Signal]:
        """Take what arrived and return the frames that it completes, in order."""
        self._buffer += data
        frames: list[Message | Signal] = []
        while self._find_start():
            lengths = self._buffer[2], self._buffer[3]
            if lengths in _SIGNALS:
                frames.append(_SIGNALS[lengths])
                self._buffer = self._buffer[_HEAD_BYTES:]
                continue
            size, check = lengths
            if (size + check) % _BYTE or size == 0:
                self._drop()
                continue
            end = _HEAD_BYTES + size + 1
            if len(self._buffer) < end:
                break
            frame = self._checked(self._buffer[_HEAD_BYTES:end])
            if frame is None:
                self._drop()
                continue
            frames.append(frame)
            self._buffer = self._buffer[end:]
        return frames

    def reset(self) -> None:
        """Forget half a frame: whatever comes belongs to something new."""
        self._buffer = b""

    def _find_start(self) -> bool:
        """Cut off what stands before the next start code; True if a whole head has arrived."""
        start = self._buffer.find(_START)
        if start < 0:
            self._buffer = self._buffer[-1:] if self._buffer.endswith(_START[:1]) else b""
            return False
        self._buffer = self._buffer[start:]
        return len(self._buffer) >= _HEAD_BYTES

    def _checked(self, body: bytes) -> Message | Signal | None:
        if sum(body) % _BYTE:
            return None
        if body[:-1] == bytes([_ERROR_TFI]):
            return Signal.ERROR
        if body[0] != self._tfi or len(body) < 3:  # noqa: PLR2004 - TFI, code and checksum
            return None
        return Message(body[1], body[2:-1])

    def _drop(self) -> None:
        """Give this start code up; a true one may stand inside what was taken for a frame."""
        self.bad_frames += 1
        self._buffer = self._buffer[1:]


# --------------------------------------------------------------------------- what the host says

GET_FIRMWARE_VERSION: Final = Message(Command.GET_FIRMWARE_VERSION)
USE_WITHOUT_SAM: Final = Message(Command.SAM_CONFIGURATION, bytes([_NORMAL_MODE, 0, 0]))
"""Normal mode: the security module is not used. 7.2.10."""
FIELD_OFF: Final = Message(Command.RF_CONFIGURATION, bytes([_RF_FIELD, 0]))
"""Cards lose their supply and forget that they were selected; the next listing switches the field on. 7.3.1."""
RELEASE_ALL: Final = Message(Command.IN_RELEASE, bytes([_ALL_TARGETS]))
LIST_TYPE_A: Final = Message(Command.IN_LIST_PASSIVE_TARGET, bytes([MAX_TARGETS, _TYPE_A_106_KBIT]))
"""Up to two cards of type A at 106 kbit/s. 7.3.5."""


def limit_retries(passive_activation: int) -> Message:
    """Let a listing end after so many further attempts (0-254), instead of waiting for a card for ever. 7.3.1."""
    return Message(Command.RF_CONFIGURATION, bytes([_MAX_RETRIES, _UNLIMITED, 1, passive_activation]))


# --------------------------------------------------------------------------- what the reader says


def response(command: Message, parameters: bytes = b"") -> Message:
    """Answer a command."""
    return Message(command.code + 1, parameters)


def firmware_version(parameters: bytes) -> FirmwareVersion | None:
    """Read the answer to GetFirmwareVersion; None if it is none."""
    return FirmwareVersion(*parameters) if len(parameters) == 4 else None  # noqa: PLR2004 - 7.2.2


def targets(parameters: bytes) -> tuple[Target, ...] | None:
    """Read the answer to InListPassiveTarget for type A; None if it contradicts itself. 7.3.5."""
    if not parameters or parameters[0] > MAX_TARGETS:
        return None
    found, rest = [], parameters[1:]
    for _ in range(parameters[0]):
        if len(rest) < _TARGET_HEAD_BYTES:
            return None
        number, sens_high, sens_low, sel_res, uid_bytes = rest[:_TARGET_HEAD_BYTES]
        end = _TARGET_HEAD_BYTES + uid_bytes
        uid = rest[_TARGET_HEAD_BYTES:end]
        if len(uid) != uid_bytes:
            return None
        found.append(Target(number, sens_high << 8 | sens_low, sel_res, uid))
        rest = rest[end:]
        if sel_res & _ATS_FOLLOWS and rest:
            rest = rest[rest[0] or 1 :]
    return tuple(found) if not rest else None


def list_targets(found: tuple[Target, ...]) -> bytes:
    """Write the answer to InListPassiveTarget; the cards here have the shortest ATS."""
    parts = [bytes([len(found)])]
    for target in found:
        head = bytes([target.number, target.sens_res >> 8, target.sens_res & 0xFF, target.sel_res, len(target.uid)])
        parts += [head, target.uid, b"\x01" if target.sel_res & _ATS_FOLLOWS else b""]
    return b"".join(parts)
