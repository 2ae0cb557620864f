"""python-can's slcan bus, made fit for an event loop: it neither waits nor sleeps, and it counts what is wrong.

python-can's own bus sleeps 2 s when it opens, reads byte by byte with a timeout, drains the device after each frame
(`tcdrain`, which may wait for ever), and keeps bytes that are no ASCII until they spoil every later line. Its protocol
(commands, bit rates, frames) is used as it is; only how bytes come and go is replaced. `get_version` and
`get_serial_number` are not served.
Source: python-can 4.6 `can/interfaces/slcan.py`; Lawicel CAN232 manual (ASCII commands, CR, BELL).
"""

import contextlib
import os
import re
import termios
from typing import Final

import serial
from can import CanError, CanInitializationError, CanOperationError
from can.interfaces.slcan import slcanBus

_READ_SIZE: Final = 4096
_MAX_LINE: Final = 64
"""Longer than any line of the protocol: an extended frame has 26 characters, 30 with a time stamp."""
_CC: Final = 6
_LINE: Final = re.compile(rb"[^\r\a]*[\r\a]")
_BELL: Final = b"\a"
_HEX: Final = "[0-9A-Fa-f]"
_FRAME: Final = re.compile(rf"[tr][0-7]{_HEX}{{2}}([0-8])({_HEX}*)\r|[TR][01]{_HEX}{{7}}([0-8])({_HEX}*)\r")
_STAMP_DIGITS: Final = 4


class NonBlockingSlcanBus(slcanBus):
    """A serial CAN adapter; `recv(0)` returns None only when no whole frame is there."""

    def __init__(self, channel: str, bitrate: int | None) -> None:
        self.bells = 0
        """Commands and frames that the adapter refused."""
        self.bad_lines = 0
        """Lines that were no frame and no answer."""
        self._pending = bytearray()
        try:
            super().__init__(channel, bitrate=bitrate, sleep_after_open=0.0, timeout=0.0)
            _block_reads_until_a_byte(self.fileno())
        except (CanError, OSError, ValueError, termios.error):
            self.shutdown()
            raise

    def shutdown(self) -> None:
        """Close channel and device, though the device may be gone."""
        self._is_shutdown = True
        device = getattr(self, "serialPortOrig", None)
        if device is None:
            return
        with contextlib.suppress(CanError, OSError, serial.SerialException):
            self.close()
        with contextlib.suppress(OSError, serial.SerialException):
            device.close()

    def _write(self, string: str) -> None:
        data = string.encode("ascii") + self.LINE_TERMINATOR
        try:
            sent = os.write(self.fileno(), data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise CanOperationError(f"write failed: {error.strerror}") from error
        if sent < len(data):
            raise CanOperationError("adapter takes no more bytes")

    def _read(self, timeout: float | None) -> str | None:  # noqa: ARG002 - never waits
        while True:
            while (match := _LINE.match(self._pending)) is not None:
                line = bytes(match[0])
                del self._pending[: len(line)]
                if self._is_frame(line):
                    return line.decode("ascii")
            if not self._fill():
                return None

    def _fill(self) -> bool:
        """Take what the device has; False if there is nothing. Raises: CanOperationError if it is gone."""
        if len(self._pending) > _MAX_LINE:
            self.bad_lines += 1
            self._pending.clear()
        try:
            data = os.read(self.fileno(), _READ_SIZE)
        except BlockingIOError:
            return False
        except OSError as error:
            raise CanOperationError(error.strerror or "read failed") from error
        if not data:
            raise CanOperationError("device is gone")
        self._pending += data
        return True

    def _is_frame(self, line: bytes) -> bool:
        if line.endswith(_BELL):
            self.bells += 1
            self.bad_lines += len(line) > 1
            return False
        if line[:1] not in b"tTrR":
            self.bad_lines += line[:1] not in b"\rzZVNFvAa"
            return False
        valid = _is_whole(line)
        self.bad_lines += not valid
        return valid


def _is_whole(line: bytes) -> bool:
    match = _FRAME.fullmatch(line.decode("latin-1"))
    if match is None:
        return False
    length, digits = (match[1], match[2]) if match[1] is not None else (match[3], match[4])
    data_digits = 0 if line[:1] in b"rR" else 2 * int(length)
    return len(digits) in {data_digits, data_digits + _STAMP_DIGITS}


def _block_reads_until_a_byte(fd: int) -> None:
    """Make an empty read mean hang-up; pyserial leaves VMIN at 0."""
    try:
        attributes = termios.tcgetattr(fd)
        attributes[_CC][termios.VMIN] = 1
        termios.tcsetattr(fd, termios.TCSANOW, attributes)
    except termios.error as error:
        raise CanInitializationError(str(error)) from error
