"""A manufacturer of firmware: a root, signers below it, signatures of files."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

FIRST_DAY, LAST_DAY = datetime(2020, 1, 1, tzinfo=UTC), datetime(2050, 1, 1, tzinfo=UTC)
"""Stories play in the time of a virtual clock."""
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def ecdsa_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def rsa_key(bits: int = 2048) -> Key:
    return rsa.generate_private_key(65537, bits)


@dataclass
class Party:
    """Somebody with a key and a certificate."""

    key: Key
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def sign(self, data: bytes) -> str:
        if isinstance(self.key, rsa.RSAPrivateKey):
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
            return base64.b64encode(self.key.sign(data, pss, hashes.SHA256())).decode()
        return base64.b64encode(self.key.sign(data, ec.ECDSA(hashes.SHA256()))).decode()

    def issue(
        self,
        name: str,
        *,
        key: Key | None = None,
        authority: bool = False,
        path_length: int | None = None,
        begins: datetime = FIRST_DAY,
        ends: datetime = LAST_DAY,
        extensions: tuple[x509.ExtensionType, ...] = (),
    ) -> "Party":
        made = key or ecdsa_key()
        issuer = self.certificate.subject
        builder = _builder(name, issuer, made, begins, ends)
        if authority:
            builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        for extension in extensions:
            builder = builder.add_extension(extension, critical=True)
        return Party(made, builder.sign(self.key, hashes.SHA256()))

    def revoke(self, *parties: "Party", next_update: datetime = LAST_DAY) -> bytes:
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject)
        builder = builder.last_update(FIRST_DAY).next_update(next_update)
        for party in parties:
            revoked = x509.RevokedCertificateBuilder().serial_number(party.certificate.serial_number)
            builder = builder.add_revoked_certificate(revoked.revocation_date(FIRST_DAY).build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@dataclass
class Manufacturer:
    """A root in a folder as the station reads it."""

    folder: Path
    root: Party = field(default_factory=lambda: self_signed("Maker Root"))

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "root.pem").write_text(self.root.pem)

    def signer(self, make_key: Callable[[], Key] = ecdsa_key) -> Party:
        return self.root.issue("Firmware Signer", key=make_key())

    def publish(self, *revoked: Party) -> None:
        (self.folder / "root.crl").write_bytes(self.root.revoke(*revoked))


def self_signed(name: str, key: Key | None = None, ends: datetime = LAST_DAY) -> Party:
    made = key or ecdsa_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(name, subject, made, FIRST_DAY, ends)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return Party(made, builder.sign(made, hashes.SHA256()))


def _builder(name: str, issuer: x509.Name, key: Key, begins: datetime, ends: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )


def a_day_after(at: datetime) -> datetime:
    return at + timedelta(days=1)
