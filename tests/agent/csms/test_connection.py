import asyncio
import base64
import logging
import socket
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent.csms.connection import DialError, Endpoint, WebsocketDialler
from tests.agent.csms.certificates import NOW, authority, server_context
from tests.fakes.scripted_csms import ScriptedCsms, scripted_csms


def endpoint(csms: ScriptedCsms, scheme: str = "ws") -> Endpoint:
    return Endpoint(f"{scheme}://127.0.0.1:{csms.port}/ocpp/", "CP/1 ä", "secret")


async def why_not(endpoint: Endpoint, timeout_s: float = 5.0) -> str:
    with pytest.raises(DialError) as caught:
        await WebsocketDialler(endpoint, timeout_s=timeout_s)(["ocpp1.6"])
    assert "secret" not in str(caught.value)
    return str(caught.value)


async def test_offers_the_versions_in_order_and_authenticates() -> None:
    async with scripted_csms(subprotocols=("ocpp1.6", "ocpp2.0.1")) as csms:
        connection = await WebsocketDialler(endpoint(csms))(["ocpp2.0.1", "ocpp1.6"])
        request = csms.requests[0]
        assert connection.subprotocol in {"ocpp2.0.1", "ocpp1.6"}
        assert request.headers["Sec-WebSocket-Protocol"] == "ocpp2.0.1, ocpp1.6"
        assert request.path == "/ocpp/CP%2F1%20%C3%A4"
        assert base64.b64decode(request.headers["Authorization"].split()[1]).decode() == "CP/1 ä:secret"
        assert "Sec-WebSocket-Extensions" not in request.headers
        await connection.close()


@pytest.mark.parametrize(
    ("status", "says"), [(401, "password is wrong"), (404, "not known there"), (403, "not allowed"), (500, "500")]
)
async def test_http_refusals_are_explained(status: int, says: str) -> None:  # lesson 92
    async with scripted_csms() as csms:
        csms.http_status = status
        text = await why_not(endpoint(csms))
        assert says in text
        assert "/ocpp/CP%2F1%20%C3%A4" in text


async def test_nothing_listening_is_explained() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    assert "nothing listens there" in await why_not(Endpoint(f"ws://127.0.0.1:{port}", "CP"))


async def test_an_unknown_name_is_explained() -> None:
    assert "cannot be resolved" in await why_not(Endpoint("ws://no-such-host.invalid", "CP"))


@pytest.mark.parametrize(
    ("greeting", "says"), [(b"SSH-2.0-OpenSSH\r\n\r\n", "no web server"), (b"", "no answer within 0.2 s")]
)
async def test_silence_and_non_web_servers_are_explained(greeting: bytes, says: str) -> None:
    left = asyncio.Event()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await reader.read()
        writer.close()
        await writer.wait_closed()
        left.set()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert says in await why_not(Endpoint(f"ws://127.0.0.1:{port}", "CP"), 0.2)
        await left.wait()


async def test_tls_with_a_client_certificate(tmp_path: Path) -> None:
    ca = authority(tmp_path)
    context = server_context(ca.issue("csms"), ca.file)
    certificate, key = ca.issue("station")
    async with scripted_csms(ssl=context) as csms:
        secured = replace(
            endpoint(csms, "wss"), ca_file=ca.file, client_certificate_file=certificate, client_key_file=key
        )
        connection = await WebsocketDialler(secured)(["ocpp1.6"])
        assert connection.subprotocol == "ocpp1.6"
        await connection.close()


async def test_an_unknown_authority_is_explained_with_its_name(tmp_path: Path) -> None:  # lessons 85, 88
    (tmp_path / "other").mkdir()
    other, ours = authority(tmp_path, "Their CA"), authority(tmp_path / "other", "Our CA")
    async with scripted_csms(ssl=server_context(other.issue("csms"))) as csms:
        text = await why_not(replace(endpoint(csms, "wss"), ca_file=ours.file))
        assert "issued by CN=Their CA" in text
        assert "CN=csms" in text


async def test_an_expired_certificate_is_explained_with_its_date(tmp_path: Path) -> None:  # lessons 84, 90
    ca = authority(tmp_path)
    expired = NOW - timedelta(days=2)
    async with scripted_csms(ssl=server_context(ca.issue("csms", until=expired))) as csms:
        text = await why_not(replace(endpoint(csms, "wss"), ca_file=ca.file))
        assert "expired" in text
        assert f"expired on {expired:%Y-%m-%d}" in text
        assert "this board's clock" in text


async def test_the_name_is_verified_unless_configured_otherwise(tmp_path: Path) -> None:
    ca = authority(tmp_path)
    async with scripted_csms(ssl=server_context(ca.issue("csms", address="10.0.0.1"))) as csms:
        strict = replace(endpoint(csms, "wss"), ca_file=ca.file)
        assert "127.0.0.1" in await why_not(strict)
        connection = await WebsocketDialler(replace(strict, verify_common_name=False))(["ocpp1.6"])
        await connection.close()


async def test_a_missing_pong_breaks_the_connection(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:  # lessons 16, 24
    monkeypatch.setattr("agent.csms.connection.PONG_TIMEOUT_S", 0.1)
    caplog.set_level(logging.CRITICAL, "websockets")
    async with scripted_csms() as csms:
        connection = await WebsocketDialler(replace(endpoint(csms), ping_interval_s=0.1))(["ocpp1.6"])
        await csms.until(lambda: bool(csms.connections))
        csms.connection.transport.pause_reading()
        async with asyncio.timeout(10):
            with pytest.raises(Exception, match="ping timeout"):
                await connection.recv()
        csms.connection.transport.abort()


def test_a_password_never_shows() -> None:
    assert "secret" not in repr(Endpoint("ws://x", "CP", "secret"))
