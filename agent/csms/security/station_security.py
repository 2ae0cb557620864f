"""Everything that a back-end may change of this station's security, in one place for the adapters (value)."""

from agent.csms.security.access import Access
from agent.csms.security.certificate_files import CertificateFiles
from agent.csms.security.certificate_signing import CertificateSigning
from agent.csms.security.root_store import RootStore
from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class StationSecurity:
    """The parts."""

    files: CertificateFiles
    roots: RootStore
    access: Access
    signing: CertificateSigning

    def open(self) -> None:
        """Read what is kept of them; costs next to nothing where nothing was ever changed."""
        self.files.open()
        self.access.open()
