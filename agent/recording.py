"""Records what passes on the station's lines, for a replay at the bench (runner: owns the file and its thread).

Bytes of readers are secrets: zeros stand for them unless a bench asks for them. Noting costs an append; a thread
writes, so that no line waits for the disk. What is on CAN does not pass here and is refused by name; so is a meter that
signs, on whose line tokens pass as well.
"""

import asyncio
import logging
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TextIO

from agent.config import AgentConfig
from hal.board import SerialLine, TcpLine
from hal.codecs.recording import FLUSH_S, HEADER_START, Direction, RecordingQueue, RecordingText, WireBytes
from hal.transports.port import Port
from hal.transports.recording_port import RecordingPort
from hal.value import dataclass

logger = logging.getLogger(__name__)

MAX_BYTES: Final = 64_000_000
MASKED_NOTE: Final = "bytes of readers are zeros"
_BOARD_KINDS: Final = {"openevse": "rapi", "safety": "safety"}
_READER_KINDS: Final = {"pn532": "pn532"}


@dataclass(frozen=True, slots=True)
class RecordOptions:
    """What the command line asks for."""

    path: Path
    with_tokens: bool = False


class LineRecorder:
    """Wraps ports as they are built; `open` begins, `close` writes what is left."""

    def __init__(self, config: AgentConfig, options: RecordOptions, max_bytes: int = MAX_BYTES) -> None:
        """Raises: ValueError for a line that cannot be recorded."""
        if not options.with_tokens:
            _refuse_signing_meters(config)
        self._kinds = _line_kinds(config)
        self._options = options
        self._max_bytes = max_bytes
        self._loop = asyncio.get_running_loop()
        self._lines: dict[str, Mapping[str, Any]] = {}
        self._queue = RecordingQueue()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def open_line(self, line: SerialLine | TcpLine) -> Port:
        """Build the port of a line, with its bytes told."""
        name, kind = self._named(line)
        is_serial = isinstance(line, SerialLine)
        if kind == "modbus":
            self._lines[name] = {"kind": "modbus_rtu"} if is_serial else {"kind": "modbus_tcp", **_tcp(line)}
        else:
            self._lines[name] = {"kind": kind}
        is_masked = name.startswith("reader") and not self._options.with_tokens

        def sent(data: bytes) -> None:
            self._note(name, Direction.TO_DEVICE, data)

        def received(data: bytes) -> None:
            self._note(name, Direction.FROM_DEVICE, bytes(len(data)) if is_masked else data)

        return RecordingPort(line.port(), sent, received)

    def open(self) -> None:
        """Begin the file, or go on in it under a further header. Raises: OSError; FileExistsError for another file."""
        used, joint = _continued(self._options.path)
        text = RecordingText(self._max_bytes, used)
        notes = {} if self._options.with_tokens else {"masked": MASKED_NOTE}
        file = self._options.path.open("a", encoding="utf-8")
        file.write(joint + text.header(datetime.now(UTC), self._lines, **notes))
        file.flush()
        self._options.path.chmod(0o600)
        self._thread = threading.Thread(target=self._write, args=(file, text), name="recorder", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write what is left."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()

    def _named(self, line: SerialLine | TcpLine) -> tuple[str, str]:
        if isinstance(line, SerialLine):
            return self._kinds[str(line.path)]
        # A charge controller's port may be its profile's.
        return self._kinds.get(f"{line.host}:{line.tcp_port}") or self._kinds[f"{line.host}:None"]

    def _note(self, line: str, direction: Direction, data: bytes) -> None:
        self._queue.note(WireBytes(self._loop.time(), line, direction, data))

    def _write(self, file: TextIO, text: RecordingText) -> None:
        try:
            with file:
                while not self._closing.wait(FLUSH_S):
                    self._write_what_came(file, text)
                self._write_what_came(file, text)
        except OSError as error:
            self._queue.stop()
            logger.warning("recording stopped file=%s error=%s", self._options.path, error)

    def _write_what_came(self, file: TextIO, text: RecordingText) -> None:
        if lines := self._queue.rendered(text):
            file.write(lines)
            file.flush()


def _refuse_signing_meters(config: AgentConfig) -> None:
    for evse in config.evse:
        if evse.meter.signed:
            raise ValueError(f"--record: the meter of EVSE {evse.id} signs who charged, so tokens pass on its line")


def _line_kinds(config: AgentConfig) -> dict[str, tuple[str, str]]:
    """Name and kind of each line by its place; a line that several devices share bears the first one's name."""
    kinds: dict[str, tuple[str, str]] = {}

    def add(name: str, kind: str, port: object, host: str | None = None, tcp_port: int | None = None) -> None:
        kinds.setdefault(str(port) if port is not None else f"{host}:{tcp_port}", (name, kind))

    for evse in config.evse:
        name, board, meter = f"evse{evse.id}", evse.board, evse.meter
        if board.can_interface is not None:
            raise ValueError(f"--record: the board of EVSE {evse.id} is on CAN, which is not recorded; use candump")
        add(f"{name}/board", _BOARD_KINDS.get(board.driver, "modbus"), board.port, board.host, board.tcp_port)
        add(f"{name}/meter", "modbus", meter.port, meter.host, meter.tcp_port)
        if evse.indicator is not None:
            add(f"{name}/indicator", "text", evse.indicator.port)
        if evse.io is not None:
            add(f"{name}/io", "modbus", evse.io.port, evse.io.host, evse.io.tcp_port)
    for number, reader in enumerate(config.reader, start=1):
        add(f"reader{number}", _READER_KINDS.get(reader.driver, "card_lines"), reader.port)
    return kinds


def _tcp(line: SerialLine | TcpLine) -> dict[str, int]:
    return {"tcp_port": line.tcp_port} if isinstance(line, TcpLine) else {}


def _continued(path: Path) -> tuple[int, str]:
    """Bytes of the recording so far, and what must be written before it goes on."""
    if not path.exists() or path.stat().st_size == 0:
        return 0, ""
    with path.open("rb") as file:
        if file.read(len(HEADER_START)) != HEADER_START.encode():
            raise FileExistsError(f"{path} is in the way: not a recording")
        file.seek(-1, 2)
        return path.stat().st_size, "" if file.read(1) == b"\n" else "\n"
