"""Runner: firmware against its signing certificate and signature, in threads. Implements `FirmwareVerifier`.

Signatures are RSA-PSS or ECDSA over SHA-256 of the whole file. Source: OCPP 1.6 security white paper, L01.
"""

import asyncio
import base64
import hashlib
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from agent.firmware.manufacturer_roots import ManufacturerRoots
from agent.station.firmware_parts import CertificateVerdict

if TYPE_CHECKING:
    from cryptography import x509

CHUNK_BYTES = 1024 * 1024
_PEM_MARK = b"-----BEGIN"


class SignatureVerifier:
    """Knows the manufacturer's roots."""

    def __init__(self, roots: ManufacturerRoots) -> None:
        self._roots = roots

    async def check_certificate(self, pem: str, at: datetime) -> tuple[CertificateVerdict, str]:
        """Hold it against the manufacturer's roots; gives the verdict and why."""
        return await asyncio.to_thread(self._certificate, pem, at)

    async def check_signature(self, image: Path, pem: str, signature: str) -> str:
        """Hold a file against its signature; gives why it is not good, empty if it is."""
        return await asyncio.to_thread(_signature, image, pem, signature)

    def _certificate(self, pem: str, at: datetime) -> tuple[CertificateVerdict, str]:
        from agent.firmware.signing_chain import ChainError, RevokedError, check_chain  # noqa: PLC0415 - cryptography

        try:
            given = _certificates(pem.encode())
        except ValueError:
            return CertificateVerdict.INVALID, "the signing certificate is no certificate in PEM"
        try:
            roots = [each for data in self._roots.roots() for each in _certificates(data)]
            lists = [_revocation_list(data) for data in self._roots.revocation_lists()]
            if not roots:
                return CertificateVerdict.INVALID, "no root of the manufacturer is installed"
            check_chain(given, roots, lists, at)
        except RevokedError as error:
            return CertificateVerdict.REVOKED, str(error)
        except ChainError as error:
            return CertificateVerdict.INVALID, str(error)
        except (OSError, ValueError) as error:
            return CertificateVerdict.INVALID, f"the manufacturer's roots cannot be read: {error}"
        return CertificateVerdict.GOOD, ""


def _certificates(data: bytes) -> "list[x509.Certificate]":
    from cryptography import x509  # noqa: PLC0415 - only where firmware is signed

    return x509.load_pem_x509_certificates(data)


def _revocation_list(data: bytes) -> "x509.CertificateRevocationList":
    from cryptography import x509  # noqa: PLC0415 - as above

    return x509.load_pem_x509_crl(data) if _PEM_MARK in data else x509.load_der_x509_crl(data)


def _signature(image: Path, pem: str, signature: str) -> str:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils  # noqa: PLC0415

    try:
        key = _certificates(pem.encode())[0].public_key()
        given = base64.b64decode("".join(signature.split()), validate=True)
        digest = _digest(image)
        hashed = utils.Prehashed(hashes.SHA256())
        if isinstance(key, rsa.RSAPublicKey):
            pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.AUTO)
            key.verify(given, digest, pss, hashed)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(given, digest, ec.ECDSA(hashed))
        else:
            return "the signing key is neither RSA nor ECDSA"
    except InvalidSignature:
        return "the signature is not of this file and this certificate"
    except (ValueError, IndexError, UnsupportedAlgorithm):
        return "the signature cannot be read"
    except OSError as error:
        return f"the file cannot be read: {error.strerror}"
    return ""


def _digest(image: Path) -> bytes:
    digest = hashlib.sha256()
    with image.open("rb") as file:
        for chunk in iter(partial(file.read, CHUNK_BYTES), b""):
            digest.update(chunk)
    return digest.digest()
