"""A CAN bus in memory that simulated devices and one adapter share (runner).

What a node sends reaches every other node, in the order of sending, at the next turn of the loop. Nobody hears itself.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BusFrame:
    """A classic frame; `length` counts where a remote frame asks for so many bytes."""

    arbitration_id: int
    data: bytes = b""
    extended: bool = False
    remote_length: int | None = None
    """None: a data frame."""


Receive = Callable[[BusFrame], None]


class CanBus:
    """One bus with its bit rate; a node of another rate takes no part."""

    def __init__(self, loop: asyncio.AbstractEventLoop, bitrate: int = 125_000) -> None:
        self.bitrate = bitrate
        self.frames = 0
        """Frames sent so far."""
        self._loop = loop
        self._nodes: list[Receive] = []

    def attach(self, receive: Receive) -> Receive:
        """Add a node; gives the function by which it sends."""
        self._nodes.append(receive)

        def send(frame: BusFrame) -> None:
            self.frames += 1
            for node in self._nodes:
                if node is not receive:
                    self._loop.call_soon(node, frame)

        return send
