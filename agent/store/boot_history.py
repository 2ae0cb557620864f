"""Why this process starts: remembered across starts, told in BootNotification.

Source: OCPP 2.0.1 part 2, BootReasonEnumType. The kernel's boot id tells a power-up from a restart of this process.
"""

import sqlite3
from pathlib import Path
from typing import Final

from agent.store import meta

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_LAST_BOOT_ID: Final = "boot_id"
_REASON: Final = "next_boot_reason"
POWER_UP: Final = "PowerUp"
APPLICATION_RESET: Final = "ApplicationReset"
REMOTE_RESET: Final = "RemoteReset"
SCHEDULED_RESET: Final = "ScheduledReset"
FIRMWARE_UPDATE: Final = "FirmwareUpdate"
_FIRMWARE: Final = "firmware_version"


def this_boot_id() -> str:
    """Identify the kernel's present run; empty where the kernel does not tell."""
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except OSError:
        return ""


def announce_restart(connection: sqlite3.Connection, reason: str) -> None:
    """Remember why the next start will happen."""
    meta.put(connection, _REASON, reason)


def take_boot_reason(connection: sqlite3.Connection, boot_id: str) -> str:
    """Return why this start happens, and forget it."""
    last_boot_id = meta.get(connection, _LAST_BOOT_ID)
    announced = meta.get(connection, _REASON)
    meta.put(connection, _LAST_BOOT_ID, boot_id)
    meta.put(connection, _REASON, "")
    if announced:
        return announced
    return APPLICATION_RESET if boot_id and boot_id == last_boot_id else POWER_UP


def note_firmware(connection: sqlite3.Connection, version: str) -> str | None:
    """Keep the version that starts; returns the one before, if it was another."""
    before = meta.get(connection, _FIRMWARE)
    meta.put(connection, _FIRMWARE, version)
    return before if before not in {None, version} else None
