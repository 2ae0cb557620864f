"""Time and charge limits of one plug-in: `$S3` and `$SH` (lives on the loop it is given).

Source: facts rapi_openevse, section Set; open_evse 8.2.3, `SetTimeLimit15` and `SetChargeLimitkWh`: both count from
the beginning of the plug-in, whenever they are set, and end with it.
"""

from collections.abc import Callable

from hil.devices.timers import Timers
from hil.world import WATT_SECONDS_PER_WH, EvseWorld

QUARTER_S = 900


class PlugInLimits:
    """Calls `reached` when the charging time or the energy is used up."""

    def __init__(self, world: EvseWorld, reached: Callable[[], None]) -> None:
        self._world = world
        self._reached = reached
        self._timers = Timers(world.loop)
        self.clear()

    def clear(self) -> None:
        """Forget both limits."""
        self.quarters = self.kwh = 0
        self._end_s = self._end_ws = 0.0
        self._timers.cancel_all()

    def set_time(self, quarters: int) -> None:
        """Stop after this many quarters of an hour of charging in all; 0: no limit."""
        self.quarters = quarters & 0xFF
        self._end_s = float(self.quarters * QUARTER_S)

    def set_energy(self, kwh: int, session_ws: float) -> None:
        """Stop after this much energy in all, of which so much has flowed already; 0: no limit."""
        self.kwh = kwh & 0xFF
        self._end_ws = self._world.energy_ws - session_ws + self.kwh * 1000 * WATT_SECONDS_PER_WH

    def plan(self, elapsed_s: float, *, charging: bool) -> None:
        """Set the timers anew; to be called whenever what flows has changed."""
        self._timers.cancel_all()
        if self.quarters and charging:
            self._timers.after("time", max(0.0, self._end_s - elapsed_s), self._reached)
        if self.kwh:
            seconds = self._world.seconds_until_energy(max(0.0, self._end_ws - self._world.energy_ws))
            if seconds is not None:
                self._timers.after("energy", seconds, self._reached)
