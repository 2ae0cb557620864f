"""Certificates made for one test."""

import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.now(UTC)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass
class Authority:
    key: Key
    certificate: x509.Certificate
    folder: Path
    above: "Authority | None" = None
    issued: list[x509.Certificate] = field(default_factory=list)

    @property
    def file(self) -> Path:
        path = self.folder / f"{self.name}.ca.pem"
        path.write_text(self.pem)
        return path

    @property
    def name(self) -> str:
        return str(self.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)

    @property
    def pem(self) -> str:
        return pem(self.certificate)

    def issue(
        self,
        name: str,
        *,
        address: str = "127.0.0.1",
        since: datetime | None = None,
        until: datetime | None = None,
        purpose: x509.ObjectIdentifier | None = None,
        key: Key | None = None,
        with_chain: bool = True,
    ) -> tuple[Path, Path]:
        """Certificate and key files; the certificates of intermediate authorities stand behind it."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
        builder = _builder(name, self.certificate.subject, key, since, until)
        builder = builder.add_extension(alternative, critical=False)
        if purpose is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        signed = builder.sign(self.key, hashes.SHA256())
        self.issued.append(signed)
        certificate_file, key_file = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        certificate_file.write_text(pem(signed) + (self.chain_pem if with_chain else ""))
        write_key(key_file, key)
        return certificate_file, key_file

    def sign(self, csr_pem: str, *, until: datetime | None = None, since: datetime | None = None) -> str:
        """Certificate for a signing request, with the intermediate authorities behind it."""
        csr = x509.load_pem_x509_csr(csr_pem.encode())
        assert csr.is_signature_valid
        builder = _subject_builder(csr.subject, self.certificate.subject, csr.public_key(), since, until)
        return pem(builder.sign(self.key, hashes.SHA256())) + self.chain_pem

    @property
    def chain_pem(self) -> str:
        """Itself and what is above it, without the root."""
        return "" if self.above is None else self.pem + self.above.chain_pem

    def intermediate(self, name: str, *, since: datetime | None = None, until: datetime | None = None) -> "Authority":
        return _make(self.folder, name, self, ec.generate_private_key(ec.SECP256R1()), since, until)

    def renewed(self, name: str) -> "Authority":
        """A new root that this one has signed."""
        return _make(self.folder, name, self, ec.generate_private_key(ec.SECP256R1()), None, None)


def authority(
    folder: Path,
    name: str = "Test CA",
    *,
    key: Key | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Authority:
    return _make(folder, name, None, key or ec.generate_private_key(ec.SECP256R1()), since, until)


def server_context(files: tuple[Path, Path], client_ca: Path | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    if client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    return context


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def write_key(path: Path, key: Key) -> None:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))


CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


def _make(
    folder: Path, name: str, above: Authority | None, key: Key, since: datetime | None, until: datetime | None
) -> Authority:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer = subject if above is None else above.certificate.subject
    constraints = x509.BasicConstraints(ca=True, path_length=None)
    builder = _subject_builder(subject, issuer, key.public_key(), since, until)
    signer = key if above is None else above.key
    certificate = builder.add_extension(constraints, critical=True).sign(signer, hashes.SHA256())
    return Authority(key, certificate, folder, above)


def _builder(
    name: str, issuer: x509.Name, key: Key, since: datetime | None, until: datetime | None
) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return _subject_builder(subject, issuer, key.public_key(), since, until)


def _subject_builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: object,
    since: datetime | None,
    until: datetime | None,
) -> x509.CertificateBuilder:
    assert isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(since or NOW - timedelta(days=30))
        .not_valid_after(until or NOW + timedelta(days=1))
    )
