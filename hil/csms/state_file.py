"""Runner: keeps what a back-end must not forget when its process dies: the messages themselves, a JSON line each.

The ledger is a pure function of these messages, so it is rebuilt by replay. A last line torn by a kill is cut off.
"""

import json
from pathlib import Path

from hil.csms.ledger import Ledger
from hil.csms.ledger_values import Payload


class StateFileError(Exception):
    """A state file that this program did not write."""


class StateFile:
    """Appends; each line has reached the operating system before the message is answered, so SIGKILL loses nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cut_torn_line()
        self._file = path.open("a", encoding="utf-8")

    def replay(self, ledger: Ledger) -> int:
        """Feed everything kept to a fresh ledger; gives the number of messages. Raises: StateFileError."""
        lines = self._path.read_bytes().splitlines()
        for number, line in enumerate(lines, 1):
            try:
                entry = json.loads(line)
                ledger.record(entry["identity"], entry["action"], entry["payload"], entry["assigned_id"])
            except (ValueError, KeyError, TypeError) as error:
                raise StateFileError(
                    f"{self._path} line {number} is no entry of a bench CSMS; remove the file"
                ) from error
        return len(lines)

    def keep(self, identity: str, action: str, payload: Payload, assigned_id: int | None) -> None:
        """Append one message."""
        entry = {"identity": identity, "action": action, "payload": payload, "assigned_id": assigned_id}
        self._file.write(json.dumps(entry, separators=(",", ":")) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _cut_torn_line(self) -> None:
        if not self._path.exists():
            return
        data = self._path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole != len(data):
            with self._path.open("r+b") as file:
                file.truncate(whole)
