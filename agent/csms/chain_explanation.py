"""Says in words what is wrong with the chain of certificates that a back-end shows (rule).

It judges nothing: OpenSSL has refused the chain already. It names the link, the date and whose clock, or the name.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class Trusted:
    """Whom this station trusts: roots, DER, and perhaps the system's authorities, which are not listed."""

    certificates: tuple[bytes, ...]
    with_system: bool = False

    def text(self, roots: Sequence[x509.Certificate]) -> str:
        """Names of a few."""
        names = [_name(each.subject) for each in roots[:_NAMED]]
        names += [f"{len(roots) - _NAMED} others"] if len(roots) > _NAMED else []
        names += ["the system's authorities"] if self.with_system else []
        return ", ".join(names) or "there are none"


_NAMED = 3
_FAR_OFF = timedelta(days=365)
"""A certificate that begins so much later than this board's clock says: rather the clock is wrong."""


def explain_chain(fault: int, shown: Sequence[bytes], trusted: Trusted, host: str, now: datetime) -> str | None:
    """What is wrong, half a sentence; None if nothing is found. Certificates are DER, the back-end's own first.

    `fault`: OpenSSL's verify code (X509_V_ERR_…), so that the trouble it found is the one that is told.
    """
    if not shown:
        return None
    try:
        chain = _ordered([x509.load_der_x509_certificate(each) for each in shown])
        roots = [x509.load_der_x509_certificate(each) for each in trusted.certificates]
    except ValueError:
        return "it shows something that is no certificate"
    match fault:
        case 9 | 10:
            return _wrong_date(_anchored(chain, roots), now)
        case 18 | 19 | 20 | 21:
            return _missing_link(chain, roots, trusted.text(roots), len(shown))
        case 26:
            return _wrong_purpose(chain[0])
        case 62 | 64:
            return _wrong_name(chain[0], host)
        case _:
            return None


def describe(certificate: x509.Certificate) -> str:
    """Subject, issuer and dates."""
    return (
        f"it is for {_name(certificate.subject)}, issued by {_name(certificate.issuer)}, valid "
        f"{certificate.not_valid_before_utc:%Y-%m-%d} to {certificate.not_valid_after_utc:%Y-%m-%d}"
    )


def _ordered(certificates: list[x509.Certificate]) -> list[x509.Certificate]:
    """From the leaf upwards by issuer; what does not belong to the chain is left out."""
    chain, rest = certificates[:1], certificates[1:]
    while True:
        above = next((each for each in rest if _issued(each, chain[-1])), None)
        if above is None:
            return chain
        chain.append(above)
        rest.remove(above)


def _anchored(chain: list[x509.Certificate], roots: list[x509.Certificate]) -> list[x509.Certificate]:
    if chain[-1] in roots or _is_self_signed(chain[-1]):
        return chain
    root = next((each for each in roots if _issued(each, chain[-1])), None)
    return chain if root is None else [*chain, root]


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    return issuer != certificate and issuer.subject == certificate.issuer and _signed(issuer, certificate)


def _signed(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _is_self_signed(certificate: x509.Certificate) -> bool:
    return certificate.subject == certificate.issuer


def _wrong_date(chain: list[x509.Certificate], now: datetime) -> str | None:
    for place, certificate in enumerate(chain):
        link = _link(chain, place)
        clock = f"this board's clock says {now:%Y-%m-%d %H:%M} UTC"
        if now > certificate.not_valid_after_utc:
            return f"{link} expired on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC; {clock}"
        if now < certificate.not_valid_before_utc:
            begins = certificate.not_valid_before_utc
            hint = ", so this clock is probably wrong" if begins - now > _FAR_OFF else ""
            return f"{link} is not valid before {begins:%Y-%m-%d %H:%M} UTC; {clock}{hint}"
    return None


def _missing_link(chain: list[x509.Certificate], roots: list[x509.Certificate], trusted: str, shown: int) -> str | None:
    top = chain[-1]
    if top in roots:
        return None
    if _is_self_signed(top):
        kind = "its certificate is signed by itself and" if len(chain) == 1 else "the root of its chain"
        return f"{kind} {_name(top.subject)} is not among the trusted roots ({trusted}); {describe(chain[0])}"
    also = "" if shown == len(chain) else ", and not all that it shows belongs to the chain"
    return (
        f"the certificate above {_link(chain, len(chain) - 1)} is missing: {_name(top.issuer)} is neither "
        f"shown by the back-end (as an intermediate must be) nor among the trusted roots ({trusted}){also}; "
        f"{describe(chain[0])}"
    )


def _wrong_purpose(leaf: x509.Certificate) -> str | None:
    try:
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        usage = None
    if usage is None or ExtendedKeyUsageOID.SERVER_AUTH in usage:
        return None
    purposes = ", ".join(sorted(each._name for each in usage))  # noqa: SLF001 - its only readable name
    return f"its certificate {_name(leaf.subject)} is for another purpose ({purposes}), not for a server"


def _wrong_name(leaf: x509.Certificate, host: str) -> str | None:
    try:
        alternatives = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return f"its certificate {_name(leaf.subject)} has no subjectAltName, so it is not for {host}"
    names = alternatives.get_values_for_type(x509.DNSName)
    addresses = [str(each) for each in alternatives.get_values_for_type(x509.IPAddress)]
    if _is_address(host) and host in addresses:
        return None
    if not _is_address(host) and any(_fits(name, host) for name in names):
        return None
    return f"its certificate is for {', '.join([*names, *addresses]) or 'no name at all'}, not for {host}"


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _fits(name: str, host: str) -> bool:
    if name.startswith("*."):
        return host.partition(".")[2].casefold() == name[2:].casefold()
    return name.casefold() == host.casefold()


def _link(chain: list[x509.Certificate], place: int) -> str:
    name = _name(chain[place].subject)
    if place == 0:
        return f"its own certificate {name}"
    is_root = place == len(chain) - 1 and _is_self_signed(chain[place])
    return f"the {'root' if is_root else 'intermediate'} certificate {name}"


def _name(name: x509.Name) -> str:
    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return f"CN={common[0].value!s}" if common else name.rfc4514_string() or "without a name"
