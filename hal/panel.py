"""What faces the driver at an EVSE: card reader, light, buzzer and small display.

Commands never block and never raise; times are monotonic seconds (`at_s`, the event loop's clock).
"""

from collections.abc import Callable
from enum import Enum
from typing import Protocol

from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class CardPresented:
    """A card was held to a reader."""

    uid: str
    """Upper-case hexadecimal unless the reader is configured otherwise."""
    token_type: str
    """`ISO14443` or `ISO15693`."""
    at_s: float

    def __repr__(self) -> str:
        """Keep the token out of logs."""
        return f"CardPresented(uid=…{self.uid[-2:]}, token_type={self.token_type!r}, at_s={self.at_s!r})"


class RfidReader(Protocol):
    """Reads one token at a time."""

    async def run(self, emit: Callable[[CardPresented], None]) -> None:
        """Own the line for ever; returns only on cancellation."""


class Light(Enum):
    """Colour of the EVSE's light."""

    OFF = "off"
    GREEN = "green"
    BLUE = "blue"
    YELLOW = "yellow"
    RED = "red"
    WHITE = "white"


class Buzzer(Enum):
    """Sound made once when an indication is shown."""

    NONE = "none"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Indication:
    """What the driver sees and hears at one EVSE."""

    light: Light
    blinking: bool
    buzzer: Buzzer
    text: str
    """At most 32 characters: two lines of a small display."""


class Indicator(Protocol):
    """Light, buzzer and small display of one EVSE."""

    def show(self, indication: Indication) -> None:
        """Show this until the next call; never blocks, a missing display is no error."""

    async def run(self) -> None:
        """Own the line for ever; returns only on cancellation."""
