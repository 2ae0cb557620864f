"""Relay time and energy of the board: this plug-in and its whole life (rule; time comes from the world).

The session's energy restarts at the plug-in, its relay time only when the relay closes for the first time after it:
until then the board shows the last plug-in's. The total lives in the EEPROM; a plug-in's energy is added, in whole
watt hours, when the plug-in ends, and lost if the board goes dark before.
Source: facts rapi_openevse, `$GS` and `$GU`; open_evse 8.2.3, `chargingOn` and `EnergyMeter`.
"""

from hil.devices.openevse_board_values import Eeprom
from hil.world import WATT_SECONDS_PER_WH, EvseWorld


class PlugInCounters:
    """Counts what flows while the board is powered."""

    def __init__(self, world: EvseWorld, eeprom: Eeprom) -> None:
        self._world = world
        self._eeprom = eeprom
        self._in_session = False
        self.reset()

    def reset(self) -> None:
        """Begin after the dark."""
        self._charged_s = 0.0
        self._closed_s: float | None = None
        self._in_session = False
        self._session_start_ws = self._world.energy_ws

    def plugged(self) -> None:
        """Begin a session."""
        self.unplugged()
        self._in_session = True
        self._session_start_ws = self._world.energy_ws

    def unplugged(self) -> None:
        """End a session: what it took joins the total."""
        if self._in_session:
            self._in_session = False
            self._eeprom.total_wh += int(self.session_ws // WATT_SECONDS_PER_WH)

    @property
    def charging(self) -> bool:
        """True while the relay is driven."""
        return self._closed_s is not None

    def relay_closes(self, *, first: bool) -> None:
        """Start the clock; anew if this is the first time since the plug-in."""
        if first:
            self._charged_s = 0.0
        self._closed_s = self._world.loop.time()

    def relay_opens(self) -> None:
        """Stop the clock."""
        self._charged_s, self._closed_s = self.elapsed_s, None

    @property
    def elapsed_s(self) -> float:
        """Charging time of this plug-in."""
        running_s = 0.0 if self._closed_s is None else self._world.loop.time() - self._closed_s
        return self._charged_s + running_s

    @property
    def session_ws(self) -> float:
        """Energy since the plug-in, watt seconds."""
        return self._world.energy_ws - self._session_start_ws

    @property
    def total_wh(self) -> int:
        """Energy of all plug-ins that ended, Wh."""
        return int(self._eeprom.total_wh)
