"""What a board may offer beside pilot and contactor: one small interface each, present only where the board has it.

`BoardCapabilities` says which of them a board has. As with `hal.api`, commands never block and never raise; what came
of them arrives as an event.
"""

from typing import Literal, Protocol

Phases = Literal[1, 3]


class ConnectorLock(Protocol):
    """Motor lock of a socket; feedback arrives as `LockChanged` or `Fault.LOCK_FAILED`."""

    def lock(self) -> None:
        """Lock the plug in the socket."""

    def unlock(self) -> None:
        """Release the plug."""


class PilotInterrupt(Protocol):
    """The pilot can be taken to state F on command; for boards that leave sequences to the host."""

    def interrupt_pilot(self) -> None:
        """Put steady -12 V (F) on the pilot until the next `offer_current`."""


class PhaseSwitch(Protocol):
    """The connection of one or three phases; feedback arrives as `PhasesSwitched`."""

    def switch_phases(self, phases: Phases) -> None:
        """Connect so many phases; ignored unless the contactor is confirmed open."""


class ShuntTrip(Protocol):
    """An output that trips the breaker in front of the EVSE, for a contactor that does not open."""

    def trip(self) -> None:
        """Trip the breaker; only a technician can undo this."""
