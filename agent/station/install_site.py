"""The station as firmware updates see it."""

from collections.abc import Callable

from agent.domain import events as ev
from agent.domain.availability import Availability
from agent.domain.vocabulary import StoppedReason, TriggerReason
from agent.station.charging_station import ChargingStation
from agent.store.boot_history import FIRMWARE_UPDATE

NEW_SESSIONS = ("ChargingStation", "AllowNewSessionsPendingFirmwareUpdate")


class StationAsInstallSite:
    """Implements `InstallSite`."""

    def __init__(self, station: ChargingStation, availability: Availability, restart: Callable[[str], None]) -> None:
        """`restart`: ends this process so that it starts again, for this BootReasonEnumType."""
        self._station = station
        self._availability = availability
        self._restart = restart

    @property
    def is_busy(self) -> bool:
        """A transaction is open."""
        return bool(self._station.open_transactions())

    @property
    def allows_new_sessions(self) -> bool:
        """Cars may come while an update waits for others to leave."""
        return self._station.device_model.boolean(*NEW_SESSIONS)

    def hold(self, *, held: bool) -> None:
        """Keep every EVSE out of service, or let it be what it was ordered to be."""
        self._availability.held = held
        for evse in self._station.evses.values():
            evse.post(ev.OperativeChanged(self._availability.operative(evse.evse_id)))

    async def restart(self) -> None:
        """Stop in order, and start the firmware that was installed."""
        await self._station.stop_all(StoppedReason.REBOOT, TriggerReason.RESET_COMMAND)
        self._restart(FIRMWARE_UPDATE)
