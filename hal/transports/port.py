"""The interface that every byte line offers to its driver."""

from typing import Protocol


class Port(Protocol):
    """A byte line that can be lost and opened again; one owner, one reader."""

    async def open(self) -> None:
        """Open or reopen the line, dropping what an earlier opening had received. Raises: PortError."""

    def write(self, data: bytes) -> None:
        """Queue bytes for sending at once; does not wait. Raises: PortError if the line is gone."""

    async def read(self) -> bytes:
        """Wait for at least one byte and return what has arrived. Raises: PortError if the line is gone."""

    def discard_input(self) -> None:
        """Drop bytes that arrived but were not read."""

    def close(self) -> None:
        """Close; harmless if closed already."""
