"""What the station watches for its security log by itself: starts, firmware, clock, memory and parameters."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from agent.clock import Clock
from agent.domain.device_model import DeviceModel
from agent.domain.security_event import SecurityEventType
from agent.domain.variable import VariableKey
from agent.station.exhaustion import Exhaustion, Room, measure_room
from agent.station.journal import Journal
from agent.station.security_events import SecurityEvents
from agent.station.taught_clock import TaughtClock
from agent.store import boot_history
from agent.store.database import Database
from agent.store.errors import StoreError
from agent.store.security_log import FOLDER_NAME

SECURITY_COMPONENT = "SecurityCtrlr"


class SecurityWatch:
    """Owns the security events of a station, and raises those that nobody else can see."""

    def __init__(
        self,
        database: Database,
        state_dir: Path,
        journal: Journal,
        clock: Clock,
        room: Callable[[], Room] | None = None,
    ) -> None:
        self._database = database
        self.clock = TaughtClock(clock, self._clock_set)
        """The clock that is given to whoever may set it."""
        self.events = SecurityEvents(database, state_dir / FOLDER_NAME, journal, clock, lambda: self.clock.taught)
        self._exhaustion = Exhaustion(room or (lambda: measure_room(state_dir)), self.events.raise_event)
        self._firmware_before: str | None = None
        journal.on_health(self._journal_health_changed)

    async def open(self, model: DeviceModel, firmware_version: str) -> None:
        """Open the log and look at what changed since the last start. Raises: StoreError."""
        self._firmware_before = await self._database.run(
            lambda connection: boot_history.note_firmware(connection, firmware_version)
        )
        await self.events.open()
        model.on_written(self._parameter_written)

    async def run(self) -> None:
        """Watch for ever; returns only on cancellation."""
        await self._exhaustion.run()

    def announce_start(self, boot_reason: str, firmware_version: str) -> None:
        """Tell the start, and where the log stood: so the back-end can tell whether older lines were forged since."""
        if self._firmware_before is not None:
            changed = f"from {self._firmware_before} to {firmware_version}"
            self.events.raise_event(SecurityEventType.FIRMWARE_UPDATED, changed)
        head = self.events.head
        log = "" if head is None else f" log={head.seq}:{head.chain}"
        self.events.raise_event(
            SecurityEventType.STARTUP_OF_THE_DEVICE, f"reason={boot_reason} firmware={firmware_version}{log}"
        )

    async def close(self) -> None:
        """Write what is left, as far as the disk lets; before journal and database are closed."""
        with suppress(StoreError, OSError):
            await self.events.close()

    def _clock_set(self, step: timedelta) -> None:
        told = f"by {step.total_seconds():.1f} s, from the back-end"
        self.events.raise_event(SecurityEventType.SETTING_SYSTEM_TIME, told)

    def _journal_health_changed(self, healthy: bool) -> None:  # noqa: FBT001 - the journal's callback
        if not healthy:
            self._exhaustion.journal_failed()

    def _parameter_written(self, key: VariableKey, _value: str) -> None:
        if key.component == SECURITY_COMPONENT:
            self.events.raise_event(SecurityEventType.RECONFIGURATION_OF_SECURITY_PARAMETERS, f"{key} was set")
