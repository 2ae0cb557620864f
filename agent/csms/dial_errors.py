"""Says in one sentence why no connection was made, for the person who has to mend it."""

import asyncio
import socket
import ssl
from datetime import UTC, datetime
from urllib.parse import urlsplit

from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus, InvalidURI, NegotiationError

from agent.csms.connection import Endpoint

_CERTIFICATE_TIMEOUT_S = 5.0
_HTTP_REASONS = {
    401: "identity or password is wrong (401)",
    403: "this station is not allowed (403)",
    404: "the path or the identity is not known there (404)",
    426: "it asks for another protocol (426)",
    429: "it has too many requests (429)",
}


async def explain(error: Exception, endpoint: Endpoint, timeout_s: float) -> str:
    """One sentence, with the URL that was dialled."""
    return f"cannot connect to {endpoint.full_url}: {await _reason(error, endpoint, timeout_s)}"


async def _reason(error: Exception, endpoint: Endpoint, timeout_s: float) -> str:
    host = urlsplit(endpoint.url).hostname or ""
    match error:
        case ssl.SSLCertVerificationError():
            return await _certificate_reason(error, endpoint)
        case ssl.SSLError():
            return f"TLS failed: {error.reason or error}"
        case socket.gaierror():
            return f"the name {host} cannot be resolved"
        case ConnectionRefusedError():
            return "nothing listens there (connection refused)"
        case TimeoutError():
            return f"no answer within {timeout_s:g} s"
        case InvalidStatus():
            return _http_reason(error.response.status_code)
        case InvalidMessage():
            return "what answers there is no web server"
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


async def _certificate_reason(error: ssl.SSLCertVerificationError, endpoint: Endpoint) -> str:
    board_says = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC by this board's clock"
    shown = await _shown_certificate(endpoint)
    return f"its certificate is refused: {error.verify_message}; {shown}it is {board_says}"


async def _shown_certificate(endpoint: Endpoint) -> str:
    """Name, issuer and dates of the certificate the other side shows; fetched without sending it anything."""
    parts = urlsplit(endpoint.url)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(_CERTIFICATE_TIMEOUT_S):
            _, writer = await asyncio.open_connection(
                parts.hostname, parts.port or 443, ssl=context, server_hostname=parts.hostname
            )
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.transport.abort()
        return _describe(der)
    except (OSError, ValueError):
        return ""


def _describe(der: bytes) -> str:
    from cryptography import x509  # noqa: PLC0415 - 25 ms, needed only here

    certificate = x509.load_der_x509_certificate(der)
    return (
        f"it is for {certificate.subject.rfc4514_string() or 'nobody'}, issued by "
        f"{certificate.issuer.rfc4514_string()}, valid {certificate.not_valid_before_utc:%Y-%m-%d} to "
        f"{certificate.not_valid_after_utc:%Y-%m-%d}; "
    )
