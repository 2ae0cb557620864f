"""What the bench keeps over its own death: registers, EEPROM and cars in one JSON file (runner).

Written whole and renamed, so that a killed bench leaves the old file or the new one.
"""

import json
from pathlib import Path
from typing import Any


class BenchStateError(Exception):
    """The state file cannot be used."""


def load_state(path: Path) -> dict[str, Any]:
    """Read the state of an earlier bench; empty if there is none. Raises: BenchStateError."""
    try:
        state = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BenchStateError(f"{path} cannot be read ({error}); remove it to start anew") from error
    if not isinstance(state, dict):
        raise BenchStateError(f"{path} is not a bench state; remove it to start anew")
    return state


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Replace the state file."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(json.dumps(state), "utf-8")
    fresh.replace(path)
