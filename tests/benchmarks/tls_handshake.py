"""How long a connection over TLS with a client certificate takes, beside a bare websockets client."""

import socket
import ssl
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import websockets
from websockets.typing import Subprotocol

from agent.csms.connection import Endpoint, WebsocketDialler
from agent.csms.security import signing_request
from agent.csms.tls import TlsMaterial, tls_context
from hil.csms.authority import BenchAuthority
from hil.processes import ChildProcess
from tests.benchmarks.figures import Figure, median
from tests.benchmarks.rig import Options

HOST: Final = "127.0.0.1"
TIMES_BARE: Final = 1.5


async def measure(_version: str, options: Options) -> list[Figure]:
    """Connect and leave, many times, to a back-end in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        port = _free_port()
        words = ["hil.cli", "csms", "--authority", str(folder / "authority"), "--secure-port", str(port)]
        back_end = ChildProcess("back-end", words, folder / "csms.log")
        try:
            await back_end.start_until_ready()
            endpoint = _endpoint(folder, port)
            ours = await _times_ms(lambda: _ours(endpoint), options)
            bare = await _times_ms(_bare(endpoint), options)
        finally:
            await back_end.end(2.0)
    note = f"TLS 1.3, ECDSA P-256, files read anew each time; bare: its context is kept; median of {len(ours)}"
    limit_ms = TIMES_BARE * median(bare)
    return [
        Figure(
            "connection over TLS with a client certificate",
            median(ours),
            "ms",
            limit_ms,
            target=f"{TIMES_BARE} x bare",
            baseline=median(bare),
            note=note,
            samples=tuple(ours),
        )
    ]


async def _ours(endpoint: Endpoint) -> None:
    connection = await WebsocketDialler(endpoint)(["ocpp1.6"])
    await connection.close()


def _bare(endpoint: Endpoint) -> Callable[[], Awaitable[None]]:
    context: ssl.SSLContext = tls_context(
        TlsMaterial(endpoint.tls.ca_files, False, endpoint.client_certificate_file, endpoint.client_key_file)
    )

    async def connect() -> None:
        connection = await websockets.connect(
            endpoint.full_url, subprotocols=[Subprotocol("ocpp1.6")], ssl=context, compression=None
        )
        await connection.close()

    return connect


def _endpoint(folder: Path, port: int) -> Endpoint:
    authority = BenchAuthority(folder / "authority", HOST)
    key = signing_request.new_key("ecdsa")
    (folder / "station.key").write_bytes(signing_request.key_pem(key))
    (folder / "station.pem").write_text(authority.sign(signing_request.request_pem(key, "BENCH", "")))
    return Endpoint(
        f"wss://{HOST}:{port}",
        "BENCH",
        ca_file=authority.root_file,
        client_certificate_file=folder / "station.pem",
        client_key_file=folder / "station.key",
    )


async def _times_ms(connect: Callable[[], Awaitable[None]], options: Options) -> list[float]:
    await connect()
    times = []
    for _ in range(options.size(200, 40, 2)):
        began_s = time.perf_counter()
        await connect()
        times.append((time.perf_counter() - began_s) * 1000)
    return times


def _free_port() -> int:
    with socket.socket() as unused:
        unused.bind((HOST, 0))
        return int(unused.getsockname()[1])
