"""An AVR controller with a boot loader of the Arduino kind: bytes in, bytes out, a flash that stays.

After a reset it listens for a while, then starts what the first page of its flash leads to. As Optiboot does, it takes
any parameter and programmer's command, knows flash only, and restarts as soon as it is out of step.
Source: Atmel AVR061; ATmega328P data sheet, 27.
"""

import asyncio
from collections.abc import Callable

from hal.codecs.stk500 import (
    ATMEGA328P,
    END_OF_COMMAND,
    ERASED,
    FLASH,
    IN_SYNC,
    NOT_IN_SYNC,
    OK,
    SOFTWARE_MAJOR,
    SOFTWARE_MINOR,
    WORD_BYTES,
    AvrPart,
    jump_to_loader,
)

LISTENS_S = 1.0
PARAMETERS = {SOFTWARE_MAJOR: 4, SOFTWARE_MINOR: 4}
OTHER_PARAMETER = 0x03
_SYNC, _PARAMETER, _DEVICE, _DEVICE_EXTENDED, _ENTER, _LEAVE = 0x30, 0x41, 0x42, 0x45, 0x50, 0x51
_ADDRESS, _UNIVERSAL, _PROGRAM, _READ, _SIGNATURE = 0x55, 0x56, 0x64, 0x74, 0x75
PARAMETER_BYTES = {
    _SYNC: 0,
    _PARAMETER: 1,
    _DEVICE: 20,
    _DEVICE_EXTENDED: 5,
    _ENTER: 0,
    _LEAVE: 0,
    _ADDRESS: 2,
    _UNIVERSAL: 4,
    _PROGRAM: 3,
    _READ: 3,
    _SIGNATURE: 0,
}


class AvrBootLoader:
    """One controller; `output` carries its bytes."""

    def __init__(self, part: AvrPart = ATMEGA328P, application: bytes = b"") -> None:
        self.output: Callable[[bytes], None] = lambda _data: None
        self.part = part
        self.flash = bytearray(bytes([ERASED])) * part.flash_bytes
        self.flash[: len(application)] = application
        self.stuck_bits: dict[int, int] = {}
        """By address: bits of the flash that stay 1."""
        self.page_writes = 0
        self.on_page: Callable[[], None] = lambda: None
        """Called before each page is written; may cut the supply."""
        self.listens = False
        self._received = bytearray()
        self._address = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def starts(self) -> bytes | None:
        """The application that a start runs into; None: the boot loader, or nothing."""
        first = bytes(self.flash[: self.part.page_bytes])
        if first == jump_to_loader(self.part) or set(first) == {ERASED}:
            return None
        return bytes(self.flash[: self.part.application_bytes]).rstrip(bytes([ERASED]))

    def reset(self) -> None:
        """Pull the reset line, or give the supply back."""
        self.listens = True
        self._received.clear()
        self._address = 0
        self._wait()

    def cut_supply(self) -> None:
        """Take the supply away: nothing is heard until `reset`."""
        self.listens = False
        self._received.clear()
        if self._timer is not None:
            self._timer.cancel()

    def receive(self, data: bytes) -> None:
        """Take bytes from the line; the application's own protocol is no part of this device."""
        if self.listens:
            self._received += data
        while self._carry_out_next():
            pass

    def _carry_out_next(self) -> bool:
        if not self._received:
            return False
        command = self._received[0]
        parameters = PARAMETER_BYTES.get(command, 0)
        size = 1 + parameters
        if command == _PROGRAM and len(self._received) >= size:
            size += int.from_bytes(self._received[1:3], "big")
        if len(self._received) <= size:
            return False
        whole, end = bytes(self._received[:size]), self._received[size]
        del self._received[: size + 1]
        if end != END_OF_COMMAND:
            self.output(bytes([NOT_IN_SYNC]))
            self.reset()
            return True
        self._wait()
        self._answer(command, whole[1:])
        return True

    def _answer(self, command: int, parameters: bytes) -> None:
        data = b""
        if command == _PARAMETER:
            data = bytes([PARAMETERS.get(parameters[0], OTHER_PARAMETER)])
        elif command == _UNIVERSAL:
            data = b"\x00"
        elif command == _SIGNATURE:
            data = self.part.signature
        elif command == _ADDRESS:
            self._address = int.from_bytes(parameters, "little") * WORD_BYTES
        elif command == _PROGRAM and parameters[2] == FLASH:
            self._write(parameters[3:])
        elif command == _READ and parameters[2] == FLASH:
            end = self._address + int.from_bytes(parameters[:2], "big")
            data = bytes(self.flash[self._address : end])
        if self.listens:
            self.output(bytes([IN_SYNC]) + data + bytes([OK]))
        if command == _LEAVE:
            self._start()

    def _write(self, page: bytes) -> None:
        self.on_page()
        end = self._address + len(page)
        if not self.listens or self._address % self.part.page_bytes or end > self.part.application_bytes:
            return
        self.page_writes += 1
        self.flash[self._address : end] = page
        for address, bits in self.stuck_bits.items():
            self.flash[address] |= bits

    def _wait(self) -> None:
        """The watchdog of the boot loader: without a command it starts what there is."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(LISTENS_S, self._start)

    def _start(self) -> None:
        if self.starts is None:
            self.reset()  # the first page leads back into the boot loader
        else:
            self.cut_supply()
