"""Rule: what a failed attempt to connect says about security.

A certificate that does not verify is both: the back-end did not prove who it is, and its certificate is not valid. One
that is only for another name is the former alone. Source: OCPP 1.6 security white paper, edition 3, sections on TLS
and security events; OCPP 2.0.1 part 2, A00.FR.307, A00.FR.309, A00.FR.314 to A00.FR.318.
"""

import ssl
from collections.abc import Sequence
from typing import Final

from agent.domain.security_event import SecurityEventType

_NAME_MISMATCH: Final = frozenset({62, 63, 64})
"""X509_V_ERR_HOSTNAME_MISMATCH, EMAIL and IP_ADDRESS."""
_REFUSED_HTTP: Final = frozenset({401, 403})
_OLD_TLS: Final = frozenset({"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "VERSION_TOO_LOW"})
_NO_CIPHER: Final = frozenset(
    {"SSLV3_ALERT_HANDSHAKE_FAILURE", "TLSV1_ALERT_INSUFFICIENT_SECURITY", "WRONG_CIPHER_RETURNED", "DH_KEY_TOO_SMALL"}
)
_OUR_CERTIFICATE_REFUSED: Final = frozenset(
    {
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "SSLV3_ALERT_CERTIFICATE_REVOKED",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        "TLSV1_ALERT_ACCESS_DENIED",
        "TLSV1_ALERT_UNKNOWN_CA",
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    }
)

Incident = tuple[SecurityEventType, str]


def dial_incidents(error: BaseException | None) -> Sequence[Incident]:
    """Return the security events of what ended an attempt to connect."""
    match error:
        case ssl.SSLCertVerificationError():
            return _of_certificate(error)
        case ssl.SSLError():
            return _of_tls(error.reason or "")
        case _:
            status = getattr(getattr(error, "response", None), "status_code", None)
            if status in _REFUSED_HTTP:
                return [(SecurityEventType.FAILED_TO_AUTHENTICATE_AT_CSMS, f"HTTP status {status}")]
            return []


def _of_certificate(error: ssl.SSLCertVerificationError) -> list[Incident]:
    info = error.verify_message
    failed = (SecurityEventType.CSMS_FAILED_TO_AUTHENTICATE, info)
    if error.verify_code in _NAME_MISMATCH:
        return [failed]
    return [failed, (SecurityEventType.INVALID_CSMS_CERTIFICATE, info)]


def _of_tls(reason: str) -> list[Incident]:
    if reason in _OLD_TLS:
        return [(SecurityEventType.INVALID_TLS_VERSION, reason)]
    if reason in _NO_CIPHER:
        return [(SecurityEventType.INVALID_TLS_CIPHER_SUITE, reason)]
    if reason in _OUR_CERTIFICATE_REFUSED:
        return [(SecurityEventType.FAILED_TO_AUTHENTICATE_AT_CSMS, reason)]
    return []
