"""A file of limited size and its predecessors. Used by one thread at a time."""

import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

logger = logging.getLogger(__name__)


class RotatingFile:
    """A size-limited file and its predecessors; a full or broken disk costs lines, never more."""

    def __init__(self, path: Path, max_bytes: int, kept: int, mode: int) -> None:
        """`kept`: how many predecessors; they get `.1`, `.2` … behind their name."""
        self._path = path
        self._max_bytes = max_bytes
        self._kept = kept
        self._mode = mode
        self._file: BinaryIO | None = None
        self._size = 0
        self._broken = False

    def write(self, lines: list[str]) -> None:
        """Append."""
        try:
            for line in lines:
                self._size += self._open().write(line.encode(errors="backslashreplace"))
                self._rotate_if_full()
        except OSError as error:
            self._give_up(error)

    def flush(self) -> None:
        """Hand what is buffered to the system."""
        if self._file is None:
            return
        try:
            self._file.flush()
            self._broken = False
        except OSError as error:
            self._give_up(error)

    def close(self) -> None:
        """Close."""
        if self._file is not None:
            self._file.close()

    def _give_up(self, error: OSError) -> None:
        if not self._broken:
            logger.warning("%s cannot be written: %s", self._path.name, error)
        self._broken = True
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):  # what it still holds cannot be written either
                file.close()

    def _open(self) -> BinaryIO:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.fdopen(os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, self._mode), "ab")
            self._size = self._file.tell()
        return self._file

    def _rotate_if_full(self) -> None:
        if self._file is None or self._size < self._max_bytes:
            return
        self._file.close()
        self._file = None
        for number in range(self._kept - 1, 0, -1):
            older = self._numbered(number)
            if older.exists():
                older.replace(self._numbered(number + 1))
        self._path.replace(self._numbered(1))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")
