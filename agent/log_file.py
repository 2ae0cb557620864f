"""The agent's own log in rotating files, beside what systemd keeps: a back-end may ask for it.

On the loop a record costs its text and one append; a thread of its own writes twice a second.
"""

import logging
import threading
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from agent.rotating_file import RotatingFile

LOG_NAME: Final = "agent.log"
MAX_FILE_BYTES: Final = 2_000_000
KEPT_FILES: Final = 2
MAX_QUEUED: Final = 5_000
LOOK_INTERVAL_S: Final = 0.5
FILE_MODE: Final = 0o640
_OWN = "agent.rotating_file"
"""What it says of a disk that cannot be written would only come back here."""


class LogFile(logging.Handler):
    """To be closed."""

    def __init__(self, path: Path, max_file_bytes: int = MAX_FILE_BYTES) -> None:
        super().__init__()
        self._queue: deque[str] = deque()
        self._lost = 0
        self._closing = threading.Event()
        self._file = RotatingFile(path, max_file_bytes, KEPT_FILES, FILE_MODE)
        self._thread = threading.Thread(target=self._write_all, name="log-file", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record; called on whatever thread it is made."""
        if record.name == _OWN:
            return
        if len(self._queue) >= MAX_QUEUED:
            self._lost += 1
            return
        at = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        try:
            self._queue.append(f"{at} {record.levelname} {record.name} {self.format(record)}\n")
        except Exception:  # noqa: BLE001 - as every handler: a record that cannot be written harms nobody
            self.handleError(record)

    def close(self) -> None:
        """Write what is queued, and stop."""
        if not self._closing.is_set():
            self._closing.set()
            self._thread.join()
        super().close()

    def _write_all(self) -> None:
        running = True
        while running:
            running = not self._closing.wait(LOOK_INTERVAL_S)
            lines = []
            while self._queue:
                lines.append(self._queue.popleft())
            if self._lost:
                lines.append(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ} -- {self._lost} records were too many\n")
                self._lost = 0
            if lines:
                self._file.write(lines)
                self._file.flush()
        self._file.close()
