"""Keys on a PKCS#11 token, which never leave it (runner). Blocks: for a thread.

A key file's text is the key's reference, as RFC 7512 writes one: no secret, and no PIN in it.
"""

import base64
import re
import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from agent.csms.security.device_key import REFERENCE, FileKeys
from agent.csms.security.token_link import SIGNATURE_S, TokenAddress, TokenError, TokenLink

if TYPE_CHECKING:
    from agent.csms.security.openssl_key import OpenSslKey
    from agent.csms.security.signing_request import Key

_ID = re.compile(r";id=((?:%[0-9a-f]{2})+)")


class TokenKeys:
    """Makes keys on the token, signs with them, and shows them to TLS."""

    def __init__(self, address: TokenAddress) -> None:
        self._label = address.label
        self.link = TokenLink(address)
        self._probed = False
        self._turn = threading.Lock()
        self._shown: dict[str, OpenSslKey] = {}

    def probe(self) -> None:
        """Open the token, and prove that TLS can be given its keys. Raises: TokenError."""
        self.link.ask("probe")
        self._probed = True

    def make(self, kept: tuple[str, ...]) -> str:
        """Make a key on the token and forget those that are not `kept`. Raises: TokenError."""
        answer = self.link.ask("make", kept=[_id(text) for text in kept if text.startswith(REFERENCE)])
        key_id = re.sub("(..)", r"%\1", answer["id"])
        return f"{REFERENCE}token={quote(self._label, safe='')};id={key_id};type=private\n"

    def load(self, text: str) -> "Key":
        """Find the key, or read one from before there was a token. Raises: CertificateError, TokenError."""
        if not text.startswith(REFERENCE):
            return FileKeys().load(text)
        from agent.csms.security.token_private_key import TokenPrivateKey  # noqa: PLC0415 - cryptography

        key_id = _id(text)
        return TokenPrivateKey(self._public(key_id), lambda digest: self.sign(key_id, digest))

    def show(self, context: ssl.SSLContext, text: str, chain_file: Path) -> None:
        """Let `context` prove itself by this key; one signature is made before, to see that it can. Raises: OSError."""
        from agent.csms.security.openssl_key import OpenSslKey  # noqa: PLC0415 - only where there is a token

        if not self._probed:
            self.probe()
        key_id = _id(text)
        self.sign(key_id, bytes(32))
        with self._turn:
            if key_id not in self._shown:
                self._shown[key_id] = OpenSslKey(self._public(key_id), lambda digest: self.sign(key_id, digest))
            self._shown[key_id].show(context, chain_file)

    def sign(self, key_id: str, digest: bytes) -> bytes:
        """Sign a digest of up to 32 bytes: DER. Raises: TokenError."""
        from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature  # noqa: PLC0415 - late

        raw = bytes.fromhex(self.link.ask("sign", within_s=SIGNATURE_S, id=key_id, digest=digest.hex())["signature"])
        half = len(raw) // 2
        return encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))

    def _public(self, key_id: str) -> bytes:
        return base64.b64decode(self.link.ask("public", id=key_id)["public"])


def _id(text: str) -> str:
    found = _ID.search(text)
    if found is None:
        raise TokenError("its key file names no key of a token")
    return found[1].replace("%", "")
