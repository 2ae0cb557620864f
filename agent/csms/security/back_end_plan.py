"""One configured back-end, and the endpoint that it has under given settings (value)."""

from dataclasses import replace

from agent.csms.connection import Endpoint
from agent.csms.security.access_state import basis_of
from hal.value import dataclass

BASIC_AUTHENTICATION = frozenset({1, 2})
TLS = frozenset({2, 3})
MUTUAL_TLS = 3


@dataclass(frozen=True, slots=True)
class BackEndPlan:
    """What the installer wrote of one back-end."""

    name: str
    endpoint: Endpoint
    security_profile: int
    subprotocols: tuple[str, ...]
    """In order of preference."""
    secure_url: str | None = None
    """Dialled with security profile 2 or 3; None: `endpoint.url` with wss://."""

    @property
    def basis(self) -> str:
        """Fingerprint of what a back-end may change, as the installer wrote it."""
        endpoint = self.endpoint
        return basis_of(endpoint.url, endpoint.identity, endpoint.password, self.security_profile)

    @property
    def owner(self) -> str:
        """The name under which transactions belong to it: the same for ws:// and wss://."""
        return self.endpoint.full_url

    def under(self, security_profile: int, password: str | bytes | None) -> Endpoint:
        """Return the endpoint under this profile: its URL, and whether it carries a password or a certificate."""
        mutual = security_profile == MUTUAL_TLS
        return replace(
            self.endpoint,
            url=self.url_under(security_profile),
            password=password if security_profile in BASIC_AUTHENTICATION else None,
            client_certificate_file=self.endpoint.client_certificate_file if mutual else None,
            client_key_file=self.endpoint.client_key_file if mutual else None,
        )

    def url_under(self, security_profile: int) -> str:
        """Return the URL that is dialled under this profile."""
        url = self.endpoint.url
        if security_profile not in TLS or url.lower().startswith("wss:"):
            return url
        return self.secure_url or "wss:" + url.partition(":")[2]
