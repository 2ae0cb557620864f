"""A serial device, or the PTY that stands in for one.

Writes go to the kernel in the call itself, so that a command to open the contactor waits for nothing; what the kernel
does not take at once follows when it can. A device that vanished (EIO, end of file) is lost until `open` finds it
again.
"""

import asyncio
import contextlib
import os
import termios

import serial

from hal.api import PortError
from hal.transports.received_bytes import ReceivedBytes

_READ_SIZE = 4096
_MAX_UNREAD_BYTES = 65_536
_MAX_UNSENT_BYTES = 4096
_CFLAG, _CC = 2, 6
DTR_PULSE_S = 0.25
"""What avrdude gives the capacitor between DTR and the reset of an Arduino."""


class SerialPort:
    """One serial device by path; implements `Port`."""

    def __init__(self, path: str, baudrate: int, *, parity: str = "N", stopbits: float = 1, bytesize: int = 8) -> None:
        self._path = path
        self._settings = {"baudrate": baudrate, "parity": parity, "stopbits": stopbits, "bytesize": bytesize}
        self._device: serial.Serial | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._fd = -1
        self._received = ReceivedBytes()
        self._unsent = bytearray()
        self._reading = False

    async def open(self) -> None:
        """Open or reopen the device, dropping what it had received. Raises: PortError."""
        self.close()
        try:
            self._device = serial.Serial(self._path, timeout=0, write_timeout=0, **self._settings)
            self._fd = self._device.fileno()
            _block_reads_until_a_byte(self._fd)
        except (serial.SerialException, OSError, termios.error, ValueError) as error:
            self._release()
            raise PortError(f"{self._path}: {error}") from error
        self._loop = asyncio.get_running_loop()
        self._received.reopen()
        self._resume_reading()

    def write(self, data: bytes) -> None:
        """Send at once. Raises: PortError if the device is gone or takes nothing any more."""
        if self._received.lost is not None:
            raise PortError(str(self._received.lost))
        if self._unsent:
            self._unsent += data
        else:
            sent = self._send(data)
            if sent < len(data) and self._loop is not None and self._fd >= 0:  # sending may find the device gone
                self._unsent += data[sent:]
                self._loop.add_writer(self._fd, self._on_writable)
        if len(self._unsent) > _MAX_UNSENT_BYTES:
            self._lose("takes no more bytes")
        if self._received.lost is not None:
            raise PortError(str(self._received.lost))

    async def read(self) -> bytes:
        """Wait for at least one byte. Raises: PortError if the device is gone."""
        data = await self._received.get()
        self._resume_reading()
        return data

    async def pulse_dtr(self, pulse_s: float = DTR_PULSE_S) -> None:
        """Drop DTR and raise it again, which resets boards that wire it to their reset line.

        Raises: PortError if the line is not open or has no DTR.
        """
        if self._device is None:
            raise PortError(f"{self._path}: closed")
        try:
            self._device.dtr = False
            await asyncio.sleep(pulse_s)
            self._device.dtr = True
        except (OSError, serial.SerialException) as error:
            raise PortError(f"{self._path}: has no DTR line: {error}") from error

    def discard_input(self) -> None:
        """Drop bytes that arrived, read or still in the kernel."""
        self._received.discard()
        if self._fd >= 0:
            with contextlib.suppress(termios.error):
                termios.tcflush(self._fd, termios.TCIFLUSH)
        self._resume_reading()

    def close(self) -> None:
        """Close; harmless if closed already."""
        self._received.discard()
        self._received.fail(PortError(f"{self._path}: closed"))
        self._release()

    def _on_readable(self) -> None:
        try:
            data = os.read(self._fd, _READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lose(error.strerror or "read failed")
            return
        if not data:
            self._lose("device is gone")
            return
        self._received.put(data)
        if len(self._received) > _MAX_UNREAD_BYTES and self._loop is not None:
            self._loop.remove_reader(self._fd)
            self._reading = False

    def _on_writable(self) -> None:
        sent = self._send(bytes(self._unsent))
        del self._unsent[:sent]
        if not self._unsent and self._loop is not None and self._fd >= 0:
            self._loop.remove_writer(self._fd)

    def _send(self, data: bytes) -> int:
        try:
            return os.write(self._fd, data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as error:
            self._lose(error.strerror or "write failed")
            return 0

    def _resume_reading(self) -> None:
        if self._loop is not None and self._fd >= 0 and not self._reading:
            self._loop.add_reader(self._fd, self._on_readable)
            self._reading = True

    def _lose(self, reason: str) -> None:
        self._received.fail(PortError(f"{self._path}: {reason}"))
        self._release()

    def _release(self) -> None:
        if self._fd >= 0 and self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
        self._reading = False
        self._unsent.clear()
        self._fd = -1
        if self._device is not None:
            with contextlib.suppress(OSError, serial.SerialException):
                self._device.close()
            self._device = None


def _block_reads_until_a_byte(fd: int) -> None:
    """Make an empty read mean hang-up (pyserial leaves VMIN 0), and keep DTR up on close: DTR resets some boards."""
    attributes = termios.tcgetattr(fd)
    attributes[_CC][termios.VMIN] = 1
    attributes[_CFLAG] &= ~termios.HUPCL
    termios.tcsetattr(fd, termios.TCSANOW, attributes)
