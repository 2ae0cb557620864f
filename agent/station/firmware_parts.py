"""What updates of the firmware need of others: an installer, somebody who knows signatures, the station."""

from collections.abc import Callable
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Protocol

from hal.value import dataclass


class InstallError(Exception):
    """The firmware was not installed; the old one is untouched."""

    def __init__(self, reason: str, *, not_verified: bool = False) -> None:
        """`not_verified`: the image is not what it should be."""
        super().__init__(reason)
        self.not_verified = not_verified


class Proof(Enum):
    """What runs after the restart that an installation ended with."""

    CONFIRMED = "confirmed"
    """The new firmware, and it is well."""
    FELL_BACK = "fell_back"
    """The old one again."""
    SAME_BOOT = "same_boot"
    """The restart has not happened yet."""


class Installer(Protocol):
    """Who writes firmware."""

    async def install(self, image: Path, progress: Callable[[int], None]) -> bool:
        """Install it, telling percents; True: it needs a restart. Interrupted, it may be begun anew.

        Raises: InstallError.
        """

    async def proof(self) -> Proof:
        """Tell what runs now."""


class CertificateVerdict(Enum):
    """What is to be said of a certificate that is to prove a signature."""

    GOOD = "good"
    INVALID = "invalid"
    REVOKED = "revoked"


class FirmwareVerifier(Protocol):
    """Who knows certificates and signatures."""

    async def check_certificate(self, pem: str, at: datetime) -> tuple[CertificateVerdict, str]:
        """Hold it against the manufacturer's roots; gives the verdict and why."""

    async def check_signature(self, image: Path, pem: str, signature: str) -> str:
        """Hold a file against its signature (Base64); gives why it is not good, empty if it is."""


Alarm = Callable[[str, str], None]
"""Raises a security event: its type as the white paper names it, and what to say of it."""


class InstallSite(Protocol):
    """What updates need of the station."""

    @property
    def is_busy(self) -> bool:
        """A transaction is open."""

    @property
    def allows_new_sessions(self) -> bool:
        """Cars may come while an update waits for others to leave."""

    def hold(self, *, held: bool) -> None:
        """Keep every EVSE out of service, or let it be what it was ordered to be."""

    async def restart(self) -> None:
        """Stop in order, and start the firmware that was installed."""


@dataclass(frozen=True, slots=True)
class UpdateView:
    """How an update stands, for people."""

    status: str
    percent: int | None
    """Of the present step, where it can be known."""
    reason: str
    request_id: int | None
