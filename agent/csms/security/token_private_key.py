"""A key of a token in the shape that `cryptography` signs requests with (value). Imports `cryptography`."""

from collections.abc import Callable
from typing import NoReturn

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed


class TokenPrivateKey(ec.EllipticCurvePrivateKey):
    """Signs by a call; the rest stays where it is."""

    def __init__(self, public_der: bytes, sign: Callable[[bytes], bytes]) -> None:
        public = serialization.load_der_public_key(public_der)
        if not isinstance(public, ec.EllipticCurvePublicKey):
            raise TypeError("no ECDSA key")
        self._public = public
        self._sign = sign

    @property
    def curve(self) -> ec.EllipticCurve:
        """P-256."""
        return self._public.curve

    @property
    def key_size(self) -> int:
        """Bits."""
        return self._public.key_size

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """Public half."""
        return self._public

    def sign(
        self, data: "bytes | bytearray | memoryview", signature_algorithm: ec.EllipticCurveSignatureAlgorithm
    ) -> bytes:
        """Sign `data` by ECDSA with SHA-256: DER. Raises: OSError."""
        algorithm = signature_algorithm.algorithm
        if isinstance(algorithm, Prehashed) or not isinstance(algorithm, hashes.SHA256):
            raise TypeError("only SHA-256 is signed")
        digest = hashes.Hash(algorithm)
        digest.update(data)
        return self._sign(digest.finalize())

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> NoReturn:  # noqa: ARG002 - the interface's
        """Refuse."""
        raise TypeError("the key only signs")

    def private_numbers(self) -> NoReturn:
        """Refuse."""
        raise TypeError("the key does not leave the token")

    def private_bytes(
        self,
        encoding: serialization.Encoding,  # noqa: ARG002 - the interface's names
        format: serialization.PrivateFormat,  # noqa: A002, ARG002 - as above
        encryption_algorithm: serialization.KeySerializationEncryption,  # noqa: ARG002 - as above
    ) -> NoReturn:
        """Refuse."""
        raise TypeError("the key does not leave the token")

    def __copy__(self) -> "TokenPrivateKey":
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> "TokenPrivateKey":
        return self
