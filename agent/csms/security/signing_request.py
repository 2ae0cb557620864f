"""Private keys and signing requests (PKCS #10) of this station (rule). Imports `cryptography`."""

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

_RSA_BITS, _RSA_EXPONENT = 2048, 65_537

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def new_key(kind: str) -> Key:
    """Make a key: `ecdsa` on P-256, or `rsa` of 2048 bits (A00.FR.501 to 505)."""
    if kind == "rsa":
        return rsa.generate_private_key(_RSA_EXPONENT, _RSA_BITS)
    return ec.generate_private_key(ec.SECP256R1())


def load_key(pem: str) -> Key:
    """Read a key that `key_pem` wrote. Raises: ValueError."""
    key = serialization.load_pem_private_key(pem.encode(), None)
    if not isinstance(key, Key):
        raise TypeError("neither an ECDSA nor an RSA key")
    return key


def key_pem(key: Key) -> bytes:
    """Write a key; the file's mode protects it."""
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def public_bytes(key: Key) -> bytes:
    """Write the public half."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.DER, form)


def request_pem(key: Key, common_name: str, organization: str) -> str:
    """Ask for a certificate with CN and, unless empty, O (A02.FR.03)."""
    names = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization:
        names.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
