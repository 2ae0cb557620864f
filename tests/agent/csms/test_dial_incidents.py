"""What a failed connection says about security, over real TLS and HTTP. OCPP 1.6 security white paper, edition 3."""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from agent.csms.connection import DialError, Endpoint, WebsocketDialler
from agent.csms.dial_incidents import dial_incidents
from tests.agent.csms.certificates import NOW, Authority, authority, server_context
from tests.agent.csms.link_house import house
from tests.fakes.scripted_csms import scripted_csms


@asynccontextmanager
async def tls_server(context: ssl.SSLContext) -> AsyncIterator[int]:
    """Shakes hands and closes; in a thread, since asyncio's server cuts the line before its alert is out."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                plain, _ = listener.accept()
                plain.settimeout(5)
                with plain, suppress(OSError), context.wrap_socket(plain, server_side=True):
                    pass

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()


async def incidents(port: int, ca: Authority, scheme: str = "wss", **fields: object) -> list[str]:
    endpoint = Endpoint(f"{scheme}://127.0.0.1:{port}/ocpp", "CP", ca_file=ca.file, **fields)  # type: ignore[arg-type]  # a test's own words
    with pytest.raises(DialError) as raised:
        await WebsocketDialler(endpoint)(["ocpp1.6"])
    return [type_.value for type_, _ in dial_incidents(raised.value.__cause__)]


async def test_an_authority_that_is_not_trusted(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    ours, theirs = authority(tmp_path / "a"), authority(tmp_path / "b", "Other CA")
    async with tls_server(server_context(theirs.issue("csms"))) as port:
        assert await incidents(port, ours) == ["CsmsFailedToAuthenticate", "InvalidCsmsCertificate"]


async def test_an_expired_certificate(tmp_path: Path) -> None:
    ca = authority(tmp_path)
    files = ca.issue("csms", until=NOW - timedelta(seconds=5))
    async with tls_server(server_context(files)) as port:
        assert await incidents(port, ca) == ["CsmsFailedToAuthenticate", "InvalidCsmsCertificate"]


async def test_a_certificate_for_another_name_is_valid_and_proves_nothing(tmp_path: Path) -> None:
    ca = authority(tmp_path)
    async with tls_server(server_context(ca.issue("csms", address="10.0.0.1"))) as port:
        assert await incidents(port, ca) == ["CsmsFailedToAuthenticate"]


async def test_a_back_end_with_old_tls_alone(tmp_path: Path) -> None:
    ca = authority(tmp_path)
    context = server_context(ca.issue("csms"))
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLS"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLS"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with tls_server(context) as port:
        assert await incidents(port, ca) == ["InvalidTLSVersion"]


async def test_a_back_end_with_no_cipher_that_we_allow(tmp_path: Path) -> None:
    ca = authority(tmp_path)
    context = server_context(ca.issue("csms"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0")
    async with tls_server(context) as port:
        assert await incidents(port, ca) == ["InvalidTLSCipherSuite"]


@pytest.mark.parametrize("answer", ["401 Unauthorized", "403 Forbidden"])
async def test_a_password_that_the_back_end_refuses(tmp_path: Path, answer: str) -> None:
    assert await _http(tmp_path, answer) == ["FailedToAuthenticateAtCsms"]


@pytest.mark.parametrize("answer", ["404 Not Found", "500 Oh"])
async def test_another_refusal_is_no_matter_of_security(tmp_path: Path, answer: str) -> None:
    assert await _http(tmp_path, answer) == []


async def _http(tmp_path: Path, answer: str) -> list[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        return await incidents(port, authority(tmp_path), "ws", password="a-password-of-16")


async def test_a_port_that_nobody_listens_on_is_no_matter_of_security(tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    assert await incidents(port, authority(tmp_path), "ws") == []


async def test_the_link_tells_of_frames_that_are_none_and_of_failed_dials() -> None:
    async with scripted_csms() as csms, house(csms) as home:
        told: list[tuple[str, str]] = []
        arrived = asyncio.Event()

        def take(type_: object, info: str) -> None:
            told.append((str(getattr(type_, "value", "")), info))
            arrived.set()

        home.client.link.on_incident = take
        await home.until_online()
        await csms.connection.send("secret garbage")
        async with asyncio.timeout(10):
            await arrived.wait()
        ((name, info),) = told
        assert name == "InvalidMessages"
        assert "secret" not in info
