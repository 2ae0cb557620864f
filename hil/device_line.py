"""The line that a device of the bench hangs on, and what can be wrong with a line (lives on the loop given).

`output` takes the device's bytes, `receive` gives it bytes. Darkness, noise and bursts live here, because they are no
business of the device.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Protocol

JUNK_MAX = 12
BURST_CHUNK = 256
BURST_STEP_S = 0.022
"""256 bytes take so long at 115,200 bit/s."""
PIECE_MAX = 3
PIECE_STEP_S = 0.001


class Device(Protocol):
    """What hangs on a line."""

    output: Callable[[bytes], None]

    def receive(self, data: bytes) -> None:
        """Take bytes that the other side sent."""


class LineFault(Enum):
    """What a line does to the bytes on it."""

    NOISE = "line_noise"
    """Every other chunk comes with junk before it or a byte changed."""
    SPLIT = "line_split"
    """The device's bytes arrive one to three at a time."""
    NULS = "line_nuls"
    """A NUL comes before every chunk."""
    BAUDRATE = "line_baudrate"
    """Both sides run at different speeds: everything is garbage."""


class DeviceLine:
    """A device and the line it hangs on; attach by setting `output`, feed by `receive`."""

    def __init__(self, device: Device, seed: int = 0) -> None:
        self.output: Callable[[bytes], None] = lambda _data: None
        self.powered = True
        self.faults: set[LineFault] = set()
        self._device = device
        self._random = random.Random(seed)
        self._pieces: deque[bytes] = deque()
        device.output = self._send

    def receive(self, data: bytes) -> None:
        """Bytes from the far end."""
        if self.powered:
            self._device.receive(self._disturb(data))

    def burst(self, size: int) -> None:
        """Put so many random bytes on the line, to both sides, as fast as a serial line carries them."""
        now = self._random.randbytes(min(size, BURST_CHUNK))
        self.output(now)
        self._device.receive(now)
        if size > BURST_CHUNK:
            asyncio.get_running_loop().call_later(BURST_STEP_S, self.burst, size - BURST_CHUNK)

    def _send(self, data: bytes) -> None:
        if not self.powered:
            return
        data = self._disturb(data)
        if LineFault.SPLIT not in self.faults and not self._pieces:
            self.output(data)
            return
        idle = not self._pieces
        while data:
            size = self._random.randint(1, PIECE_MAX)
            self._pieces.append(data[:size])
            data = data[size:]
        if idle:
            self._next_piece()

    def _next_piece(self) -> None:
        if self._pieces and LineFault.SPLIT not in self.faults:  # a busy bench fell behind: the rest comes at once
            rest = b"".join(self._pieces)
            self._pieces.clear()
            self.output(rest)
        elif self._pieces:
            self.output(self._pieces[0])
            asyncio.get_running_loop().call_later(PIECE_STEP_S, self._piece_sent)

    def _piece_sent(self) -> None:
        self._pieces.popleft()
        self._next_piece()

    def _disturb(self, data: bytes) -> bytes:
        if LineFault.BAUDRATE in self.faults:
            return self._random.randbytes(len(data))
        if LineFault.NULS in self.faults:
            data = b"\0" + data
        return self._noisy(data) if LineFault.NOISE in self.faults else data

    def _noisy(self, data: bytes) -> bytes:
        match self._random.randrange(4):
            case 0:
                return self._random.randbytes(self._random.randint(1, JUNK_MAX)) + data
            case 1 if data:
                place = self._random.randrange(len(data))
                return data[:place] + self._random.randbytes(1) + data[place + 1 :]
            case _:
                return data
