"""TLS towards file servers: verified always, 1.2 or newer."""

import ssl

from agent.transfer.errors import Failure, TransferError
from agent.transfer.settings import TransferSettings


def client_context(settings: TransferSettings) -> ssl.SSLContext:
    """Make a context that trusts the configured roots. Raises: TransferError if they cannot be read."""
    try:
        context = ssl.create_default_context(cafile=None if settings.ca_file is None else str(settings.ca_file))
    except (OSError, ssl.SSLError) as error:
        raise TransferError(Failure.UNTRUSTED, f"the roots for file servers cannot be read: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def connection_failure(error: OSError, host: str) -> TransferError:
    """Say what is wrong with a connection, in one sentence."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return TransferError(Failure.UNTRUSTED, f"the certificate of {host} is not trusted: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        return TransferError(Failure.UNREACHABLE, f"TLS with {host} failed: {error.reason or error}")
    if isinstance(error, TimeoutError):
        return TransferError(Failure.UNREACHABLE, f"{host} has been silent for too long")
    return TransferError(Failure.UNREACHABLE, f"the connection to {host} failed: {error.strerror or error}")
