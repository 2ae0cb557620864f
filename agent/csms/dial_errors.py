"""Says in one sentence why no connection was made, for the person who has to mend it."""

import asyncio
import socket
import ssl
from datetime import UTC, datetime
from urllib.parse import urlsplit

from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus, InvalidURI, NegotiationError

from agent.csms.connection import Endpoint
from agent.csms.tls import tls_context

_HTTP_REASONS = {
    401: "identity or password is wrong (401)",
    403: "this station is not allowed (403)",
    404: "the path or the identity is not known there (404)",
    426: "it asks for another protocol (426)",
    429: "it has too many requests (429)",
}
_TLS_REASONS = {
    "WRONG_VERSION_NUMBER": "what answers there speaks no TLS; for plain HTTP the URL begins with ws://",
    "HTTP_REQUEST": "what answers there speaks plain HTTP and no TLS; its URL begins with ws://",
    "UNSUPPORTED_PROTOCOL": "it knows only TLS older than 1.2, which is not accepted",
    "TLSV1_ALERT_PROTOCOL_VERSION": "it accepts neither TLS 1.2 nor TLS 1.3",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": (
        "it ended the TLS handshake: no cipher suite in common, or it demands a client certificate (security profile 3)"
    ),
    "NO_CIPHERS_AVAILABLE": "there is no cipher suite in common",
    "WRONG_CIPHER_RETURNED": "it chose a cipher suite that was not offered",
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": "it demands stronger cipher suites than any in common",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": (
        "it demands a client certificate (security profile 3), and this station shows none"
    ),
    "TLSV1_ALERT_UNKNOWN_CA": "it does not know the authority that issued this station's certificate (unknown ca)",
    "SSLV3_ALERT_BAD_CERTIFICATE": "it refuses this station's certificate as damaged or unsuitable (bad certificate)",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": "it takes no certificate of this kind from a station (unsupported)",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": "it says that this station's certificate is revoked",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "it says that this station's certificate has expired, by its own clock",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "it refuses this station's certificate without saying why (certificate unknown)",
    "TLSV1_ALERT_ACCESS_DENIED": "it knows this station's certificate and denies it access",
    "TLSV1_UNRECOGNIZED_NAME": "it does not know the name in the URL (unrecognised name)",
    "TLSV1_ALERT_DECRYPT_ERROR": "it finds our signature wrong: the key does not belong to the certificate",
    "TLSV1_ALERT_INTERNAL_ERROR": "it had an internal error during the TLS handshake",
    "KEY_VALUES_MISMATCH": "this station's private key does not belong to its certificate",
    "DH_KEY_TOO_SMALL": "its key exchange is too weak",
}
"""OpenSSL's reason to what it means; an ALERT is what the back-end said."""
_HANDSHAKE_ENDINGS = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError, InvalidMessage, EOFError)
"""How a refusal of our certificate looks to asyncio, which drops the alert."""


async def explain(error: Exception, endpoint: Endpoint, timeout_s: float) -> str:
    """One sentence, with the URL that was dialled."""
    return f"cannot connect to {endpoint.full_url}: {await _reason(error, endpoint, timeout_s)}"


async def _reason(error: Exception, endpoint: Endpoint, timeout_s: float) -> str:
    host = urlsplit(endpoint.url).hostname or ""
    match error:
        case ssl.SSLCertVerificationError():
            return await _certificate_reason(error, endpoint)
        case ssl.SSLError():
            return _tls_reason(error)
        case _ if (refused := await _alert(error, endpoint)) is not None:
            return _tls_reason(refused)
        case socket.gaierror():
            return f"the name {host} cannot be resolved"
        case ConnectionRefusedError():
            return "nothing listens there (connection refused)"
        case TimeoutError():
            return f"no answer within {timeout_s:g} s"
        case InvalidStatus():
            return _http_reason(error.response.status_code)
        case InvalidMessage() | ConnectionResetError() if _uses_tls(endpoint):
            return await _ended_handshake(endpoint)
        case InvalidMessage():
            return "what answers there is no web server (one that speaks TLS has a URL with wss://)"
        case NegotiationError():
            return f"no common subprotocol: {error}"
        case InvalidHandshake() | InvalidURI() | OSError():
            return str(error) or type(error).__name__
        case _:
            return f"{type(error).__name__}: {error}"


def _http_reason(status: int) -> str:
    if 300 <= status < 400:  # noqa: PLR2004 - the class of redirects
        return f"the back-end redirects elsewhere ({status})"
    return "the back-end refuses: " + _HTTP_REASONS.get(status, f"HTTP status {status}")


def _tls_reason(error: ssl.SSLError) -> str:
    reason = error.reason or str(error)
    return _TLS_REASONS.get(reason, f"TLS failed: {reason.replace('_', ' ').lower()}")


async def _alert(error: Exception, endpoint: Endpoint) -> ssl.SSLError | None:
    """What the back-end said when it ended the handshake, asked of it once more."""
    if not _uses_tls(endpoint) or not isinstance(error, _HANDSHAKE_ENDINGS):
        return None
    from agent.csms.tls_probe import alert  # noqa: PLC0415 - only after a failure

    return await asyncio.to_thread(alert, endpoint.url, endpoint.tls)


async def _ended_handshake(endpoint: Endpoint) -> str:
    from agent.csms.tls_probe import speaks_http  # noqa: PLC0415 - only after a failure

    if await asyncio.to_thread(speaks_http, endpoint.url):
        return _TLS_REASONS["HTTP_REQUEST"]
    if endpoint.client_certificate_file is None:
        return "it ended the connection in the TLS handshake; perhaps it demands a client certificate (profile 3)"
    return "it ended the connection in the TLS handshake; perhaps it refuses this station's certificate"


def _uses_tls(endpoint: Endpoint) -> bool:
    return urlsplit(endpoint.url).scheme == "wss"


async def _certificate_reason(error: ssl.SSLCertVerificationError, endpoint: Endpoint) -> str:
    return f"its certificate is refused: {await asyncio.to_thread(_chain_reason, error, endpoint)}"


def _chain_reason(error: ssl.SSLCertVerificationError, endpoint: Endpoint) -> str:
    from agent.csms.chain_explanation import Trusted, explain_chain  # noqa: PLC0415 - cryptography, 25 ms, needed only here
    from agent.csms.tls_probe import shown_chain  # noqa: PLC0415 - as above

    now = datetime.now(UTC)
    material = endpoint.tls
    trusted = Trusted(tuple(tls_context(material).get_ca_certs(binary_form=True)), material.with_system)
    host = urlsplit(endpoint.url).hostname or ""
    found = explain_chain(error.verify_code, shown_chain(endpoint.url), trusted, host, now)
    return found or f"{error.verify_message}; this board's clock says {now:%Y-%m-%d %H:%M} UTC"
