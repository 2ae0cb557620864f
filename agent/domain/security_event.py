"""Security events: their names, which of them the back-end is told, and what an entry of the security log is.

The names are those of OCPP 2.0.1 part 2, appendix 1, and a few of our own, which it allows; `v16` has its own spelling.
What is critical there is told: OCPP 1.6's white paper (edition 3, security events) lists fewer as critical and forbids
none, and its certification looks for the others as well.
"""

from collections.abc import Iterator
from datetime import datetime
from enum import Enum

from hal.value import dataclass

TECH_INFO_CHARS = 255
CLOCK_BUILT_FOR = datetime.fromisoformat("2025-01-01T00:00:00+00:00")
"""This software is younger: a clock that shows an earlier time was never set."""


class SecurityEventType(Enum):
    """Every type that this station may raise."""

    FIRMWARE_UPDATED = "FirmwareUpdated"
    FAILED_TO_AUTHENTICATE_AT_CSMS = "FailedToAuthenticateAtCsms"
    CSMS_FAILED_TO_AUTHENTICATE = "CsmsFailedToAuthenticate"
    SETTING_SYSTEM_TIME = "SettingSystemTime"
    STARTUP_OF_THE_DEVICE = "StartupOfTheDevice"
    RESET_OR_REBOOT = "ResetOrReboot"
    SECURITY_LOG_WAS_CLEARED = "SecurityLogWasCleared"
    RECONFIGURATION_OF_SECURITY_PARAMETERS = "ReconfigurationOfSecurityParameters"
    MEMORY_EXHAUSTION = "MemoryExhaustion"
    INVALID_MESSAGES = "InvalidMessages"
    ATTEMPTED_REPLAY_ATTACKS = "AttemptedReplayAttacks"
    TAMPER_DETECTION_ACTIVATED = "TamperDetectionActivated"
    INVALID_FIRMWARE_SIGNATURE = "InvalidFirmwareSignature"
    INVALID_FIRMWARE_SIGNING_CERTIFICATE = "InvalidFirmwareSigningCertificate"
    INVALID_CSMS_CERTIFICATE = "InvalidCsmsCertificate"
    INVALID_CHARGING_STATION_CERTIFICATE = "InvalidChargingStationCertificate"
    INVALID_TLS_VERSION = "InvalidTLSVersion"
    INVALID_TLS_CIPHER_SUITE = "InvalidTLSCipherSuite"
    MAINTENANCE_LOGIN_ACCEPTED = "MaintenanceLoginAccepted"
    MAINTENANCE_LOGIN_FAILED = "MaintenanceLoginFailed"
    # Ours.
    UNAUTHORISED_ENERGY_FOUND = "UnauthorisedEnergyFound"
    TOKENS_REPEATEDLY_REFUSED = "TokensRepeatedlyRefused"
    SECURITY_LOG_REPAIRED = "SecurityLogRepaired"

    @property
    def is_critical(self) -> bool:
        """Whether the back-end is told, beyond the entry in the security log."""
        return self in _CRITICAL


_CRITICAL = frozenset(SecurityEventType) - {
    SecurityEventType.FAILED_TO_AUTHENTICATE_AT_CSMS,
    SecurityEventType.CSMS_FAILED_TO_AUTHENTICATE,
    SecurityEventType.RECONFIGURATION_OF_SECURITY_PARAMETERS,
    SecurityEventType.INVALID_MESSAGES,
    SecurityEventType.ATTEMPTED_REPLAY_ATTACKS,
    SecurityEventType.UNAUTHORISED_ENERGY_FOUND,  # told by its own fact
    SecurityEventType.SECURITY_LOG_REPAIRED,
}


class ClockQuality(Enum):
    """How far a time in the security log can be trusted."""

    UNSET = "unset"
    """The clock has not been set since the board lost its power."""
    SYSTEM = "system"
    """The operating system's clock."""
    CSMS = "csms"
    """Set by the back-end since the start."""


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """Something that happened, for the security log; its information fits a message and one line."""

    type: SecurityEventType
    at: datetime
    tech_info: str = ""
    clock: ClockQuality = ClockQuality.SYSTEM


def clock_quality(utc: datetime, *, taught: bool) -> ClockQuality:
    """Judge a clock that shows `utc`; `taught`: a back-end has set it."""
    if utc < CLOCK_BUILT_FOR:
        return ClockQuality.UNSET
    return ClockQuality.CSMS if taught else ClockQuality.SYSTEM


def clipped_info(text: str) -> str:
    """One line of at most 255 characters: what would break a line or a message is replaced."""
    return "".join(_printable(text[:TECH_INFO_CHARS]))


def _printable(text: str) -> Iterator[str]:
    return (character if character.isprintable() else "?" for character in text)
