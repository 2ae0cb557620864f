"""sftp in a process of its own: its libraries take 18 MiB that the station gets back when a transfer is over.

The order comes as one line of JSON on standard input (so that no password stands in a process list), what happens goes
as lines of JSON to standard output. Whoever gave the order keeps standard input open; when it closes, so does this.
"""

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from agent.transfer.course import Course, InterruptedTransferError
from agent.transfer.errors import Failure, TransferError
from agent.transfer.location import Location
from agent.transfer.settings import TransferSettings

TELL_INTERVAL_S = 0.2
_PATHS = ("ca_file", "known_hosts_file", "learnt_hosts_file")

# ---------------------------------------------------------------------- the side that gives the order


def download(location: Location, target: Path, settings: TransferSettings, course: Course) -> None:
    """Receive a file. Blocking. Raises: TransferError, InterruptedTransferError."""
    _perform({"target": str(target)}, location, settings, course)


def upload(
    location: Location, source: Path, name: str, settings: TransferSettings, course: Course, *, resume: bool
) -> None:
    """Send a file. Blocking. Raises: TransferError, InterruptedTransferError."""
    _perform({"source": str(source), "name": name, "resume": resume}, location, settings, course)


def _perform(order: dict[str, Any], location: Location, settings: TransferSettings, course: Course) -> None:
    order |= {"location": _plain(location), "settings": _plain(settings)}
    command = [sys.executable, "-m", __name__]
    end: dict[str, Any] = {}
    with suppress(OSError, ValueError), _process(command) as process:  # then `end` does not say that it is finished
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("no pipes")
        try:
            with course.closed_by_interrupt(process.kill):
                process.stdin.write(json.dumps(order) + "\n")
                process.stdin.flush()
                for line in process.stdout:
                    end = json.loads(line)
                    course.done_bytes, course.total_bytes = end["done"], end["total"]
                    course.check()
        finally:
            process.kill()
    course.check()
    if "failure" in end:
        raise TransferError(Failure(end["failure"]), end["text"])
    if "finished" not in end:
        raise TransferError(Failure.UNREACHABLE, "the process of this transfer ended before it was done")


def _process(command: list[str]) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)  # noqa: S603 - ourselves


def _plain(value: Location | TransferSettings) -> dict[str, Any]:
    plain = {each.name: getattr(value, each.name) for each in fields(value)}
    return {name: str(each) if isinstance(each, Path) else each for name, each in plain.items()}


# ---------------------------------------------------------------------- the process


def main() -> None:
    """Carry out one order."""
    order = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_the_order, daemon=True).start()
    settings = _settings(order["settings"])
    course = _ToldCourse(settings.max_duration_s)
    try:
        _carry_out(order, Location(**order["location"]), settings, course)
    except TransferError as error:
        course.tell(failure=error.failure.value, text=str(error))
    except InterruptedTransferError:
        pass
    except OSError as error:
        course.tell(failure=Failure.REFUSED.value, text=f"a file cannot be used: {error.strerror}")
    else:
        course.tell(finished=True)


def _carry_out(order: dict[str, Any], location: Location, settings: TransferSettings, course: Course) -> None:
    from agent.transfer import sftp_client  # noqa: PLC0415 - the side that gives orders is spared it
    from agent.transfer.partial_file import PartialFile  # noqa: PLC0415

    if "target" in order:
        file = PartialFile(Path(order["target"]), location, settings.max_bytes, course)
        try:
            sftp_client.download(location, file, settings, course)
        finally:
            file.close()
    else:
        source, name, resume = Path(order["source"]), order["name"], order["resume"]
        sftp_client.upload(location, source, name, settings, course, resume=resume)


def _settings(plain: dict[str, Any]) -> TransferSettings:
    paths: dict[str, Any] = {name: plain[name] and Path(plain[name]) for name in _PATHS}
    return TransferSettings(**(plain | paths))


class _ToldCourse(Course):
    """Tells how far it is, now and then."""

    def __init__(self, max_duration_s: float) -> None:
        super().__init__(max_duration_s)
        self._told_s = 0.0

    def moved(self, size: int) -> None:
        """Count bytes. Raises: as `check`."""
        super().moved(size)
        if time.monotonic() - self._told_s >= TELL_INTERVAL_S:
            self._told_s = time.monotonic()
            self.tell()

    def tell(self, **more: object) -> None:
        """Write one line."""
        sys.stdout.write(json.dumps({"done": self.done_bytes, "total": self.total_bytes, **more}) + "\n")
        sys.stdout.flush()


def _end_with_the_order() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
