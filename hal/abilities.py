"""What a board may offer beside pilot and contactor: one small interface each, present only where the board has it.

`BoardCapabilities` says which of them a board has. As with `hal.api`, commands never block and never raise; what came
of them arrives as an event.
"""

from collections.abc import Callable
from typing import Literal, Protocol

from hal.api import FaultCleared, FaultRaised, LockChanged
from hal.value import dataclass

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


class Ventilator(Protocol):
    """The fan for EVs that gas while charging (pilot state D); feedback arrives as `FanChanged`."""

    def run_fan(self, *, on: bool) -> None:
        """Let the fan run, or stop it."""


@dataclass(frozen=True, slots=True)
class FanChanged:
    """Feedback: the fan runs, or does not."""

    running: bool
    at_s: float


CardEvent = FaultRaised | FaultCleared | LockChanged | FanChanged


class InputOutputCard(Protocol):
    """What one EVSE has on a card beside its board; its lock, fan and shunt trip are interfaces of their own."""

    @property
    def last_beat_s(self) -> float:
        """Monotonic time at which the driver's own loop last came round; it does so even while the card is silent."""

    async def at_rest(self) -> None:
        """Wait until no motor is driven and no pulse is under way: what is left now stays so without a host."""

    async def run(self, emit: Callable[[CardEvent], None]) -> None:
        """Poll the card for ever; returns only on cancellation."""


class Contact(Protocol):
    """A contact that belongs to no EVSE, for instance the grid operator's."""

    async def run(self, hear: Callable[[bool], None]) -> None:
        """Tell at every look whether it is closed, for ever; nothing is told while it cannot be read."""


class ControllerFirmware(Protocol):
    """The board's own controller while its boot loader runs and no driver has its line."""

    async def identify(self) -> str:
        """Reset the controller into its boot loader and name it. Raises: HalError."""

    async def install(self, image: bytes, progress: Callable[[float], None]) -> None:
        """Write an image, read it back and start it; `progress` is told the share done, 0 to 1.

        Whatever interrupts it, the controller never starts a part of an image. Raises: HalError; ValueError if the
        image does not fit.
        """
