"""The websocket below the link, and how a connection is made.

The link sees `Connection` and a `Dialler`; the real one is a client of the `websockets` package, whose connection
already has this shape. `websockets.exceptions.ConnectionClosed` is what a closed connection raises.
"""

import asyncio
import base64
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlsplit

from agent.csms.rpc import MAX_FRAME_CHARS
from agent.csms.tls import ShowsTokenKey, TlsMaterial, tls_context
from hal.value import dataclass

DIAL_TIMEOUT_S = 30.0
CLOSE_TIMEOUT_S = 3.0
PONG_TIMEOUT_S = 20.0
MAX_QUEUED_FRAMES = 16


class Connection(Protocol):
    """An open websocket. All methods raise `websockets.exceptions.ConnectionClosed` once it is closed."""

    @property
    def subprotocol(self) -> str | None:
        """What was negotiated; None: nothing."""

    async def recv(self) -> str | bytes:
        """Wait for the next message."""

    async def send(self, message: str) -> None:
        """Send one text message."""

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close with a close frame; harmless if closed already."""


class DialError(Exception):
    """No connection was made; the text is one sentence for the installer."""


Dialler = Callable[[Sequence[str]], Awaitable[Connection]]
"""Connect, offering these subprotocols in this order. Raises: DialError."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the back-end is, and how this station proves who it is."""

    url: str
    """Without the identity."""
    identity: str
    password: str | bytes | None = None
    ca_file: Path | None = None
    client_certificate_file: Path | None = None
    client_key_file: Path | None = None
    verify_common_name: bool = True
    root_files: tuple[Path, ...] = ()
    """PEM roots that are trusted beside `ca_file`, or beside the system's where there is none."""
    only_root_files: bool = False
    """Nobody else is trusted."""
    ping_interval_s: float = 30.0
    """0: no pings of ours; the back-end's are always answered."""

    token: ShowsTokenKey | None = None
    """Where the key is that `client_key_file` only refers to."""

    @property
    def tls(self) -> TlsMaterial:
        """Files that a connection over TLS is made with."""
        configured = (self.ca_file,) if self.ca_file is not None and not self.only_root_files else ()
        return TlsMaterial(
            ca_files=(*configured, *self.root_files),
            with_system=self.ca_file is None and not self.only_root_files,
            certificate_file=self.client_certificate_file,
            key_file=self.client_key_file,
            verify_name=self.verify_common_name,
            token=self.token,
        )

    @property
    def full_url(self) -> str:
        """What is dialled: the identity percent-encoded behind the URL (OCPP-J 1.6, 3.1.1)."""
        return f"{self.url.rstrip('/')}/{quote(self.identity, safe='')}"

    def headers(self) -> dict[str, str]:
        """HTTP headers of the handshake: basic authentication where there is a password."""
        if self.password is None:
            return {}
        password = self.password.encode() if isinstance(self.password, str) else self.password
        return {"Authorization": f"Basic {base64.b64encode(self.identity.encode() + b':' + password).decode()}"}

    def __repr__(self) -> str:
        """Keep the password out of logs."""
        return f"Endpoint({self.full_url})"


class WebsocketDialler:
    """Connects to one endpoint over TCP or TLS."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        timeout_s: float = DIAL_TIMEOUT_S,
        ping_interval_s: Callable[[], float] | None = None,
    ) -> None:
        """`ping_interval_s` is asked at each connection, so that a change by the back-end counts from the next on."""
        self._endpoint = endpoint
        self._timeout_s = timeout_s
        self._ping_interval_s = ping_interval_s or (lambda: endpoint.ping_interval_s)

    async def __call__(self, subprotocols: Sequence[str]) -> Connection:
        """Connect. Raises: DialError."""
        await asyncio.to_thread(_load_client)
        from agent.csms.dial_errors import explain  # noqa: PLC0415 - with the websockets client, 20 ms

        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._connect(subprotocols)
        except Exception as error:
            raise DialError(await explain(error, self._endpoint, self._timeout_s)) from error

    async def _connect(self, subprotocols: Sequence[str]) -> Connection:
        from websockets.asyncio.client import connect  # noqa: PLC0415 - as above
        from websockets.typing import Subprotocol  # noqa: PLC0415 - as above

        ping_interval_s = self._ping_interval_s()
        connection = await connect(
            self._endpoint.full_url,
            subprotocols=[Subprotocol(name) for name in subprotocols],
            additional_headers=self._endpoint.headers(),
            user_agent_header="Pilotline",
            compression=None,
            proxy=None,
            open_timeout=None,
            close_timeout=CLOSE_TIMEOUT_S,
            ping_interval=ping_interval_s or None,
            ping_timeout=PONG_TIMEOUT_S,
            max_size=MAX_FRAME_CHARS,
            max_queue=MAX_QUEUED_FRAMES,
            ssl=await self._tls(),
        )
        _limit_unacknowledged(connection.transport.get_extra_info("socket"), ping_interval_s)
        return connection

    async def _tls(self) -> ssl.SSLContext | None:
        """Read anew for each connection, in a thread: certificates change, and the system's authorities are many."""
        if urlsplit(self._endpoint.url).scheme != "wss":
            return None
        return await asyncio.to_thread(tls_context, self._endpoint.tls)


def _load_client() -> None:
    """Import the websocket client in a thread: at start-up the boards are being asked meanwhile."""
    import websockets.asyncio.client  # noqa: F401, PLC0415 - for its effect

    import agent.csms.dial_errors  # noqa: F401, PLC0415 - as above


def _limit_unacknowledged(sock: socket.socket, ping_interval_s: float) -> None:
    """Let the kernel give up on bytes that nobody acknowledges, instead of retrying for 15 minutes."""
    limit_ms = int((ping_interval_s + PONG_TIMEOUT_S) * 1000)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, limit_ms)
