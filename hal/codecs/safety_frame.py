"""Frames of chargebyte's safety controller: bytes to frames and back (rule).

A frame has a fixed size, so that a lost or inserted byte costs at most the frame it hits: the search goes on one byte
behind a start byte that began no frame.
Source: facts: boards_protocols, chargebyte (115200 8N1; A5, COM, 8 data bytes, CRC8 SAE-J1850 of COM and data, 03).
"""

from typing import Final

from hal.value import dataclass

START_BYTE: Final = 0xA5
END_BYTE: Final = 0x03
DATA_SIZE: Final = 8
FRAME_SIZE: Final = 12
MAX_COM: Final = 0xFF

_COM, _DATA, _CRC, _END = 1, 2, 10, 11
_CRC_POLYNOMIAL, _CRC_START, _CRC_FINAL_XOR = 0x1D, 0xFF, 0xFF
_BYTE, _TOP_BIT = 0xFF, 0x80


@dataclass(frozen=True, slots=True)
class SafetyFrame:
    """Message number and its eight bytes. Raises: ValueError if there are not eight or the number is no byte."""

    com: int
    data: bytes

    def __post_init__(self) -> None:
        if len(self.data) != DATA_SIZE or not 0 <= self.com <= MAX_COM:
            raise ValueError(f"no such safety frame: com {self.com}, {len(self.data)} data bytes")


def encode_frame(frame: SafetyFrame) -> bytes:
    """Return the twelve bytes of a frame."""
    body = bytes([frame.com]) + frame.data
    return bytes([START_BYTE]) + body + bytes([_crc8(body), END_BYTE])


class SafetyFrameDecoder:
    """Cuts a byte stream into frames; never raises and holds back at most the bytes of one frame."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.bad_frames = 0
        """Start bytes that began no valid frame: wrong checksum or end."""
        self.skipped_bytes = 0
        """Bytes that belonged to no frame, those of bad frames included."""

    def feed(self, data: bytes) -> list[SafetyFrame]:
        """Take what arrived and return the frames that it completes, in order."""
        self._buffer += data
        frames = []
        position = 0
        while (position := self._next_start(position)) + FRAME_SIZE <= len(self._buffer):
            candidate = bytes(self._buffer[position : position + FRAME_SIZE])
            if _is_valid(candidate):
                frames.append(SafetyFrame(candidate[_COM], candidate[_DATA:_CRC]))
                position += FRAME_SIZE
            else:
                self.bad_frames += 1
                self.skipped_bytes += 1
                position += 1
        del self._buffer[:position]
        return frames

    def reset(self) -> None:
        """Forget a half frame: the line was opened anew."""
        self.skipped_bytes += len(self._buffer)
        self._buffer.clear()

    def _next_start(self, position: int) -> int:
        """Position of the next start byte, or the end of what is there."""
        found = self._buffer.find(START_BYTE, position)
        start = found if found >= 0 else len(self._buffer)
        self.skipped_bytes += start - position
        return start


def _is_valid(candidate: bytes) -> bool:
    return candidate[_END] == END_BYTE and candidate[_CRC] == _crc8(candidate[_COM:_CRC])


def _crc_of_byte(value: int) -> int:
    for _ in range(8):
        value = (value << 1) ^ _CRC_POLYNOMIAL if value & _TOP_BIT else value << 1
    return value & _BYTE


_CRC_TABLE: Final = bytes(_crc_of_byte(value) for value in range(_BYTE + 1))


def _crc8(data: bytes) -> int:
    crc = _CRC_START
    for byte in data:
        crc = _CRC_TABLE[crc ^ byte]
    return crc ^ _CRC_FINAL_XOR
