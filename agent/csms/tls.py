"""TLS towards the back-end: who is trusted, and how the station shows its own certificate.

Fails closed: the chain is always verified. Only the check of the name may be left out, by configuration, since private
networks reach back-ends by address.
"""

import ssl
from pathlib import Path


def tls_context(
    ca_file: Path | None,
    certificate_file: Path | None,
    key_file: Path | None,
    *,
    verify_name: bool,
) -> ssl.SSLContext:
    """Context for the client side, TLS 1.2 or newer (OCPP 2.0.1 part 2, A00.FR.304/312).

    Without `ca_file`, the system's authorities are trusted. Raises: OSError, ssl.SSLError.
    """
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(ca_file) if ca_file else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = verify_name
    if certificate_file is not None:
        context.load_cert_chain(certificate_file, key_file)
    return context
