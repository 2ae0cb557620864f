"""Certificate management in the words of OCPP 2.0.1 (part 2, M03 to M05); 1.6 spells a few of them otherwise."""

from collections.abc import Callable
from enum import Enum

from hal.value import dataclass

RaiseSecurityEvent = Callable[[str, str], None]
"""Takes the type (OCPP 2.0.1 part 2, appendix 1) and technical information of at most 255 characters."""

MAX_ROOTS = 20
"""CertificateStoreMaxLength."""

INVALID_STATION_CERTIFICATE = "InvalidChargingStationCertificate"
FAILED_TO_AUTHENTICATE = "FailedToAuthenticateAtCsms"
RECONFIGURED = "ReconfigurationOfSecurityParameters"


class CertificateUse(Enum):
    """What a root is trusted for: InstallCertificateUseEnumType, as far as anything here uses it."""

    CSMS_ROOT = "CSMSRootCertificate"
    MANUFACTURER_ROOT = "ManufacturerRootCertificate"


class HashAlgorithm(Enum):
    """HashAlgorithmEnumType."""

    SHA256 = "SHA256"
    SHA384 = "SHA384"
    SHA512 = "SHA512"


class InstallStatus(Enum):
    """InstallCertificateStatusEnumType."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    """The certificate is not suitable, or there are too many."""
    FAILED = "Failed"
    """It is suitable and could not be stored."""


class DeleteStatus(Enum):
    """DeleteCertificateStatusEnumType."""

    ACCEPTED = "Accepted"
    FAILED = "Failed"
    NOT_FOUND = "NotFound"


@dataclass(frozen=True, slots=True)
class CertificateHash:
    """CertificateHashDataType; hexadecimal in lower case, the serial number without leading zeros."""

    algorithm: HashAlgorithm
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str

    @classmethod
    def spelled(
        cls, algorithm: str, issuer_name_hash: str, issuer_key_hash: str, serial_number: str
    ) -> "CertificateHash":
        """Bring what a back-end wrote into our spelling. Raises: ValueError for an unknown algorithm."""
        serial = serial_number.lower().lstrip("0") or "0"
        return cls(HashAlgorithm(algorithm), issuer_name_hash.lower(), issuer_key_hash.lower(), serial)


class CertificateError(ValueError):
    """A certificate that is refused; the text says why in half a sentence, without its content."""
