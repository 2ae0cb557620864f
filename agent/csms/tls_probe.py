"""Looks at a back-end's TLS once more after a failure, with plain sockets, to learn what asyncio does not tell.

Nothing is sent beside the handshake. Blocks: for a thread (runner).
"""

import socket
import ssl
from contextlib import suppress
from urllib.parse import urlsplit

from agent.csms.tls import TlsMaterial, tls_context

TIMEOUT_S = 5.0
LATE_ALERT_S = 1.0
"""With TLS 1.3 the refusal of our certificate comes only after our side of the handshake is done."""
_DER = 2
"""`_ssl.ENCODING_DER`."""


def shown_chain(url: str) -> tuple[bytes, ...]:
    """Certificates that the back-end shows, its own first, DER; empty if it shows none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with _handshake(url, context) as connection:
            leaf = connection.getpeercert(binary_form=True)
            return _unverified_chain(connection) or ((leaf,) if leaf else ())
    except OSError:
        return ()


def alert(url: str, material: TlsMaterial) -> ssl.SSLError | None:
    """Why the back-end ends a handshake with this station's material; None if it does not say."""
    try:
        context = tls_context(material)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # our refusal of its certificate is not what is asked here
        with _handshake(url, context) as connection:
            connection.settimeout(LATE_ALERT_S)
            with suppress(TimeoutError):
                connection.recv(1)
    except ssl.SSLEOFError:
        return None
    except ssl.SSLError as error:
        return error
    except OSError:
        return None
    return None


def speaks_http(url: str) -> bool:
    """Tell whether plain HTTP is answered on this port."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 443), timeout=TIMEOUT_S) as connection:
            connection.sendall(b"HEAD / HTTP/1.0\r\n\r\n")
            return connection.recv(5).startswith(b"HTTP/")
    except OSError:
        return False


def _handshake(url: str, context: ssl.SSLContext) -> ssl.SSLSocket:
    parts = urlsplit(url)
    host = parts.hostname or ""
    raw = socket.create_connection((host, parts.port or 443), timeout=TIMEOUT_S)
    try:
        return context.wrap_socket(raw, server_hostname=host)
    except BaseException:
        raw.close()
        raise


def _unverified_chain(connection: ssl.SSLSocket) -> tuple[bytes, ...]:
    """The whole chain: public from Python 3.13 on, until then behind a private name."""
    public = getattr(connection, "get_unverified_chain", None)
    if public is not None:
        return tuple(public())
    private = getattr(getattr(connection, "_sslobj", None), "get_unverified_chain", None)
    return tuple(each.public_bytes(_DER) for each in private() or ()) if private is not None else ()
