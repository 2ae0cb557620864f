"""A minimal OpenEVSE board in a process of its own: plugs a car in, lets it charge, pulls the plug, times the answer.

It reports by `$AT` at once, without the debounce of a real board, so that many unplugs fit into a minute. What counts
is the time from the last byte of `$AT` written to `$FD` read. Run as `python -m tests.benchmarks.scripted_board LINK
CYCLES`; prints a JSON list of seconds.
Source: facts: rapi_openevse.
"""

import json
import os
import random
import select
import sys
import time
import tty
from pathlib import Path

from hil.devices.rapi_framing import RapiCommandReader, encode_frame

ASLEEP, DISABLED = "fe", "ff"
CAR = {"A": "01", "B": "02", "C": "03"}
EV_CONNECTED, RELAY_CLOSED = 0x0100, 0x0040
STAGE_LIMIT_S = 30.0
REST_S = 2.0
CHARGES_S = (0.1, 0.3)
REPLIES = {
    "GV": "8.2.3.EU 5.2.1",
    "GE": "32 0021",
    "GC": "6 32 32 32",
    "GY": "10 6 0",
    "SY": "10 6 0",
    "GU": "0 0",
}


class ScriptedBoard:
    """One board on one PTY."""

    def __init__(self, link: Path) -> None:
        self._fd, self._other_end = os.openpty()
        tty.setraw(self._other_end)
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(self._other_end))
        self._reader = RapiCommandReader()
        self._car = "A"
        self._output = ASLEEP
        """`fe`, `ff`, or the car's state while enabled."""
        self._enabled = True  # as after its boot
        self.last_command = ""
        self.commanded_s = 0.0

    def set_car(self, car: str) -> float:
        """Change the pilot and report it; returns when the report was out."""
        self._car = car
        self.report()
        return time.monotonic()

    def report(self) -> None:
        """Send `$AT`."""
        self._write(f"AT {self._state()} {CAR[self._car]} 32 {self._flags():04x}", None)

    def wait_for(self, name: str) -> float:
        """Serve until this command comes; returns when it came. Raises: TimeoutError."""
        end_s = time.monotonic() + STAGE_LIMIT_S
        while time.monotonic() < end_s:
            if self.serve(0.05) and self.last_command == name:
                return self.commanded_s
        raise TimeoutError(f"no ${name} came")

    def serve(self, limit_s: float) -> bool:
        """Answer what comes within so many seconds; True at once after a command that switches."""
        end_s = time.monotonic() + limit_s
        while (left_s := end_s - time.monotonic()) > 0:
            if not select.select([self._fd], [], [], left_s)[0]:
                return False
            data, at_s = os.read(self._fd, 4096), time.monotonic()
            switched = False
            for command in self._reader.feed(data):
                if command.name in {"FE", "FD", "FS"}:
                    switched, self.last_command, self.commanded_s = True, command.name, at_s
                self._answer(command.name, command.parameters, command.sequence)
            if switched:
                return True
        return False

    def _answer(self, name: str, parameters: tuple[str, ...], sequence: str | None) -> None:
        if name in {"FE", "FD", "FS"}:
            self._enabled = name == "FE"
            self._output = DISABLED if name == "FD" else ASLEEP
            self._write("OK", sequence)
            self.report()
        elif name == "GS":
            self._write(f"OK {self._state()} 0 {CAR[self._car]} {self._flags():04x}", sequence)
        elif name == "SC":
            self._write(f"OK {parameters[0]}", sequence)
        else:
            self._write(f"OK {REPLIES.get(name, '')}".rstrip(), sequence)

    def _state(self) -> str:
        return CAR[self._car] if self._enabled else self._output

    def _flags(self) -> int:
        closed = self._enabled and self._car == "C"
        return (EV_CONNECTED if self._car != "A" else 0) | (RELAY_CLOSED if closed else 0)

    def _write(self, body: str, sequence: str | None) -> None:
        os.write(self._fd, encode_frame(body, sequence))


def unplug_once(board: ScriptedBoard) -> float | None:
    """One session from plug to unplug; returns the seconds from `$AT` to `$FD`, None if power was forbidden before."""
    board.set_car("B")
    board.wait_for("FE")
    board.set_car("C")
    if board.serve(random.uniform(*CHARGES_S)):
        board.set_car("A")
        board.serve(REST_S)
        board.serve(REST_S)
        return None
    reported_s = board.set_car("A")
    ordered_s = board.wait_for("FD")
    board.wait_for("FS")
    return ordered_s - reported_s


def main(link: str, cycles: str) -> None:
    """Say that the line is there, then measure."""
    board = ScriptedBoard(Path(link))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    board.wait_for("FS")
    taken = [unplug_once(board) for _ in range(int(cycles))]
    sys.stdout.write(json.dumps(taken) + "\n")
    sys.stdout.flush()
    board.serve(STAGE_LIMIT_S)


if __name__ == "__main__":
    main(*sys.argv[1:])
