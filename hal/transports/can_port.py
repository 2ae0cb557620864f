"""A CAN bus through python-can, shared by the drivers of the devices on it (runner).

Rules kept here:
* The first line that opens opens the bus, the last that closes closes it. A bus that is lost fails every line on it;
  each driver reopens its own, and the first of them reopens the bus.
* Sending is handed to the kernel in the call itself and never waits.
* A bus with a descriptor (slcan, socketcan) is read when it is readable. python-can's `Notifier` is not used for it: an
  adapter that vanished raises inside its callback at each turn of the loop, for ever. A bus without one (virtual) is
  read by a thread that sleeps in the bus's own queue.
* python-can is imported when a bus is opened for the first time, in a thread: it takes a good part of a second.
"""

import asyncio
import contextlib
import importlib
import logging
import threading
from collections import deque
from typing import TYPE_CHECKING, Final

from hal.api import PortError
from hal.transports.can_line import MAX_DATA_BYTES, CanFilter, CanFrame, CanSettings

if TYPE_CHECKING:
    from can import BusABC, Message

logger = logging.getLogger(__name__)

INTERFACES: Final = ("slcan", "socketcan", "virtual")
_BURST: Final = 100
"""Frames taken in one turn of the loop."""
_MAX_UNREAD: Final = 256
_THREAD_WAIT_S: Final = 0.2


class CanPort:
    """One bus. Raises: ValueError for an interface that is not supported."""

    def __init__(self, settings: CanSettings) -> None:
        if settings.interface not in INTERFACES:
            raise ValueError(f"CAN interface {settings.interface!r} is not supported; known: {', '.join(INTERFACES)}")
        self._settings = settings
        self._bus: BusABC | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lines: list[SharedCanLine] = []
        self._closed_errors = 0
        self.error_frames = 0
        """Error frames that the controller reported since start."""
        self.unusable_frames = 0
        """Remote frames, FD frames and frames that contradict themselves, since start."""
        self.unread_frames = 0
        """Frames that were dropped because their driver did not read."""

    @property
    def adapter_errors(self) -> int:
        """Refusals (BELL) and unreadable lines of a serial adapter since start."""
        return self._closed_errors + _adapter_errors(self._bus)

    def line(self, *filters: CanFilter) -> "SharedCanLine":
        """Make one driver's line, on which it hears the frames that pass one of the filters; none: every frame."""
        return SharedCanLine(self, filters)

    async def open_for(self, line: "SharedCanLine") -> None:
        """Open the bus if nobody has, and let this line hear. Raises: PortError."""
        if self._bus is None:
            await asyncio.to_thread(_load, self._settings.interface)
        if self._bus is None:  # nobody else did meanwhile
            self._open()
        if line not in self._lines:
            self._lines.append(line)

    def close_for(self, line: "SharedCanLine") -> None:
        """Let this line hear no more; the last one closes the bus."""
        if line in self._lines:
            self._lines.remove(line)
        if not self._lines:
            self._release()

    def send(self, frame: CanFrame) -> None:
        """Hand a frame to the bus. Raises: PortError if it is gone or takes nothing; every line is lost then."""
        from can import CanError, Message  # noqa: PLC0415 - loaded when the bus was opened

        if self._bus is None:
            raise PortError(f"{self._settings.channel}: not open")
        message = Message(arbitration_id=frame.arbitration_id, data=frame.data, is_extended_id=frame.extended)
        try:
            self._bus.send(message, timeout=0)
        except (CanError, OSError) as error:
            raise self._lose(str(error)) from error

    def _open(self) -> None:
        from can import CanError  # noqa: PLC0415 - loaded by now

        try:
            self._bus = bus = _bus(self._settings)
        except (CanError, OSError, ValueError) as error:
            raise PortError(f"{self._settings.channel}: {error}") from error
        self._loop = asyncio.get_running_loop()
        try:
            self._loop.add_reader(bus.fileno(), self._on_readable)
        except NotImplementedError:
            threading.Thread(target=self._read_in_thread, args=(bus, self._loop), name="can", daemon=True).start()

    def _on_readable(self) -> None:
        from can import CanError  # noqa: PLC0415 - loaded when the bus was opened

        bus = self._bus
        try:
            for _ in range(_BURST):
                if bus is None or bus is not self._bus:
                    return
                if (message := bus.recv(0)) is None:
                    return
                self._deliver(message)
        except (CanError, OSError, ValueError) as error:
            self._lose(str(error))
            return
        if self._loop is not None:  # what the bus holds in its own buffer makes no descriptor readable
            self._loop.call_soon(self._on_readable)

    def _read_in_thread(self, bus: "BusABC", loop: asyncio.AbstractEventLoop) -> None:
        from can import CanError  # noqa: PLC0415 - loaded when the bus was opened

        with contextlib.suppress(CanError, RuntimeError):  # the bus was shut down, or the loop is closed
            while bus is self._bus:
                if (message := bus.recv(_THREAD_WAIT_S)) is not None:
                    loop.call_soon_threadsafe(self._deliver, message)

    def _deliver(self, message: "Message") -> None:
        if message.is_error_frame:
            self.error_frames += 1
            return
        odd = message.is_remote_frame or message.is_fd or len(message.data) > MAX_DATA_BYTES
        if odd or len(message.data) != message.dlc:
            self.unusable_frames += 1
            return
        frame = CanFrame(message.arbitration_id, bytes(message.data), extended=message.is_extended_id)
        for line in tuple(self._lines):
            self.unread_frames += line.put(frame)

    def _lose(self, reason: str) -> PortError:
        error = PortError(f"{self._settings.channel}: {reason}")
        for line in tuple(self._lines):
            line.fail(error)
        self._release()
        return error

    def _release(self) -> None:
        bus, self._bus = self._bus, None
        if bus is None:
            return
        self._closed_errors += _adapter_errors(bus)
        if self._loop is not None and not self._loop.is_closed():
            with contextlib.suppress(NotImplementedError, ValueError, OSError):
                self._loop.remove_reader(bus.fileno())
        with contextlib.suppress(OSError):
            bus.shutdown()


class SharedCanLine:
    """One driver's line on a `CanPort`; implements `CanLine`."""

    def __init__(self, port: CanPort, filters: tuple[CanFilter, ...]) -> None:
        self._port = port
        self._filters = filters
        self._frames: deque[CanFrame] = deque(maxlen=_MAX_UNREAD)
        self._lost: PortError | None = PortError("not open")
        self._arrived = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """True between `open` and `close`, while the bus is there."""
        return self._lost is None

    async def open(self) -> None:
        """Open or reopen the line, dropping what had arrived. Raises: PortError."""
        self.close()
        await self._port.open_for(self)
        self._lost = None

    def send(self, frame: CanFrame) -> None:
        """Send at once. Raises: PortError if the bus is gone or takes nothing any more."""
        if self._lost is not None:
            raise PortError(str(self._lost))
        self._port.send(frame)

    async def receive(self) -> list[CanFrame]:
        """Wait for at least one wanted frame. Raises: PortError if the bus is gone."""
        while not self._frames:
            if self._lost is not None:
                raise PortError(str(self._lost)) from self._lost
            self._arrived.clear()
            await self._arrived.wait()
        frames = list(self._frames)
        self._frames.clear()
        return frames

    def close(self) -> None:
        """Close; harmless if closed already."""
        self._frames.clear()
        self.fail(PortError("closed"))
        self._port.close_for(self)

    def put(self, frame: CanFrame) -> bool:
        """Take a frame of the bus; True if an older one had to go for it."""
        if self._filters and not any(wanted.passes(frame) for wanted in self._filters):
            return False
        overrun = len(self._frames) == _MAX_UNREAD
        self._frames.append(frame)
        self._arrived.set()
        return overrun

    def fail(self, error: PortError) -> None:
        """Let reading and sending fail from now on, after what arrived before was read."""
        if self._lost is None:
            self._lost = error
        self._arrived.set()


def _load(interface: str) -> None:
    """Import what this interface needs. Raises: ImportError if python-can is not installed."""
    importlib.import_module("hal.transports.slcan_bus" if interface == "slcan" else f"can.interfaces.{interface}")


def _bus(settings: CanSettings) -> "BusABC":
    # Not `can.Bus`: that would read configuration files of its own.
    match settings.interface:
        case "slcan":
            from hal.transports.slcan_bus import NonBlockingSlcanBus  # noqa: PLC0415 - imports python-can

            return NonBlockingSlcanBus(settings.channel, settings.bitrate)
        case "socketcan":
            from can.interfaces.socketcan import SocketcanBus  # noqa: PLC0415

            return SocketcanBus(settings.channel)
        case _:
            from can.interfaces.virtual import VirtualBus  # noqa: PLC0415

            return VirtualBus(settings.channel)


def _adapter_errors(bus: "BusABC | None") -> int:
    return int(getattr(bus, "bells", 0)) + int(getattr(bus, "bad_lines", 0))
