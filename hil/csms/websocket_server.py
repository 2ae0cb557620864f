"""Runner: the websocket face: subprotocol, identity from the path, basic authentication, TLS."""

import asyncio
import base64
import hmac
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import cast
from urllib.parse import unquote, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import NegotiationError
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from hil.csms import wire
from hil.csms.bench_csms import BenchCsms
from hil.csms.station_link import Connection
from hil.csms.zoo.quirk import Refusal

MAX_FRAME_BYTES = 4 * 1024 * 1024
CLOSE_TIMEOUT_S = 2.0
SILENCE_S = 600.0


@dataclass(slots=True)
class Door:
    """Who may come in; `passwords` may change at any time and holds for the next connection."""

    password: str | None = None
    """For every station; None: no authentication, unless the station has its own."""
    passwords: dict[str, str] | None = None
    """By identity."""
    versions: tuple[str, ...] = wire.VERSIONS

    def password_of(self, identity: str) -> str | None:
        """Give the password that this station must show."""
        return (self.passwords or {}).get(identity, self.password)


def tls_context(cert_file: Path, key_file: Path, client_ca: Path | None = None) -> ssl.SSLContext:
    """TLS for a server, 1.2 or newer; with `client_ca` it asks for client certificates and takes none that is wrong."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert_file, key_file)
    if client_ca is not None:
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(client_ca)
    return context


@asynccontextmanager
async def serve_websockets(
    csms: BenchCsms,
    door: Door,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
    ping_interval_s: float | None = None,
) -> AsyncIterator[str]:
    """Serve while the context is open; gives the URL to which a station appends its identity."""
    async with serve(
        partial(_handle, csms),
        host,
        port,
        ssl=tls,
        process_request=partial(_check, csms, door),
        select_subprotocol=partial(_select, csms, door),
        compression=None,
        max_size=MAX_FRAME_BYTES,
        ping_interval=ping_interval_s,
        close_timeout=CLOSE_TIMEOUT_S,
        open_timeout=SILENCE_S,
    ) as server:
        bound_port = next(iter(server.sockets)).getsockname()[1]
        shown_host = f"[{host}]" if ":" in host else host
        yield f"{'ws' if tls is None else 'wss'}://{shown_host}:{bound_port}"


async def _handle(csms: BenchCsms, connection: ServerConnection) -> None:
    version = wire.SUBPROTOCOLS.get(str(connection.subprotocol))
    if version is None:  # a quirk's: nobody can talk on it
        await connection.wait_closed()
        return
    identity = identity_of(cast("Request", connection.request).path)
    await csms.accept(identity, version, cast("Connection", connection), security_of(connection))


async def _check(csms: BenchCsms, door: Door, connection: ServerConnection, request: Request) -> Response | None:
    refusal = csms.refusal()
    if refusal is not None:
        return await _turn_away(connection, refusal)
    return _refusal(door, connection, request)


async def _turn_away(connection: ServerConnection, refusal: Refusal) -> Response:
    """Meet a handshake as a quirk wants it; one that never answers keeps the socket until the station gives up."""
    if refusal.raw is None:
        response = connection.respond(HTTPStatus(refusal.status), "the quirk of this back-end\n")
        if refusal.location is not None:
            response.headers["Location"] = refusal.location
        return response
    connection.transport.write(refusal.raw)
    if not refusal.raw:
        with suppress(TimeoutError):
            await asyncio.wait_for(connection.wait_closed(), SILENCE_S)
    connection.transport.abort()
    return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "")


def identity_of(path: str) -> str:
    """Last segment of the path, percent-decoded (OCPP-J 1.6, 3.1.1); empty if there is none."""
    return unquote(urlsplit(path).path.rsplit("/", 1)[-1])


def _select(csms: BenchCsms, door: Door, _: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Follow the station's order of preference, or a quirk. Raises: NegotiationError, which refuses the handshake."""
    if csms.quirk is not None and csms.quirk.subprotocol != "":
        return None if csms.quirk.subprotocol is None else Subprotocol(csms.quirk.subprotocol)
    for subprotocol in offered:
        if wire.SUBPROTOCOLS.get(subprotocol) in door.versions:
            return subprotocol
    supported = ", ".join(name for name, version in wire.SUBPROTOCOLS.items() if version in door.versions)
    raise NegotiationError(f"no supported subprotocol offered; supported: {supported}")


def _refusal(door: Door, connection: ServerConnection, request: Request) -> Response | None:
    identity = identity_of(request.path)
    if not identity or not identity.isprintable():
        return connection.respond(HTTPStatus.NOT_FOUND, "the path must end in the station's identity\n")
    password = door.password_of(identity)
    if password is None or _certificate_serial(connection) or _authenticated(request, identity, password):
        return None
    response = connection.respond(HTTPStatus.UNAUTHORIZED, "identity and password needed\n")
    response.headers["WWW-Authenticate"] = 'Basic realm="bench CSMS", charset="UTF-8"'
    return response


def _authenticated(request: Request, identity: str, password: str) -> bool:
    """A password `hex:…` stands for the bytes that it names (OCPP 1.6's AuthorizationKey)."""
    kind, _, digits = password.partition(":")
    wanted = bytes.fromhex(digits) if kind == "hex" else password.encode()
    scheme, _, pair = request.headers.get("Authorization", "").partition(" ")
    try:
        given = base64.b64decode(pair, validate=True)
    except ValueError:
        return False
    return scheme.lower() == "basic" and hmac.compare_digest(given, identity.encode() + b":" + wanted)


def security_of(connection: ServerConnection) -> str:
    """Say how a station came in: `plain`, `tls`, or `mutual` with the serial number of its certificate."""
    if connection.transport.get_extra_info("ssl_object") is None:
        return "plain"
    serial = _certificate_serial(connection)
    return f"mutual {serial}" if serial else "tls"


def _certificate_serial(connection: ServerConnection) -> str:
    certificate = connection.transport.get_extra_info("peercert") or {}
    return str(certificate.get("serialNumber", ""))
