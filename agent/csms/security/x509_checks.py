"""What a certificate must be to be installed or used here (rule).

Imports `cryptography`, 25 ms: whoever needs it imports it where it is needed.
"""

import hashlib
from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agent.csms.security.vocabulary import CertificateError, CertificateHash, HashAlgorithm

T = TypeVar("T", bound=x509.ExtensionType)

MIN_RSA_BITS, MIN_EC_BITS = 2048, 224
"""A00.FR.501 to 505: 112 bits of security."""


def read_certificates(pem: str) -> list[x509.Certificate]:
    """Read all certificates of a PEM text. Raises: CertificateError."""
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        raise CertificateError("it is no PEM certificate") from None


def read_root(pem: str, now: datetime) -> x509.Certificate:
    """Read the one certificate of an authority. Raises: CertificateError (lesson: EVerest took leaves)."""
    certificates = read_certificates(pem)
    if len(certificates) != 1:
        raise CertificateError(f"one certificate is expected, not a chain of {len(certificates)}")
    (certificate,) = certificates
    _check_is_authority(certificate)
    _check_strength(certificate)
    if now > certificate.not_valid_after_utc:
        raise CertificateError(f"it expired on {certificate.not_valid_after_utc:%Y-%m-%d}, and it is {now:%Y-%m-%d}")
    return certificate


def issuer_of(certificate: x509.Certificate, candidates: list[x509.Certificate]) -> x509.Certificate | None:
    """Return who signed it: itself or one of these; None if nobody of them did."""
    return next((each for each in (certificate, *candidates) if has_signed(each, certificate)), None)


def has_signed(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Tell whether `issuer` has signed this certificate."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def hash_data(certificate: x509.Certificate, issuer: x509.Certificate) -> list[CertificateHash]:
    """Hash data in each algorithm, as OCSP has them (RFC 6960, 4.1.1)."""
    name = certificate.issuer.public_bytes()
    key = _key_bits(issuer)
    serial = f"{certificate.serial_number:x}"
    return [
        CertificateHash(
            algorithm,
            hashlib.new(algorithm.value.lower(), name).hexdigest(),
            hashlib.new(algorithm.value.lower(), key).hexdigest(),
            serial,
        )
        for algorithm in HashAlgorithm
    ]


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the whole certificate, hexadecimal."""
    return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


def pem_of(certificate: x509.Certificate) -> bytes:
    """Write it as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def check_own_chain(
    chain: list[x509.Certificate],
    roots: list[x509.Certificate],
    key: object,
    common_name: str,
    now: datetime,
) -> list[x509.Certificate]:
    """Check a chain for this station, its own certificate first (A02.FR.06); returns it without a root at its end.

    With `roots`, it must end at one of them. Raises: CertificateError.
    """
    own = chain[0]
    if own.public_key() != key:
        raise CertificateError("it is not for the key that was sent to be signed")
    names = [str(each.value) for each in own.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [common_name]:
        raise CertificateError(f"its common name is not {common_name}")
    _check_client_purpose(own)
    for place, certificate in enumerate(chain):
        _check_dates(certificate, now, "it" if place == 0 else f"certificate {place + 1} of its chain")
        _check_strength(certificate)
        if place > 0:
            _check_is_authority(certificate)
            if not has_signed(certificate, chain[place - 1]):
                raise CertificateError(f"certificate {place + 1} of its chain has not signed the one before it")
    top = chain[-1]
    anchored = top in roots or any(has_signed(root, top) for root in roots)
    if roots and not anchored:
        raise CertificateError("its chain does not end at an installed root of the back-end")
    return chain[:-1] if len(chain) > 1 and (top in roots or has_signed(top, top)) else chain


def _check_client_purpose(certificate: x509.Certificate) -> None:
    usage = _extension(certificate, x509.ExtendedKeyUsage)
    if usage is not None and ExtendedKeyUsageOID.CLIENT_AUTH not in usage:
        raise CertificateError("its purpose is not that of a client")


def _check_dates(certificate: x509.Certificate, now: datetime, what: str) -> None:
    if now > certificate.not_valid_after_utc:
        raise CertificateError(f"{what} expired on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
    if now < certificate.not_valid_before_utc:
        raise CertificateError(f"{what} is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC")


def _check_is_authority(certificate: x509.Certificate) -> None:
    constraints = _extension(certificate, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
        raise CertificateError("it is a leaf certificate, not that of an authority")
    usage = _extension(certificate, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        raise CertificateError("it may not sign certificates (key usage)")


def _extension(certificate: x509.Certificate, kind: type[T]) -> T | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        raise CertificateError("its extensions cannot be read") from None


def _check_strength(certificate: x509.Certificate) -> None:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        strong = key.key_size >= MIN_RSA_BITS
    else:
        strong = isinstance(key, ec.EllipticCurvePublicKey) and key.key_size >= MIN_EC_BITS
    if not strong:
        raise CertificateError(f"its key is neither RSA of {MIN_RSA_BITS} bits nor EC of {MIN_EC_BITS}, or more")


def _key_bits(certificate: x509.Certificate) -> bytes:
    """Return the content of the public key's BIT STRING."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    raise CertificateError("its key is neither RSA nor EC")
