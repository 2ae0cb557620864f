"""Firmware and logs of one station. Implements `FileCommands`."""

import asyncio
from typing import TYPE_CHECKING

from agent.station.firmware_parts import InstallSite
from agent.station.log_uploads import LogUploads

if TYPE_CHECKING:  # a station without an installer is spared it
    from agent.station.firmware_updates import FirmwareUpdates


class FileJobs:
    """Both runners; `run` returns only on cancellation."""

    def __init__(self, logs: LogUploads, firmware: "FirmwareUpdates | None" = None) -> None:
        self.logs = logs
        self.firmware = firmware

    def attach(self, site: InstallSite) -> None:
        """Say what firmware updates hold out of service and restart."""
        if self.firmware is not None:
            self.firmware.attach(site)

    async def open(self) -> None:
        """Load what was under way. Raises: StoreError."""
        await self.logs.open()
        if self.firmware is not None:
            await self.firmware.open()

    @property
    def holds(self) -> bool:
        """EVSEs are to be held out of service."""
        return self.firmware is not None and self.firmware.holds

    @property
    def is_installing(self) -> bool:
        """Nothing may restart the station now."""
        return self.firmware is not None and self.firmware.is_installing

    def look_again(self) -> None:
        """A transaction may have ended."""
        if self.firmware is not None:
            self.firmware.look_again()

    async def run(self) -> None:
        """Run both."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.logs.run(), name="log uploads")
            if self.firmware is not None:
                group.create_task(self.firmware.run(), name="firmware updates")
