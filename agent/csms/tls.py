"""TLS towards the back-end: which versions and suites, who is trusted, and how the station shows its own certificate.

Fails closed: the chain is always verified. Only the check of the name may be left out, by configuration, since private
networks reach back-ends by address.
"""

import ssl
from pathlib import Path
from typing import Protocol

from agent.csms.security.device_key import REFERENCE
from hal.value import dataclass

CIPHERS = (
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
    "AES128-GCM-SHA256",
)
"""TLS 1.2, in OpenSSL's spelling, best first. Those of the white paper (A00.FR.318: ECDHE-ECDSA and RSA with AES-GCM)
and ECDHE-RSA-AES-GCM, which most back-ends have. TLS 1.3 has no weak suites."""


class ShowsTokenKey(Protocol):
    """A token whose keys sign handshakes."""

    def show(self, context: ssl.SSLContext, text: str, chain_file: Path) -> None:
        """Let `context` prove itself by the key that `text`, a key file's, refers to. Raises: OSError."""


@dataclass(frozen=True, slots=True)
class TlsMaterial:
    """Files that a connection is made with."""

    ca_files: tuple[Path, ...] = ()
    """PEM roots; none: the system's authorities alone."""
    with_system: bool = False
    """Trust the system's authorities beside `ca_files`."""
    certificate_file: Path | None = None
    key_file: Path | None = None
    verify_name: bool = True
    token: ShowsTokenKey | None = None
    """Where the key is that `key_file` only refers to."""


def tls_context(material: TlsMaterial) -> ssl.SSLContext:
    """Context for the client side: TLS 1.2 or 1.3 (OCPP 1.6 security white paper, OCPP 2.0.1 part 2: A00.FR.304/312).

    Raises: OSError, ssl.SSLError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(":".join(CIPHERS))
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION  # A00.FR.317: no TLS compression
    context.check_hostname = material.verify_name
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # an installed root may be signed by the one that it replaces
    for file in material.ca_files:
        context.load_verify_locations(file)
    if material.with_system or not material.ca_files:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if material.certificate_file is not None:
        _show(context, material, material.certificate_file)
    return context


def _show(context: ssl.SSLContext, material: TlsMaterial, chain_file: Path) -> None:
    text = material.key_file.read_text("utf-8") if material.key_file is not None else ""
    if not text.startswith(REFERENCE):
        context.load_cert_chain(chain_file, material.key_file)
    elif material.token is None:
        raise OSError("the key is on a PKCS#11 token, and the configuration has no [csms.token]")
    else:
        material.token.show(context, text, chain_file)


def anchor_of(tls: ssl.SSLObject | None) -> str | None:
    """SHA-256 of the root that a connection hangs on, hexadecimal; None: it uses no TLS; empty: it does not say.

    Public from Python 3.13 on, until then behind a private name.
    """
    if tls is None:
        return None
    chain = getattr(tls, "get_verified_chain", None) or getattr(
        getattr(tls, "_sslobj", None), "get_verified_chain", None
    )
    certificates = chain() if chain is not None else None
    if not certificates:
        return ""
    import hashlib  # noqa: PLC0415 - the websocket client has loaded it by then

    root = certificates[-1]
    der = root if isinstance(root, bytes) else root.public_bytes(_DER)
    return hashlib.sha256(der).hexdigest()


_DER = 2
"""`_ssl.ENCODING_DER`."""
