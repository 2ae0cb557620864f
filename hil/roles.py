"""What a scenario needs of a bench: small interfaces that a simulated and a real bench both have (values).

Everything that changes the hardware gives the time of the change, monotonic seconds on the bench's clock.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal, Protocol

Json = dict[str, Any]
Tell = Callable[[Json], None]
"""Takes one event as the bench's control socket streams it: at least `event` and `t`."""


class CannotError(Exception):
    """This bench has nothing that can do it: the scenario is skipped, with this sentence as the reason."""


class Car(Protocol):
    """The car at an EVSE."""

    async def plug_in(self, evse: int = 1, **model: Any) -> float:
        """Plug in; a simulated car takes the fields of the bench's `plug_in`. Raises: CannotError."""

    async def plug_out(self, evse: int = 1) -> float:
        """Pull the cable."""

    async def ev(self, state: Literal["B", "C", "D", "sleep"], evse: int = 1, **fields: Any) -> float:
        """Let the car ask for this state from now on. Raises: CannotError."""


class Faults(Protocol):
    """Faults that can be brought in."""

    async def bring(self, kind: str, evse: int = 1, **fields: Any) -> float:
        """Bring a fault in. Raises: CannotError."""

    async def clear(self, kind: str | None = None, evse: int = 1) -> float:
        """Take it out, or all."""


class Meter(Protocol):
    """The meter that measures what an EVSE delivers."""

    async def set(self, evse: int = 1, **registers: Any) -> float:
        """Set registers. Raises: CannotError."""

    async def energy_wh(self, evse: int = 1) -> Decimal:
        """Read its import register, Wh. Raises: CannotError."""


class Reader(Protocol):
    """The card reader."""

    async def swipe(self, token: str, **fields: Any) -> float:
        """Hold a card to it. Raises: CannotError."""


class Power(Protocol):
    """Supply of the hardware; Linux keeps running."""

    async def cut(self) -> float:
        """Take the supply away. Raises: CannotError."""

    async def on(self) -> float:
        """Give it back."""


class Probe(Protocol):
    """What observes the hardware from outside."""

    def sees(self, event: str) -> bool:
        """Tell whether it can report this kind of event."""

    async def state(self, evse: int = 1) -> Json:
        """Everything it can tell of an EVSE now; the fields are those of the bench's `state`. Raises: CannotError."""
