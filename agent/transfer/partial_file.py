"""A file that is being received: kept while incomplete, and only gone on with if it is still the same at its source.

Beside `name.part` stands `name.part.json`: of which source it is, and what identified the file there. `name` itself
appears only whole.
"""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from agent.transfer.course import Course
from agent.transfer.errors import Failure, TransferError
from agent.transfer.location import Location
from hal.value import dataclass

ROOM_TO_LEAVE_BYTES = 32 * 1024**2
"""The database needs room whatever is received."""
ROOM_LOOK_BYTES = 8 * 1024**2
FILE_MODE = 0o600


@dataclass(frozen=True, slots=True)
class Held:
    """What is there already of a file."""

    size: int = 0
    validator: str = ""
    """What identified the file at its source: an entity tag, or size and date."""


class PartialFile:
    """Owns the two files of one download; used by one thread."""

    def __init__(self, target: Path, location: Location, max_bytes: int, course: Course) -> None:
        self._target = target
        self._part = target.with_name(target.name + ".part")
        self._note = target.with_name(target.name + ".part.json")
        self._source = _fingerprint(f"{location.shown} {location.path}")
        self._max_bytes = max_bytes
        self._course = course
        self._file: BinaryIO | None = None
        self._announced: int | None = None
        self._looked_at = 0

    def held(self) -> Held:
        """Return what can be gone on with, if the source still has the same file."""
        try:
            note = json.loads(self._note.read_text("utf-8"))
            size = self._part.stat().st_size
            if note["source"] == self._source and note["validator"] and size > 0:
                return Held(size, str(note["validator"]))
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return Held()

    def begin(self, offset: int, announced: int | None, validator: str) -> None:
        """Take bytes from `offset` on; `announced` is the length of the whole file. Raises: TransferError."""
        self.close()
        self._announced = self._course.total_bytes = announced
        self._course.done_bytes = offset
        self._check_size(announced or offset)
        self._check_room((announced or offset) - offset)
        if offset == 0:
            self._forget()
        note = json.dumps({"source": self._source, "validator": validator})
        try:
            self._target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._note.write_text(note, "utf-8")
            descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT, FILE_MODE)
            os.ftruncate(descriptor, offset)
            os.lseek(descriptor, offset, os.SEEK_SET)
            self._file = os.fdopen(descriptor, "wb")
        except OSError as error:
            raise _unwritable(error) from error

    def write(self, data: bytes) -> None:
        """Append. Raises: TransferError, InterruptedTransferError."""
        if self._file is None:
            raise RuntimeError("not begun")
        size = self._course.done_bytes + len(data)
        self._check_size(size)
        if self._announced is not None and size > self._announced:
            self._forget()
            raise TransferError(Failure.DAMAGED, f"more arrives than the {self._announced} bytes that were announced")
        if self._announced is None and size - self._looked_at > ROOM_LOOK_BYTES:
            self._looked_at = size
            self._check_room(0)
        try:
            self._file.write(data)
        except OSError as error:
            raise _unwritable(error) from error
        self._course.moved(len(data))

    def finish(self) -> None:
        """Make it the target, durably. Raises: TransferError if it is not whole; what is there is kept."""
        size = self._course.done_bytes
        if self._announced is not None and size != self._announced:
            self.close()
            raise TransferError(Failure.UNREACHABLE, f"it ended after {size} of {self._announced} bytes")
        try:
            if self._file is not None:
                self._file.flush()
                os.fsync(self._file.fileno())
            self.close()
            self._part.replace(self._target)
            self._note.unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(error) from error

    def close(self) -> None:
        """Let the file go; what was received is kept."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None

    def _forget(self) -> None:
        self.close()
        with suppress(OSError):
            self._note.unlink(missing_ok=True)
            self._part.unlink(missing_ok=True)

    def _check_size(self, size: int) -> None:
        if size > self._max_bytes:
            self._forget()
            raise TransferError(Failure.TOO_LARGE, f"it has {size} bytes or more, at most {self._max_bytes} are taken")

    def _check_room(self, wanted: int) -> None:
        try:
            folder = next(each for each in self._target.parents if each.exists())
            disk = os.statvfs(folder)
            free = disk.f_bavail * disk.f_frsize
        except OSError as error:
            raise _unwritable(error) from error
        if free < wanted + ROOM_TO_LEAVE_BYTES:
            raise TransferError(Failure.NO_ROOM, f"{wanted} bytes are needed and {free} are free")


def discard(target: Path) -> None:
    """Delete a received file and what there is of it."""
    for name in (target.name, target.name + ".part", target.name + ".part.json"):
        with suppress(OSError):
            target.with_name(name).unlink(missing_ok=True)


def _fingerprint(source: str) -> str:
    import hashlib  # noqa: PLC0415 - only where something is received

    return hashlib.sha256(source.encode()).hexdigest()


def _unwritable(error: OSError) -> TransferError:
    return TransferError(Failure.NO_ROOM, f"the file cannot be written here: {error.strerror or error}")
