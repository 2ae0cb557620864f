"""Tells systemd what the agent does, over the datagram socket named in NOTIFY_SOCKET; silent without one.

Source: sd_notify(3) and sd_watchdog_enabled(3).
"""

import contextlib
import os
import socket
from collections.abc import Mapping

_ABSTRACT = "@"
_MICROSECONDS = 1_000_000


class Notifier:
    """One way to systemd; a message that cannot be delivered is dropped, since charging does not depend on it."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """`environment` is the process's own unless given."""
        self._environment = os.environ if environment is None else environment
        name = self._environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + name[1:] if name.startswith(_ABSTRACT) else name

    def ready(self) -> None:
        """Start-up is complete."""
        self._send("READY=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send("STATUS=" + " ".join(text.split()))

    def watchdog(self) -> None:
        """Every EVSE and driver loop passed a beat."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Shutdown has begun."""
        self._send("STOPPING=1")

    def watchdog_interval_s(self) -> float | None:
        """Time between two `watchdog()` calls, s: half of what systemd allows; None without a watchdog."""
        allowed = self._environment.get("WATCHDOG_USEC", "")
        owner = self._environment.get("WATCHDOG_PID", str(os.getpid()))
        if not allowed.isdecimal() or int(allowed) == 0 or owner != str(os.getpid()):
            return None
        return int(allowed) / _MICROSECONDS / 2

    def _send(self, message: str) -> None:
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.setblocking(False)
            line.sendto(message.encode(), self._address)
