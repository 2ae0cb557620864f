"""Writes a zip of log files and documents, in a thread, with a fixed buffer.

Of a log file with its predecessors (`.1`, `.2` …) the lines of the period are taken: a line begins with its time in
UTC; one that does not belongs to the one before.
"""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

_TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_TIME_BYTES = 27
MAX_LINE_BYTES = 1024 * 1024
COMPRESSION_LEVEL = 6

Documents = Callable[[], Mapping[str, str]]


class LogArchive:
    """A `LogSource`: the station's diagnostics."""

    def __init__(self, files: tuple[Path, ...], documents: Documents) -> None:
        """`documents`: names and texts; asked on the loop, at the moment of writing."""
        self._files = files
        self._documents = documents

    @property
    def suffix(self) -> str:
        """How the name of the file ends."""
        return ".zip"

    async def write(self, target: Path, oldest: datetime | None, latest: datetime | None) -> None:
        """Write the archive; it appears whole or not at all. Raises: OSError."""
        await asyncio.to_thread(self._write, target, dict(self._documents()), oldest, latest)

    def _write(
        self, target: Path, documents: Mapping[str, str], oldest: datetime | None, latest: datetime | None
    ) -> None:
        import zipfile  # noqa: PLC0415 - only when somebody asks for a log

        unfinished = target.with_name(target.name + ".unfinished")
        try:
            with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION_LEVEL) as archive:
                for name, text in documents.items():
                    archive.writestr(name, text)
                for file in self._files:
                    with archive.open(file.name, "w") as entry:
                        for line in _lines(file, _bound(oldest), _bound(latest)):
                            entry.write(line)
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)


def _lines(file: Path, oldest: bytes | None, latest: bytes | None) -> Iterator[bytes]:
    within = oldest is None
    for part in _parts(file):
        try:
            with part.open("rb") as log:
                while line := log.readline(MAX_LINE_BYTES):
                    if _TIME.match(line):
                        at = line[:_TIME_BYTES]
                        within = (oldest is None or at >= oldest) and (latest is None or at <= latest)
                    if within:
                        yield line
        except FileNotFoundError:
            continue  # rotated away meanwhile


def _parts(file: Path) -> list[Path]:
    """The file and its predecessors, oldest first."""
    older = [each for each in file.parent.glob(f"{file.name}.*") if each.suffix[1:].isdigit()]
    return [*sorted(older, key=lambda each: -int(each.suffix[1:])), file]


def _bound(at: datetime | None) -> bytes | None:
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode()
