"""Everything that a back-end may change of this station's security, put together (value)."""

from agent.csms.security.access import Access
from agent.csms.security.certificate_files import CertificateFiles
from agent.csms.security.certificate_signing import CertificateSigning
from agent.csms.security.root_store import RootStore
from agent.csms.security.vocabulary import CertificateHash, CertificateUse, DeleteStatus, InstallStatus
from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class StationSecurity:
    """Implements `SecurityCommands` by its parts."""

    files: CertificateFiles
    roots: RootStore
    access: Access
    signing: CertificateSigning

    def open(self) -> None:
        """Read what is kept; costs next to nothing where nothing was ever changed."""
        self.files.open()
        self.access.open()

    @property
    def security_profile(self) -> int:
        """The profile that holds now."""
        return self.access.security_profile

    async def install_root(self, use: CertificateUse, pem: str) -> InstallStatus:
        """Install one root."""
        return await self.roots.install(use, pem)

    def installed_roots(self, use: CertificateUse) -> list[CertificateHash]:
        """Hash data of installed roots."""
        return self.roots.installed(use)

    async def delete_root(self, wanted: CertificateHash) -> DeleteStatus:
        """Remove one root."""
        return await self.roots.delete(wanted)

    def request_certificate(self) -> None:
        """Ask the back-end soon to sign a certificate for this station."""
        self.signing.begin()

    async def take_signed(self, chain_pem: str) -> bool:
        """Take what the back-end has signed; False if it is not good."""
        return await self.signing.take(chain_pem)

    async def change_security_profile(self, profile: int) -> str | None:
        """Put a higher profile on trial; returns why not, None if it is. Raises: OSError."""
        return await self.access.change_security_profile(profile)

    async def change_authorization_key(self, key: str) -> str | None:
        """Put a password on trial; returns why not, None if it is. Raises: OSError."""
        return await self.access.change_authorization_key(key)

    def try_now(self) -> None:
        """Connect anew, if something on trial makes a difference."""
        self.access.try_now()
