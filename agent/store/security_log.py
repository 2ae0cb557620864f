"""The security log's files: append-only, chained, limited in size. Lives on the database's writer.

Rules kept here:
* A line is on the disk before the database's anchor says so; so the anchor is never ahead of an honest log.
* The anchor moves only when what the line tells is told, or queued for it: lines behind it are to be told at the start.
* What stands behind the anchor after a power cut and is not whole is cut off, and that is told. What is missing or
  different before the anchor was taken away: the file is left as it is, the log goes on from the anchor, and the gap
  stays to be seen.
* A file is never renamed; it has the number of its first line. The oldest is deleted only once the anchor of the
  beginning says what was in it.
* Appending may be tried again with the same entries: those already written are left out.
"""

import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from agent.domain.security_event import SecurityEvent, SecurityEventType
from agent.store import meta
from agent.store.security_log_lines import (
    BEGINNING,
    BadLineError,
    ChainedLine,
    Link,
    event_of,
    follows,
    line_of,
    link_of,
    read_line,
)
from hal.value import dataclass

FOLDER_NAME = "security-log"
MAX_FILE_BYTES = 262_144
KEPT_FILES = 8
FILE_MODE, FOLDER_MODE = 0o640, 0o750
HEAD, START = "security_log_head", "security_log_start"
_TAIL_BYTES = 65_536
"""More than could have been written between two commits of the anchor."""
_NAME = re.compile(r"[0-9]{10}\.log")


@dataclass(frozen=True, slots=True)
class Entry:
    """An event with a number that grows within this process."""

    number: int
    event: SecurityEvent


Incident = tuple[SecurityEventType, str]


@dataclass(frozen=True, slots=True)
class Opened:
    """Where the log stands, and what opening it brought to light."""

    head: Link
    incidents: tuple[Incident, ...] = ()
    untold: tuple[SecurityEvent, ...] = ()
    """Of lines that no anchor followed: the back-end may not know of them."""


def log_files(folder: Path) -> list[Path]:
    """The files, oldest first."""
    return sorted(path for path in folder.glob("*.log") if _NAME.fullmatch(path.name))


def first_seq(path: Path) -> int:
    """The number of the first line that this file was made for."""
    return int(path.stem)


class SecurityLogFiles:
    """Appends to the log. Every method is called on the writer and may raise OSError."""

    def __init__(self, folder: Path, *, max_file_bytes: int = MAX_FILE_BYTES, kept_files: int = KEPT_FILES) -> None:
        self._folder = folder
        self._max_file_bytes = max_file_bytes
        self._kept_files = kept_files
        self._file: int | None = None
        self._head: Link | None = None
        self._last_number = 0
        self._anew = False
        """The newest file was tampered with: it is not to be touched any more."""

    def open(self, connection: sqlite3.Connection) -> Opened:
        """Find where the log stands, repairing its end."""
        self.close()
        anchor = link_of(meta.get(connection, HEAD))
        incidents: list[Incident] = []
        behind: list[ChainedLine] = []
        head = self._recover(anchor, incidents, behind)
        if anchor is None and head.seq:
            incidents.append((SecurityEventType.SECURITY_LOG_REPAIRED, f"no anchor, goes on after line {head.seq}"))
        self._head = head
        self._anew = any(type_ is SecurityEventType.SECURITY_LOG_WAS_CLEARED for type_, _ in incidents)
        untold = [event for line in behind if (event := event_of(line.body)) is not None]
        return Opened(head, tuple(incidents), tuple(untold))

    def append(self, connection: sqlite3.Connection, entries: Sequence[Entry]) -> Opened:
        """Write entries that are not written yet; returns as `open` does, which it does first after a failure."""
        opened = Opened(self._head) if self._head is not None else self.open(connection)
        head = opened.head
        new = [entry for entry in entries if entry.number > self._last_number]
        if new:
            head = self._write(new, head)
            self._head, self._last_number = head, new[-1].number
        return Opened(head, opened.incidents, opened.untold)

    def anchor(self, head: Link, connection: sqlite3.Connection) -> None:
        """Note that the log reaches this line, and that what it tells is told."""
        meta.put(connection, HEAD, head.to_text())

    def note_start(self, connection: sqlite3.Connection) -> bool:
        """Anchor the beginning behind the files that are too many; True if `drop_surplus` may follow its commit."""
        surplus = self._surplus()
        if not surplus:
            return False
        last = _last_line(surplus[-1])
        if last is not None:
            meta.put(connection, START, last.link.to_text())
        return True

    def drop_surplus(self, connection: sqlite3.Connection) -> None:
        """Delete files that lie before the anchored beginning."""
        start = link_of(meta.get(connection, START)) or BEGINNING
        for path, following in zip(self._surplus(), log_files(self._folder)[1:], strict=False):
            if first_seq(following) <= start.seq + 1:
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file; the next append opens it again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _surplus(self) -> list[Path]:
        return log_files(self._folder)[: -self._kept_files]

    def _write(self, entries: Sequence[Entry], head: Link) -> Link:
        lines = []
        first = head.seq + 1
        for entry in entries:
            line, head = line_of(entry.event, head)
            lines.append(line)
        file = self._opened(first)
        size = os.fstat(file).st_size
        try:
            text = memoryview(b"".join(lines))
            while text:
                text = text[os.write(file, text) :]
            os.fsync(file)
        except OSError:
            with suppress(OSError):
                os.ftruncate(file, size)  # what cannot be undone here is found when the file is opened again
            self.close()
            self._head = None
            raise
        if os.fstat(file).st_size >= self._max_file_bytes:
            self.close()
        return head

    def _opened(self, first: int) -> int:
        """The file to append to: the newest that has room, else a new one."""
        if self._file is not None:
            return self._file
        self._folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        files = log_files(self._folder)
        path = self._folder / f"{first:010}.log"
        if (
            files
            and not self._anew
            and files[-1].stat().st_size < self._max_file_bytes
            and _ends_before(files[-1], first)
        ):
            path = files[-1]
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        _sync_folder(self._folder)
        self._anew = False
        return self._file

    def _recover(self, anchor: Link | None, incidents: list[Incident], behind: list[ChainedLine]) -> Link:
        for path in reversed(log_files(self._folder)):
            begin, text = _tail(path)
            lines, whole_bytes = _whole_lines(text, anchor)
            torn_bytes = len(text) - whole_bytes
            if lines and _reaches(lines, anchor):
                if torn_bytes:
                    os.truncate(path, begin + whole_bytes)
                    told = f"{torn_bytes} bytes cut off behind line {lines[-1].link.seq}"
                    incidents.append((SecurityEventType.SECURITY_LOG_REPAIRED, told))
                told_seq = lines[-1].link.seq if anchor is None else anchor.seq
                behind.extend(line for line in lines if line.link.seq > told_seq)
                return lines[-1].link
            if lines or (anchor is not None and first_seq(path) <= anchor.seq):
                break
            path.unlink()  # begun and not one whole line written, behind the anchor
            if torn_bytes:
                told = f"{torn_bytes} bytes of a torn line removed"
                incidents.append((SecurityEventType.SECURITY_LOG_REPAIRED, told))
        if anchor is not None and anchor.seq:
            told = f"the log does not reach line {anchor.seq} as it was written"
            incidents.append((SecurityEventType.SECURITY_LOG_WAS_CLEARED, told))
        return anchor or BEGINNING


def _whole_lines(text: bytes, anchor: Link | None) -> tuple[list[ChainedLine], int]:
    """Lines that follow each other and agree with the anchor, and how many bytes they take."""
    lines: list[ChainedLine] = []
    taken = 0
    for raw in text.splitlines(keepends=True):
        try:
            line = read_line(raw)
        except BadLineError:
            break
        before = lines[-1].link if lines else None
        if anchor is not None and line.link.seq == anchor.seq + 1:
            before = anchor
        if (before is not None and not follows(line, before)) or (
            anchor is not None and line.link.seq == anchor.seq and line.link != anchor
        ):
            break
        lines.append(line)
        taken += len(raw)
    return lines, taken


def _reaches(lines: Sequence[ChainedLine], anchor: Link | None) -> bool:
    return anchor is None or lines[-1].link.seq >= anchor.seq >= lines[0].link.seq - 1


def _ends_before(path: Path, seq: int) -> bool:
    last = _last_line(path)
    return last is not None and last.link.seq == seq - 1


def _tail(path: Path) -> tuple[int, bytes]:
    """The file's last lines and where they begin."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        begin = file.seek(max(0, size - _TAIL_BYTES))
        text = file.read()
    if begin == 0:
        return 0, text
    cut = text.find(b"\n") + 1
    return begin + cut, text[cut:]


def _last_line(path: Path) -> ChainedLine | None:
    """The last line, if it is whole."""
    _, text = _tail(path)
    raw = text.splitlines(keepends=True)
    try:
        return read_line(raw[-1]) if raw else None
    except BadLineError:
        return None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def raw_lines(files: Sequence[Path], longest: int) -> Iterator[bytes]:
    """Every line of these files, one at a time; one that is longer than `longest` in pieces."""
    for path in files:
        with path.open("rb") as file:
            while line := file.readline(longest):
                yield line
