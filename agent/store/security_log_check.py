"""Proves that nothing was removed, changed, re-ordered or cut off from the security log, and reads it between times.

The log is read a line at a time, so memory stays flat. It must begin right behind the anchor of its beginning, every
line must follow the one before, and the anchored head must be there: both anchors are in the database, not in the log.
Whoever can write the log *and* the database can forge both; against him the back-end holds the head that
StartupOfTheDevice told it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

from agent.store import meta
from agent.store.errors import StoreError
from agent.store.security_log import HEAD, START, first_seq, log_files, raw_lines
from agent.store.security_log_lines import (
    BEGINNING,
    MAX_LINE_BYTES,
    BadLineError,
    Link,
    follows,
    link_of,
    read_line,
    time_of,
)
from hal.value import dataclass

_TRIES = 3
"""The log may be written, and lose its oldest file, while it is read."""


@dataclass(frozen=True, slots=True)
class Anchors:
    """What the database knows of the log."""

    start: Link
    """Of the last line that was deleted with its file; the beginning if none was."""
    head: Link | None
    """Of the last line; None if nothing was ever written."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a verification."""

    problem: str | None
    """One sentence; None: the log is whole."""
    first: int = 0
    last: int = 0
    unanchored: int = 0
    """Lines behind the anchored head: written, and the anchor not yet, or never because of a power cut."""


def read_anchors(database: Path) -> Anchors:
    """Read them beside a running agent. Raises: StoreError."""
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            start, head = meta.get(connection, START), meta.get(connection, HEAD)
    except sqlite3.Error as error:
        raise StoreError(f"{database} cannot be read: {error}") from error
    return Anchors(link_of(start) or BEGINNING, link_of(head))


def verify_beside_agent(folder: Path, database: Path, known: Link | None = None) -> Verdict:
    """Verify a log that may be growing meanwhile. Raises: StoreError, OSError."""
    anchors = read_anchors(database)
    for _ in range(_TRIES):
        try:
            verdict = verify(folder, anchors, known)
        except FileNotFoundError:  # rotated away under our hands
            verdict = Verdict("a file of the log vanished while it was read")
        now = read_anchors(database)
        if verdict.problem is None or now.start == anchors.start:
            break
        anchors = now
    return verdict


def verify(folder: Path, anchors: Anchors, known: Link | None = None) -> Verdict:
    """Hold the log against its anchors, and against a head that somebody noted (`known`). Raises: OSError."""
    files = log_files(folder)
    begins = [index for index, path in enumerate(files) if first_seq(path) <= anchors.start.seq + 1]
    at = anchors.start
    if known is not None and known.seq < anchors.start.seq:
        return Verdict(
            f"line {known.seq} was rotated away since it was noted: line {anchors.start.seq + 1} is the first"
        )
    noted: dict[int, Link] = {}
    for link in (anchors.start, anchors.head, known):
        if link is not None and noted.setdefault(link.seq, link) != link:
            return Verdict(f"line {link.seq} is not the one that was noted elsewhere")
    seen = anchors.start.seq
    for raw in raw_lines(files[begins[-1] if begins else 0 :], MAX_LINE_BYTES):
        problem, at = _step(raw, at, noted)
        if problem is not None:
            return Verdict(problem, anchors.start.seq + 1, seen)
        seen = at.seq
    missing = max((link.seq for link in noted.values()), default=0)
    if missing > at.seq:
        return Verdict(f"lines {at.seq + 1} to {missing} are missing at the end", anchors.start.seq + 1, at.seq)
    if anchors.head is None and at != BEGINNING:
        return Verdict("the database does not know this log, so nothing proves its end", 1, at.seq)
    head_seq = at.seq if anchors.head is None else anchors.head.seq
    return Verdict(None, anchors.start.seq + 1, at.seq, at.seq - head_seq)


def lines_between(folder: Path, oldest: datetime | None, latest: datetime | None) -> Iterator[str]:
    """Give the lines of these times, both included, for an upload. Raises: OSError.

    A line that tells no time is given as well: it is evidence.
    """
    for raw in raw_lines(log_files(folder), MAX_LINE_BYTES):
        at = time_of(raw)
        if at is None or ((oldest is None or at >= oldest) and (latest is None or at <= latest)):
            yield raw.decode("ascii", errors="backslashreplace")


def _step(raw: bytes, before: Link, noted: dict[int, Link]) -> tuple[str | None, Link]:
    """Check one line; returns what is wrong, and where the log stands behind it."""
    expected = before.seq + 1
    try:
        line = read_line(raw)
    except BadLineError:
        return f"line {expected} is damaged", before
    if line.link.seq > expected:
        return f"lines {expected} to {line.link.seq - 1} are missing", before
    if line.link.seq < expected:
        return f"line {line.link.seq} stands where line {expected} should", before
    if not follows(line, before):
        return f"line {expected} was changed, or one before it", before
    if noted.get(expected, line.link) != line.link:
        return f"line {expected} is not the one that was noted elsewhere", before
    return None, line.link
