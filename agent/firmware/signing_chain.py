"""Rule: whether a signing certificate leads to a root that may sign firmware. Not proven good means not good.

A chain has at most `MAX_DEPTH` certificates; each is valid now, issued by the next one, and allowed to do what it does
there (basic constraints, path length, key usage). The leaf may have an extended key usage only if it is code signing.
Where the issuer has published a revocation list, it counts, and it counts as no proof once it is out of date.
Source: OCPP 1.6 security white paper, L01 (signing certificate, root of the manufacturer); RFC 5280 section 6.1.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

E = TypeVar("E", bound=x509.ExtensionType)

MAX_DEPTH: Final = 5
MIN_RSA_BITS: Final = 2048
MIN_CURVE_BITS: Final = 224
"""NIST SP 800-57: 112 bits of security, as the white paper demands."""


class ChainError(Exception):
    """The certificate does not prove anything; says why."""


class RevokedError(ChainError):
    """Somebody of the chain has been revoked."""


def check_chain(
    given: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    revocation_lists: Sequence[x509.CertificateRevocationList],
    at: datetime,
) -> None:
    """Hold a leaf, and what came with it, against the roots. Raises: ChainError."""
    if not given:
        raise ChainError("there is no certificate")
    leaf = given[0]
    _check_leaf(leaf)
    certificate, depth = leaf, 0
    while True:
        _check_dates(certificate, at)
        _check_key(certificate)
        if certificate in roots:
            return
        if depth >= MAX_DEPTH:
            raise ChainError(f"the chain is longer than {MAX_DEPTH} certificates")
        issuer = _issuer_of(certificate, [*roots, *given[1:]])
        _check_issuer(issuer, depth)
        _check_revocation(certificate, issuer, revocation_lists, at)
        certificate, depth = issuer, depth + 1


def _issuer_of(certificate: x509.Certificate, candidates: Iterable[x509.Certificate]) -> x509.Certificate:
    for candidate in candidates:
        if candidate.subject == certificate.issuer and candidate != certificate:
            try:
                certificate.verify_directly_issued_by(candidate)
            except (InvalidSignature, ValueError, TypeError):
                continue
            return candidate
    raise ChainError(f"{_name(certificate)} is issued by {certificate.issuer.rfc4514_string()}, who is not trusted")


def _check_leaf(leaf: x509.Certificate) -> None:
    usage = _extension(leaf, x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        raise ChainError(f"{_name(leaf)} may not sign (key usage)")
    extended = _extension(leaf, x509.ExtendedKeyUsage)
    if extended is not None and ExtendedKeyUsageOID.CODE_SIGNING not in extended:
        raise ChainError(f"{_name(leaf)} may not sign code (extended key usage)")


def _check_dates(certificate: x509.Certificate, at: datetime) -> None:
    if at < certificate.not_valid_before_utc:
        raise ChainError(f"{_name(certificate)} is not valid before {certificate.not_valid_before_utc:%Y-%m-%d}")
    if at > certificate.not_valid_after_utc:
        raise ChainError(f"{_name(certificate)} has been expired since {certificate.not_valid_after_utc:%Y-%m-%d}")


def _check_key(certificate: x509.Certificate) -> None:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= MIN_RSA_BITS:
        return
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size >= MIN_CURVE_BITS:
        return
    raise ChainError(f"the key of {_name(certificate)} is neither RSA of 2048 bits nor ECDSA of 224 bits or more")


def _check_issuer(issuer: x509.Certificate, below: int) -> None:
    """`below`: how many issuers stand between it and the leaf."""
    constraints = _extension(issuer, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
        raise ChainError(f"{_name(issuer)} is no authority")
    if constraints.path_length is not None and constraints.path_length < below:
        raise ChainError(f"{_name(issuer)} allows no chain of this length")
    usage = _extension(issuer, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        raise ChainError(f"{_name(issuer)} may not sign certificates (key usage)")


def _check_revocation(
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    lists: Sequence[x509.CertificateRevocationList],
    at: datetime,
) -> None:
    key = issuer.public_key()
    for each in lists:
        if each.issuer != issuer.subject or not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
            continue
        if not each.is_signature_valid(key):
            continue
        if each.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
            raise RevokedError(f"{_name(certificate)} has been revoked")
        if each.next_update_utc is not None and each.next_update_utc < at:
            raise ChainError(f"the revocation list of {_name(issuer)} is out of date")


def _extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
    except (ValueError, x509.DuplicateExtension) as error:
        raise ChainError(f"{_name(certificate)} has extensions that cannot be read") from error


def _name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string() or f"the certificate {certificate.serial_number:x}"
