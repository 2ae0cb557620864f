"""The security log as text between two times, for whoever uploads it (GetLog).

Source: OCPP 1.6 security white paper, edition 3; OCPP 2.0.1 part 2, use case N01.
"""

import asyncio
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from agent.store.security_log_check import lines_between


class SecurityLogSource:
    """A `LogSource`: one chained line a piece, so that the upload can be verified like the files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def suffix(self) -> str:
        """How the name of the file ends."""
        return ".log"

    async def write(self, target: Path, oldest: datetime | None, latest: datetime | None) -> None:
        """Write the lines; the file appears whole or not at all. Raises: OSError."""
        await asyncio.to_thread(self._write, target, oldest, latest)

    def read(self, oldest: datetime | None, latest: datetime | None) -> Iterator[str]:
        """Give the lines between these times, both included. Blocks, so it belongs into a thread. Raises: OSError."""
        return lines_between(self._folder, oldest, latest)

    def _write(self, target: Path, oldest: datetime | None, latest: datetime | None) -> None:
        unfinished = target.with_name(target.name + ".unfinished")
        try:
            with unfinished.open("w", encoding="utf-8") as file:
                for line in self.read(oldest, latest):
                    file.write(line)
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
