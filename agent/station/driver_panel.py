"""What the driver sees and hears at one EVSE, where there is an indicator: a refusal for a moment, else the state."""

from collections.abc import Collection
from typing import Final

from agent.domain.indication import CHECKING, REJECTED, RESERVED_FOR_OTHER, indication_for
from agent.domain.session_state import SessionState
from hal.api import Fault
from hal.panel import Indicator

REFUSAL_SHOWN_S: Final = 3.0


class DriverPanel:
    """Owns nothing: tells the indicator what to show."""

    def __init__(self, indicator: Indicator | None) -> None:
        self._indicator = indicator
        self._refused_at_s: float | None = None
        self._checking = False

    def show(self, state: SessionState, faults: Collection[Fault], *, reserved: bool = False) -> None:
        """Show how things stand, from now on."""
        self._refused_at_s, self._checking = None, False
        if self._indicator is not None:
            self._indicator.show(indication_for(state, faults, reserved=reserved))

    def check(self) -> None:
        """Show that a card is being looked up."""
        self._checking = True
        if self._indicator is not None:
            self._indicator.show(CHECKING)

    def refuse(self, now_s: float, *, reserved: bool = False) -> None:
        """Show that a card was refused, or is good but not where somebody else has reserved."""
        self._refused_at_s, self._checking = now_s, False
        if self._indicator is not None:
            self._indicator.show(RESERVED_FOR_OTHER if reserved else REJECTED)

    def is_over(self, now_s: float, *, answered: bool = False) -> bool:
        """Tell whether the state is to be shown again: the refusal was seen, or the card has its answer."""
        if self._refused_at_s is not None:
            return now_s - self._refused_at_s >= REFUSAL_SHOWN_S
        return self._checking and answered
