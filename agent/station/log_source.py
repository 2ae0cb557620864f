"""Logs as text between two times, for whoever uploads them (GetLog).

Source: OCPP 1.6 security white paper, edition 3; OCPP 2.0.1 part 2, use case N01.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol

from agent.store.security_log_check import lines_between


class LogSource(Protocol):
    """A log that can be uploaded."""

    def read(self, oldest: datetime | None, latest: datetime | None) -> Iterator[str]:
        """Give the text between these times, both included, in pieces.

        Blocks, so it belongs into a thread. Raises: OSError.
        """


class SecurityLogSource:
    """The security log, one chained line a piece: the upload can be verified like the files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, oldest: datetime | None, latest: datetime | None) -> Iterator[str]:
        """Give the lines between these times."""
        return lines_between(self._folder, oldest, latest)
