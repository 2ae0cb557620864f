"""What the certificate directory holds, as its index file says it (value)."""

import json
from dataclasses import asdict
from enum import Enum

from agent.csms.security.vocabulary import CertificateHash, CertificateUse, HashAlgorithm
from hal.value import dataclass


class RootState(Enum):
    """Where a root stands while it takes the place of another (AdditionalRootCertificateCheck)."""

    ACTIVE = "active"
    TRIAL = "trial"
    """Installed to replace the active one, and not connected with yet."""


@dataclass(frozen=True, slots=True)
class RootEntry:
    """An installed root; its file is named by its fingerprint."""

    fingerprint: str
    use: CertificateUse
    expires_at: str
    hashes: tuple[CertificateHash, ...]
    state: RootState = RootState.ACTIVE

    @property
    def file_name(self) -> str:
        """Name of its PEM file."""
        return f"root-{self.fingerprint}.pem"


@dataclass(frozen=True, slots=True)
class OwnEntry:
    """A certificate of this station with its key."""

    name: str
    expires_at: str

    @property
    def chain_file(self) -> str:
        """Name of the PEM file of the chain, its own certificate first."""
        return f"own-{self.name}.pem"

    @property
    def key_file(self) -> str:
        """Name of the PEM file of the private key."""
        return f"own-{self.name}.key"


@dataclass(frozen=True, slots=True)
class CertificateIndex:
    """Everything; files that it does not name are left over."""

    roots: tuple[RootEntry, ...] = ()
    own: OwnEntry | None = None
    """In use."""
    trial: OwnEntry | None = None
    """Signed, and not connected with yet."""
    pending_key: str | None = None
    """Name of the file of the key that was sent to be signed."""

    def file_names(self) -> frozenset[str]:
        """Every file that the index names."""
        own = [entry for entry in (self.own, self.trial) if entry is not None]
        names = [root.file_name for root in self.roots]
        names += [name for entry in own for name in (entry.chain_file, entry.key_file)]
        return frozenset([*names, *([self.pending_key] if self.pending_key else [])])

    def to_json(self) -> str:
        """Write it."""
        return json.dumps(asdict(self), default=lambda each: each.value, indent=1)

    @classmethod
    def from_json(cls, text: str) -> "CertificateIndex":
        """Read it. Raises: ValueError."""
        try:
            raw = json.loads(text)
            roots = tuple(_root(each) for each in raw["roots"])
            own, trial = (None if raw[name] is None else OwnEntry(**raw[name]) for name in ("own", "trial"))
            return cls(roots, own, trial, raw["pending_key"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"the index of certificates has not the expected form: {error}") from error


def _root(raw: dict[str, object]) -> RootEntry:
    hashes = raw["hashes"]
    if not isinstance(hashes, list):
        raise TypeError("hashes is no list")
    return RootEntry(
        str(raw["fingerprint"]),
        CertificateUse(raw["use"]),
        str(raw["expires_at"]),
        tuple(CertificateHash(**{**each, "algorithm": HashAlgorithm(each["algorithm"])}) for each in hashes),
        RootState(raw["state"]),
    )
