"""A pseudo-terminal under a stable name: what a serial device is on the bench (runner).

The bench keeps its own hold on the far end, so the line survives whoever opens, closes or dies at it. Bytes that nobody
reads are lost once the line's buffer is full, as on a wire.
"""

import asyncio
import os
import termios
import tty
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hal.codecs.recording import Direction
from hil.lines.tap import Tap, no_tap

READ_SIZE = 4096
INPUT_SPEED, OUTPUT_SPEED = 4, 5
"""Places in what `termios.tcgetattr` gives."""
RESTING_SPEED = termios.B50
"""No device of the bench runs at it."""


class PtyLine:
    """One line, linked at `path`; `receive` takes what the far end writes, `tap` hears what passes."""

    def __init__(self, path: Path, receive: Callable[[bytes], None], tap: Tap = no_tap) -> None:
        self.tap = tap
        self._path = path
        self._receive = receive
        self._near: int | None = None
        self._far: int | None = None

    def open(self) -> None:
        """Make the terminal and its link, replacing a stale link. Raises: OSError, FileExistsError for a real file."""
        if self._near is not None:
            return
        if self._path.exists() and not self._path.is_symlink():
            raise FileExistsError(f"{self._path} is in the way: not a link of an earlier bench")
        self._near, self._far = os.openpty()
        tty.setraw(self._far)
        os.set_blocking(self._near, False)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(f".{self._path.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(self._far))
        fresh.replace(self._path)
        asyncio.get_running_loop().add_reader(self._near, self._readable)

    def write(self, data: bytes) -> None:
        """Send bytes to the far end; what does not fit is lost."""
        if self._near is not None:
            with suppress(BlockingIOError):
                sent = os.write(self._near, data)
                self.tap(Direction.FROM_DEVICE, data[:sent])

    def close(self) -> None:
        """Take the line away: whoever has it open is hung up, and the link is gone."""
        if self._near is None or self._far is None:
            return
        asyncio.get_running_loop().remove_reader(self._near)
        self._path.unlink(missing_ok=True)
        os.close(self._near)
        os.close(self._far)
        self._near = self._far = None

    def _readable(self) -> None:
        if self._near is None:
            return
        try:
            data = os.read(self._near, READ_SIZE)
        except BlockingIOError:
            return
        if data:
            self._rest()
            self.tap(Direction.TO_DEVICE, data)
            self._receive(data)

    def _rest(self) -> None:
        """Put the speed back, which means nothing to a pseudo-terminal."""
        if self._far is None:
            return
        attributes = termios.tcgetattr(self._far)
        if attributes[OUTPUT_SPEED] != RESTING_SPEED:
            attributes[INPUT_SPEED] = attributes[OUTPUT_SPEED] = RESTING_SPEED
            termios.tcsetattr(self._far, termios.TCSANOW, attributes)
