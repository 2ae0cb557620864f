"""Where a serial line is behind the network: the address of a serial device server (value)."""

from typing import Final, Literal, cast
from urllib.parse import urlsplit

from hal.value import dataclass

PROTOCOLS: Final = ("rfc2217", "tcp")


@dataclass(frozen=True, slots=True)
class SerialServer:
    """A serial line at a device server.

    `rfc2217`: telnet with control of the line (RFC 2217), which sets speed and parity. `tcp`: bytes as they are, with
    the line set at the server.
    """

    protocol: Literal["rfc2217", "tcp"]
    host: str
    tcp_port: int

    def __str__(self) -> str:
        return f"{self.protocol}://{self.host}:{self.tcp_port}"

    @classmethod
    def from_url(cls, url: str) -> "SerialServer":
        """Read `rfc2217://HOST:PORT` or `tcp://HOST:PORT`; an IPv6 address stands in brackets. Raises: ValueError."""
        parts = urlsplit(url)
        rest = (parts.path, parts.query, parts.fragment, parts.username)
        if parts.scheme not in PROTOCOLS or not parts.hostname or not parts.port or any(rest):
            raise ValueError(f"{url!r} is no address of a serial device server")
        return cls(cast("Literal['rfc2217', 'tcp']", parts.scheme), parts.hostname, parts.port)
