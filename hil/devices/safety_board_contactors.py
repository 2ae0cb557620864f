"""Contactors of the simulated safety controller and their mirror contacts (lives on the loop it is given).

Contactor 1 switches L1 and N, contactor 2 L2 and L3; contactor 1 opens first and closes last. What is reported comes
from the mirror contacts, never from the coil.
"""

from collections.abc import Callable

from hal.codecs.safety_values import ContactorState
from hil.devices.safety_board_values import SafetyBoardModel
from hil.devices.timers import Timers
from hil.world import EvseWorld, Wiring

NUMBERS = (1, 2, 3)
Driven = tuple[bool, bool, bool]
ALL_OPEN: Driven = (False, False, False)


class SafetyContactors:
    """Drives up to three coils; `disagreeing` is what the supervision asks for."""

    def __init__(self, world: EvseWorld, model: SafetyBoardModel, violated: Callable[[Driven], None]) -> None:
        self._world = world
        self._model = model
        self._violated = violated
        self._timers = Timers(world.loop)
        self._closed = [False, False, False]
        self.driven: Driven = ALL_OPEN

    def reset(self) -> None:
        """Let go of every coil."""
        self.drive(ALL_OPEN)
        self._timers.cancel_all()

    def drive(self, wanted: Driven) -> None:
        """Drive these coils; tells `violated` if contactor 2 or 3 is switched under contactor 1."""
        wanted = self._fitted(wanted)
        if wanted == self.driven:
            return
        stays_closed = self.driven[0] and wanted[0]
        if stays_closed and self._world.is_closed(1):
            self._violated(wanted)
        first_opens = self.driven[0] and not wanted[0]
        self.driven = wanted
        if first_opens:
            self._world.change(relay_driven=False)
        self._world.change(further_relays_driven=wanted[1:] if self._model.contactors[1] else ())
        self._world.change(relay_driven=wanted[0])

    def look(self) -> None:
        """Follow the mirror contacts; one that bounces reads as undefined for a while."""
        for number in NUMBERS:
            closed = self._world.is_closed(number)
            if closed != self._closed[number - 1]:
                self._closed[number - 1] = closed
                if Wiring.AUXILIARY_BOUNCES in self._world.wiring:
                    self._timers.after(f"bounce {number}", self._model.timing.bounce_s, lambda: None)

    @property
    def states(self) -> tuple[ContactorState, ContactorState, ContactorState]:
        """What the mirror contacts say."""
        first, second, third = (self._state(number) for number in NUMBERS)
        return first, second, third

    @property
    def disagree(self) -> bool:
        """True if a mirror contact does not follow its coil."""
        return any(
            fitted and self._world.is_closed(number) != self.driven[number - 1]
            for number, fitted in zip(NUMBERS, self._model.contactors, strict=True)
        )

    def _state(self, number: int) -> ContactorState:
        if not self._model.contactors[number - 1]:
            return ContactorState.UNUSED
        if f"bounce {number}" in self._timers:
            return ContactorState.UNDEFINED
        return ContactorState.CLOSED if self._closed[number - 1] else ContactorState.OPEN

    def _fitted(self, wanted: Driven) -> Driven:
        first, second, third = (want and fitted for want, fitted in zip(wanted, self._model.contactors, strict=True))
        return (True, second, third) if first else ALL_OPEN
