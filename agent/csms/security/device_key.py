"""Where this station's private keys are made and kept: in files, or on a PKCS#11 token (`token_keys`).

What the certificate directory holds is the key file's text: the key itself as PEM, or a reference to one on a token.
"""

from typing import TYPE_CHECKING, Protocol

from agent.csms.security.vocabulary import CertificateError

if TYPE_CHECKING:
    from agent.csms.security.signing_request import Key

REFERENCE = "pkcs11:"
"""What the text of a key file begins with whose key is on a token."""


class DeviceKeys(Protocol):
    """Makes keys and finds them again. Blocks: for a thread."""

    def make(self, kept: tuple[str, ...]) -> str:
        """Make a key and return its key file's text; `kept`: texts of keys still needed. Raises: OSError."""

    def load(self, text: str) -> "Key":
        """Find the key of this text, to sign with. Raises: CertificateError, OSError."""


class FileKeys:
    """Keys in files, unencrypted; the file's mode protects them."""

    def __init__(self, kind: str = "ecdsa") -> None:
        """`kind`: ecdsa (P-256) or rsa (2048 bits)."""
        self._kind = kind

    def make(self, kept: tuple[str, ...]) -> str:  # noqa: ARG002 - files are forgotten by their index
        """Make a key: its PEM."""
        from agent.csms.security import signing_request  # noqa: PLC0415 - cryptography

        return signing_request.key_pem(signing_request.new_key(self._kind)).decode()

    def load(self, text: str) -> "Key":
        """Read a PEM. Raises: CertificateError."""
        from agent.csms.security import signing_request  # noqa: PLC0415 - cryptography

        if text.startswith(REFERENCE):
            raise CertificateError("its key is on a PKCS#11 token, and the configuration has no [csms.token]")
        try:
            return signing_request.load_key(text)
        except (ValueError, TypeError) as error:
            raise CertificateError(f"its key file cannot be read: {error}") from error
