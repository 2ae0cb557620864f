"""CAN frames and the interface that every CAN line offers to its driver."""

from typing import Final, Protocol

from hal.value import dataclass

MAX_DATA_BYTES: Final = 8
MAX_BASE_ID: Final = 0x7FF
MAX_EXTENDED_ID: Final = 0x1FFF_FFFF


@dataclass(frozen=True, slots=True)
class CanSettings:
    """Which bus: python-can's interface, its channel, and the bit rate where the interface sets it, bit/s."""

    interface: str
    channel: str
    bitrate: int | None = None


@dataclass(frozen=True, slots=True)
class CanFrame:
    """A classic data frame. Raises: ValueError for an identifier or a length that no frame has."""

    arbitration_id: int
    data: bytes
    extended: bool = False

    def __post_init__(self) -> None:
        max_id = MAX_EXTENDED_ID if self.extended else MAX_BASE_ID
        if not 0 <= self.arbitration_id <= max_id or len(self.data) > MAX_DATA_BYTES:
            raise ValueError(f"no such CAN frame: id {self.arbitration_id:#x}, {len(self.data)} data bytes")


@dataclass(frozen=True, slots=True)
class CanFilter:
    """The frames whose identifier equals `arbitration_id` in the bits of `mask`."""

    arbitration_id: int
    mask: int
    extended: bool = False

    def passes(self, frame: CanFrame) -> bool:
        """Tell whether this frame is wanted."""
        differs = (frame.arbitration_id ^ self.arbitration_id) & self.mask
        return frame.extended == self.extended and not differs


class CanLine(Protocol):
    """One driver's view of a bus that can be lost and opened again; one owner, one reader."""

    @property
    def is_open(self) -> bool:
        """True between `open` and `close`."""

    async def open(self) -> None:
        """Open or reopen the line, dropping what an earlier opening had received. Raises: PortError."""

    def send(self, frame: CanFrame) -> None:
        """Send at once, without waiting. Raises: PortError if the bus is gone or takes nothing any more."""

    async def receive(self) -> list[CanFrame]:
        """Wait for at least one wanted frame and return what has arrived. Raises: PortError if the bus is gone."""

    def close(self) -> None:
        """Close; harmless if closed already."""
