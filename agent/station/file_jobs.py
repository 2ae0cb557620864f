"""Firmware and logs of one station. Implements `FileCommands`."""

import asyncio

from agent.station.firmware_updates import FirmwareUpdates
from agent.station.log_uploads import LogUploads


class FileJobs:
    """Both runners; `run` returns only on cancellation."""

    def __init__(self, logs: LogUploads, firmware: FirmwareUpdates | None = None) -> None:
        self.logs = logs
        self.firmware = firmware

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
