"""A small certificate authority for the bench: a root, the back-end's own certificate, and signed requests (runner).

Everything lies in one directory, so that a back-end that starts again is the same authority.
"""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

VALID_DAYS = 365
_PAST = timedelta(hours=1)
"""Clocks differ."""


class BenchAuthority:
    """Signs whatever it is asked to."""

    def __init__(self, directory: Path, host: str) -> None:
        """Make root and server certificate, or find those made before. Raises: OSError, ValueError."""
        directory.mkdir(parents=True, exist_ok=True)
        self.root_file = directory / "root.pem"
        self.certificate_file = directory / "csms.pem"
        self.key_file = directory / "csms.key"
        root_key_file = directory / "root.key"
        if not root_key_file.exists():
            self._make_root(root_key_file)
        self._key = _load_key(root_key_file)
        self._root = x509.load_pem_x509_certificate(self.root_file.read_bytes())
        if not self.key_file.exists():
            self._make_server(host)

    @property
    def root_pem(self) -> str:
        """The root, for stations to install."""
        return self.root_file.read_text("utf-8")

    def sign(self, csr_pem: str, valid_days: float = VALID_DAYS) -> str:
        """Sign a request, with its own subject and key. Raises: ValueError if its signature is wrong."""
        csr = x509.load_pem_x509_csr(csr_pem.encode())
        key = csr.public_key()
        if not csr.is_signature_valid or not isinstance(key, ec.EllipticCurvePublicKey):
            raise ValueError("the signing request is not signed by its own ECDSA key")
        return _pem(self._builder(csr.subject, key, valid_days).sign(self._key, hashes.SHA256())).decode()

    def _make_root(self, key_file: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _named("Bench root")
        builder = _plain_builder(subject, subject, key.public_key(), 10 * VALID_DAYS)
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        root = builder.add_extension(constraints, critical=True).sign(key, hashes.SHA256())
        self.root_file.write_bytes(_pem(root))
        _write_key(key_file, key)

    def _make_server(self, host: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        alternative = x509.SubjectAlternativeName([_general_name(host)])
        builder = self._builder(_named("bench back-end"), key.public_key(), VALID_DAYS)
        signed = builder.add_extension(alternative, critical=False).sign(self._key, hashes.SHA256())
        self.certificate_file.write_bytes(_pem(signed))
        _write_key(self.key_file, key)

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, valid_days: float
    ) -> x509.CertificateBuilder:
        return _plain_builder(subject, self._root.subject, key, valid_days)


def _plain_builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, valid_days: float
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _PAST)
        .not_valid_after(now + timedelta(days=valid_days))
    )


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{path} is no ECDSA key")
    return key


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    form = serialization.PrivateFormat.PKCS8
    path.touch(0o600)
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
