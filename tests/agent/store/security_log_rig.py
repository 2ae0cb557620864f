"""A security log beside a database, which can be closed, damaged and opened again."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.domain.security_event import SecurityEvent, SecurityEventType
from agent.store import meta
from agent.store.schema import bring_up_to_date
from agent.store.security_log import FOLDER_NAME, Entry, Incident, SecurityLogFiles, log_files
from agent.store.security_log_check import Anchors, Verdict, read_anchors, verify
from agent.store.security_log_lines import Link

AT = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)


class LogRig:
    def __init__(self, directory: Path, *, max_file_bytes: int = 1 << 20, kept_files: int = 3) -> None:
        self.database = directory / "station.sqlite"
        self.folder = directory / FOLDER_NAME
        self.connection = sqlite3.connect(self.database, isolation_level=None)
        bring_up_to_date(self.connection, self.database)
        self.limits = {"max_file_bytes": max_file_bytes, "kept_files": kept_files}
        self.numbers = 0
        self.start()

    def start(self) -> list[Incident]:
        """A new process."""
        self.numbers = 0
        self.files = SecurityLogFiles(self.folder, **self.limits)
        opened = self.files.open(self.connection)
        self.head, self.untold = opened.head, opened.untold
        return list(opened.incidents)

    def write(self, count: int = 1, info: str = "") -> Link:
        for _ in range(count):
            self.numbers += 1
            event = SecurityEvent(
                SecurityEventType.INVALID_MESSAGES,
                AT + timedelta(minutes=self.numbers),
                info or f"number {self.numbers}",
            )
            self.head = self.files.append(self.connection, [Entry(self.numbers, event)]).head
            self.files.anchor(self.head, self.connection)
            if self.files.note_start(self.connection):
                self.files.drop_surplus(self.connection)
        return self.head

    @property
    def paths(self) -> list[Path]:
        return log_files(self.folder)

    @property
    def text(self) -> bytes:
        return b"".join(path.read_bytes() for path in self.paths)

    @property
    def anchors(self) -> Anchors:
        return read_anchors(self.database)

    def verify(self, known: Link | None = None) -> Verdict:
        return verify(self.folder, self.anchors, known)

    def anchor(self, name: str, link: Link) -> None:
        meta.put(self.connection, name, link.to_text())

    def close(self) -> None:
        self.files.close()
        self.connection.close()
