"""What to type while a demo is kept running (rule)."""

import shlex
import sys
from pathlib import Path

_INVENTORY = """'payload={"requestId": 1, "reportBase": "FullInventory"}'"""


def example_lines(version: str, bench: Path, csms: Path, token: str) -> list[str]:
    """Two shell functions, and commands that use them; `bench` and `csms` are the control sockets."""
    question = "action=GetConfiguration" if version == "1.6" else f"action=GetBaseReport {_INVENTORY}"
    commands = [
        ("bench plug_in evse=1 current_a=16", "plug a car in"),
        (f"bench swipe token={token}", "tap the card that the back-end knows"),
        ("bench swipe token=DEADBEEF", "tap one that it does not know"),
        ("bench state evse=1", "look at everything"),
        ("bench fault evse=1 kind=diode", "short the diode of the car"),
        ("bench clear evse=1", "mend it"),
        ("bench plug_out evse=1", "unplug"),
        ("csms drop", "cut the connection once"),
        ("csms ledger", "see what the back-end would bill"),
        (f"csms send {question}", "ask the station something"),
    ]
    return [_function("bench", bench), _function("csms", csms), "", *(f"{line:<36} # {why}" for line, why in commands)]


def _function(name: str, control: Path) -> str:
    """Define it so that any shell, and any directory, will do."""
    words = shlex.join([sys.executable, "-m", "hil.cli", "ctl", "--control", str(control)])
    return f'{name}() {{ {words} "$@"; }}'
