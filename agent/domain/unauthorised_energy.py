"""Finds energy that flowed while nobody was charging on a bill: the register moved between transactions.

A board left enabled while this software was dead gives power to the next car (facts: safety_split_and_interfaces).
Such energy cannot be prevented here, so it is found on return and reported.
"""

from datetime import datetime
from decimal import Decimal

from agent.domain.facts import UnauthorisedEnergyFound


class UnauthorisedEnergyWatch:
    """Compares the register with the last one accounted for."""

    def __init__(self, evse_id: int, accounted_wh: Decimal | None, threshold_wh: Decimal) -> None:
        self._evse_id = evse_id
        self._accounted_wh = accounted_wh
        self._threshold_wh = threshold_wh
        self._first = True

    @property
    def accounted_wh(self) -> Decimal | None:
        """The register up to which all energy is accounted for."""
        return self._accounted_wh

    def account(self, register_wh: Decimal | None) -> None:
        """Take everything up to this register as billed or reported."""
        if register_wh is not None:
            self._accounted_wh = register_wh
            self._first = True

    def look(self, register_wh: Decimal, at: datetime, *, contactor_open: bool) -> UnauthorisedEnergyFound | None:
        """Return what was found, once; small drift behind an open contactor is the meter's own and is let go."""
        before = self._accounted_wh
        first, self._first = self._first, False
        if before is None or register_wh < before:
            self._accounted_wh = register_wh
            return None
        energy_wh = register_wh - before
        if energy_wh >= self._threshold_wh and (first or not contactor_open):
            self._accounted_wh = register_wh
            return UnauthorisedEnergyFound(self._evse_id, at, energy_wh, before, register_wh)
        if contactor_open and not first:
            self._accounted_wh = register_wh
        return None
