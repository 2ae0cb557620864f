"""Records what passes on the bench's wires into a file (runner: owns the file and a thread that writes it).

Noting costs an append; rendering and writing happen in the thread, so no line ever waits for the disk.
"""

import asyncio
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from hal.codecs.recording import FLUSH_S, HEADER_START, Operation, RecordingQueue, RecordingText, WireBytes
from hil.boards import AnyBoardModel, kind_of
from hil.lines.tap import Tap

MAX_BYTES = 256_000_000


class Recorder:
    """One recording; a file that is a recording already is continued under a header of its own."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._loop = asyncio.get_running_loop()
        self._queue = RecordingQueue()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self, lines: Mapping[str, Mapping[str, Any]]) -> None:
        """Begin; what was noted before follows the header. Raises: OSError; FileExistsError for any other file."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        used, joint = _continued(self._path)
        text = RecordingText(self._max_bytes, used)
        file = self._path.open("a", encoding="utf-8")
        file.write(joint + text.header(datetime.now(UTC), lines))
        file.flush()
        self._thread = threading.Thread(target=self._write, args=(file, text), name="recorder", daemon=True)
        self._thread.start()

    def tap(self, line: str) -> Tap:
        """Return what takes the bytes of this line."""
        return lambda direction, data: self._queue.note(WireBytes(self._loop.time(), line, direction, data))

    def note_event(self, event: Mapping[str, Any]) -> None:
        """Take an event of the bench; operations on its hardware are noted."""
        if event["event"] == "stimulus":
            fields = {name: value for name, value in event.items() if name not in {"event", "t"}}
            self._queue.note(Operation(event["t"], fields))

    def close(self) -> None:
        """Write what is left."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()

    def _write(self, file: TextIO, text: RecordingText) -> None:
        try:
            with file:
                while not self._closing.wait(FLUSH_S):
                    self._write_what_came(file, text)
                self._write_what_came(file, text)
        except OSError as error:
            self._queue.stop()
            print(f"the recording stopped: {self._path}: {error}", file=sys.stderr)

    def _write_what_came(self, file: TextIO, text: RecordingText) -> None:
        if lines := self._queue.rendered(text):
            file.write(lines)
            file.flush()


def line_header(name: str, board: AnyBoardModel, reader: str, tcp_ports: Mapping[str, int]) -> dict[str, Any]:
    """Return what the header says of a line: the protocol on it, and the port of a network cable."""
    device = name.rpartition("/")[2]
    modbus = {"kind": "modbus_rtu"} if name not in tcp_ports else {"kind": "modbus_tcp", "tcp_port": tcp_ports[name]}
    if device == "board":
        kind, _, profile = kind_of(board).partition(":")
        return {**modbus, "profile": profile} if kind == "modbus" else {"kind": kind}
    others = {"indicator": "text", "reader1": "pn532" if reader == "pn532" else "card_lines", "can1": "slcan"}
    return {"kind": others[device]} if device in others else modbus


def _continued(path: Path) -> tuple[int, str]:
    """Bytes of the recording so far, and what must be written before it goes on."""
    if not path.exists() or path.stat().st_size == 0:
        return 0, ""
    with path.open("rb") as file:
        if file.read(len(HEADER_START)) != HEADER_START.encode():
            raise FileExistsError(f"{path} is in the way: not a recording")
        file.seek(-1, 2)
        return path.stat().st_size, "" if file.read(1) == b"\n" else "\n"
