"""A meter that signs what it measured, beside `EnergyMeter`: values and one interface.

The meter alone holds the key and signs; nothing of this package can. A record is passed on as the meter wrote it, byte
for byte: its signature covers the bytes, not what they mean. As reads of a meter, these calls wait and may raise.
Source: facts ocmf_eichrecht, station duties.
"""

from datetime import datetime
from enum import Enum
from typing import Protocol

from hal.value import dataclass


class SigningState(Enum):
    """Whether the meter has a signed transaction open."""

    IDLE = "idle"
    ACTIVE = "active"
    ACTIVE_AFTER_POWER_FAILURE = "active_after_power_failure"
    ACTIVE_AFTER_RESET = "active_after_reset"

    @property
    def is_open(self) -> bool:
        """True if a begin was signed and no end yet."""
        return self is not SigningState.IDLE


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """For whom and where the meter signs. Terms of OCMF: `identification_type` is IT, the flags are IF."""

    transaction_id: str
    """Ours, for the log; OCMF has no field for it."""
    identification_type: str
    identification: str
    charge_point_id: str
    """CI: charge box identity and connector number, as OCPP knows them (CT is CBIDC)."""
    identification_flags: tuple[str, ...] = ()
    tariff_text: str = ""


@dataclass(frozen=True, slots=True)
class MeterIdentity:
    """What a meter says of itself; by serial number and key its records are checked."""

    serial_number: str
    public_key: str
    """SubjectPublicKeyInfo in DER, hexadecimal."""


@dataclass(frozen=True, slots=True)
class SignedRecord:
    """One record as the meter gave it, and the key that verifies it."""

    text: str
    public_key: str
    """SubjectPublicKeyInfo in DER, hexadecimal."""
    signing_method: str
    encoding: str = "OCMF"


class SignedMeter(Protocol):
    """Signed transactions of one meter; at most one is open at a time."""

    async def identity(self) -> MeterIdentity:
        """Read serial number and public key. Raises: HalError."""

    async def state(self) -> SigningState:
        """Tell whether a signed transaction is open. Raises: HalError."""

    async def set_time(self, utc: datetime) -> None:
        """Set the meter's clock and declare it synchronised. Raises: HalError."""

    async def start_signed_transaction(self, request: SigningRequest) -> SignedRecord:
        """Sign the begin and return its record. Raises: HalError; the state then tells what came of it."""

    async def stop_signed_transaction(self, request: SigningRequest) -> SignedRecord:
        """Sign the end, also of what a power failure left open, and return its record. Raises: HalError."""

    async def last_record(self) -> SignedRecord | None:
        """Read the latest record once more without signing anything; None if there is none. Raises: HalError."""
