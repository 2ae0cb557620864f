"""What a back-end may do with this station's security: the interface that the adapters see.

It is apart from what stands behind it, so that the adapters import nothing that can sign.
"""

from typing import Protocol

from agent.csms.security.vocabulary import CertificateHash, CertificateUse, DeleteStatus, InstallStatus


class SecurityCommands(Protocol):
    """Implemented by `StationSecurity`."""

    @property
    def security_profile(self) -> int:
        """The profile that holds now."""

    async def install_root(self, use: CertificateUse, pem: str) -> InstallStatus:
        """Install one root."""

    def installed_roots(self, use: CertificateUse) -> list[CertificateHash]:
        """Hash data of installed roots."""

    async def delete_root(self, wanted: CertificateHash) -> DeleteStatus:
        """Remove one root."""

    def request_certificate(self) -> None:
        """Ask the back-end soon to sign a certificate for this station."""

    async def take_signed(self, chain_pem: str) -> bool:
        """Take what the back-end has signed; False if it is not good."""

    async def change_security_profile(self, profile: int) -> str | None:
        """Put a higher profile on trial; returns why not, None if it is. Raises: OSError."""

    async def change_authorization_key(self, key: str) -> str | None:
        """Put a password on trial; returns why not, None if it is. Raises: OSError."""

    def try_now(self) -> None:
        """Connect anew, if something on trial makes a difference."""
