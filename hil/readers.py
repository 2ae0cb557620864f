"""The kinds of card reader that the bench hosts, by name on the command line (rule)."""

from collections.abc import Callable
from typing import Protocol

from hil.devices.pn532 import Pn532Simulator
from hil.devices.rfid_reader import RfidReaderSimulator


class Reader(Protocol):
    """What the bench asks of any reader."""

    output: Callable[[bytes], None]
    uid_rule: str
    """What a token of this reader must be."""
    card_types: frozenset[str]

    def receive(self, data: bytes) -> None:
        """Take bytes that the other side sent."""

    def present(self, uid: str) -> bytes:
        """Hold a card to it for a moment; returns what it shows. Raises: ValueError if `uid_rule` is broken."""

    def restart(self) -> None:
        """Get the supply back after it was gone."""


READERS: dict[str, Callable[[], Reader]] = {"line": RfidReaderSimulator, "pn532": Pn532Simulator}
"""By the name of the agent's driver."""


def reader_simulator(kind: str) -> Reader:
    """Build a reader. Raises: ValueError naming what is known."""
    if kind not in READERS:
        raise ValueError(f"unknown reader {kind!r}; known: {', '.join(READERS)}")
    return READERS[kind]()
