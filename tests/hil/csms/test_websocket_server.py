import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from hil.csms.behaviour import Behaviour, Drop
from hil.csms.bench_csms import BenchCsms
from hil.csms.station_link import Connection
from hil.csms.websocket_server import Door, identity_of, serve_websockets, tls_context
from tests.hil.csms.messages import BOOT_16, BOOT_201, event_201, start_16
from tests.hil.csms.station import BareStation


@asynccontextmanager
async def dialled(
    url: str,
    *subprotocols: str,
    password: str | None = None,
    user: str | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[tuple[BareStation, ClientConnection]]:
    headers = {}
    if password is not None:
        user = user or url.rsplit("/", 1)[-1]
        headers["Authorization"] = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    offered = [Subprotocol(name) for name in subprotocols]
    async with connect(url, subprotocols=offered or None, additional_headers=headers, ssl=tls, proxy=None) as socket:
        yield BareStation(cast("Connection", socket)), socket


@pytest.mark.parametrize(
    ("offered", "version", "boot"),
    [
        (["ocpp1.6"], "1.6", BOOT_16),
        (["ocpp2.0.1"], "2.0.1", BOOT_201),
        (["ocpp2.1", "ocpp2.0.1", "ocpp1.6"], "2.0.1", BOOT_201),
        (["ocpp1.6", "ocpp2.0.1"], "1.6", BOOT_16),
    ],
)
async def test_the_first_offered_version_that_is_known_is_spoken(
    offered: list[str], version: str, boot: dict[str, object]
) -> None:
    csms = BenchCsms()
    async with serve_websockets(csms, Door()) as url, dialled(f"{url}/ocpp/CP1", *offered) as (station, socket):
        assert socket.subprotocol == f"ocpp{version}"
        assert (await station.ask("BootNotification", boot))["status"] == "Accepted"
        assert csms.stations["CP1"].version == version


@pytest.mark.parametrize("offered", [[], ["ocpp2.1"], ["chat"]])
async def test_unknown_subprotocols_are_refused(offered: list[str]) -> None:
    async with serve_websockets(BenchCsms(), Door()) as url:
        with pytest.raises(InvalidStatus) as refused:
            async with dialled(f"{url}/CP1", *offered):
                pass
        assert refused.value.response.status_code == 400


async def test_a_version_that_is_switched_off_is_refused() -> None:
    async with serve_websockets(BenchCsms(), Door(versions=("2.0.1",))) as url:
        with pytest.raises(InvalidStatus):
            async with dialled(f"{url}/CP1", "ocpp1.6"):
                pass


@pytest.mark.parametrize(
    ("path", "identity"),
    [("/CP1", "CP1"), ("/ocpp/v1/CP%201%2FA", "CP 1/A"), ("/CP1?x=1", "CP1"), ("/", ""), ("/s%C3%A4ule", "säule")],
)
def test_identity_is_the_last_segment_decoded(path: str, identity: str) -> None:
    assert identity_of(path) == identity


async def test_a_path_without_identity_is_not_found() -> None:
    async with serve_websockets(BenchCsms(), Door()) as url:
        with pytest.raises(InvalidStatus) as refused:
            async with dialled(f"{url}/", "ocpp1.6"):
                pass
        assert refused.value.response.status_code == 404


@pytest.mark.parametrize(("password", "user"), [(None, None), ("wrong", None), ("secret", "CP2"), ("", None)])
async def test_wrong_credentials_are_refused(password: str | None, user: str | None) -> None:
    async with serve_websockets(BenchCsms(), Door(password="secret")) as url:
        with pytest.raises(InvalidStatus) as refused:
            async with dialled(f"{url}/CP1", "ocpp1.6", password=password, user=user):
                pass
        assert refused.value.response.status_code == 401


async def test_right_credentials_are_accepted_and_a_stations_own_password_wins() -> None:
    door = Door(password="secret", passwords={"CP2": "other"})
    csms = BenchCsms()
    async with serve_websockets(csms, door) as url:
        async with dialled(f"{url}/CP1", "ocpp1.6", password="secret") as (station, _):
            await station.ask("Heartbeat", {})
        async with dialled(f"{url}/CP2", "ocpp1.6", password="other") as (station, _):
            await station.ask("Heartbeat", {})
    assert {identity: station.requests for identity, station in csms.stations.items()} == {"CP1": 1, "CP2": 1}


async def test_several_stations_of_both_versions_are_served_at_once() -> None:
    csms = BenchCsms()
    async with (
        serve_websockets(csms, Door()) as url,
        dialled(f"{url}/A", "ocpp1.6") as (first, _),
        dialled(f"{url}/B", "ocpp2.0.1") as (second, _),
    ):
        await asyncio.gather(
            first.ask("StartTransaction", start_16()), second.ask("TransactionEvent", event_201("Started", 0))
        )
    assert {transaction.identity for transaction in csms.ledger.transactions} == {"A", "B"}


@pytest.mark.parametrize("code", [None, 1001, 1011, 4000])
async def test_drop_cuts_the_line_or_closes_with_the_code(code: int | None) -> None:
    csms = BenchCsms()
    async with serve_websockets(csms, Door()) as url, dialled(f"{url}/CP1", "ocpp1.6") as (station, _):
        await csms.connected("CP1")
        await csms.drop("CP1", code)
        received = (await station.closed()).rcvd
        assert (received.code if received else None) == code


async def test_drop_before_the_answer_loses_it_on_a_real_socket() -> None:
    csms = BenchCsms()
    csms.script["StartTransaction"] = Behaviour.dropping(Drop.BEFORE, times=1)
    async with serve_websockets(csms, Door()) as url:
        async with dialled(f"{url}/CP1", "ocpp1.6") as (station, _):
            await station.say("StartTransaction", start_16())
            assert (await station.closed()).rcvd is None
        async with dialled(f"{url}/CP1", "ocpp1.6") as (station, _):
            assert (await station.ask("StartTransaction", start_16()))["transactionId"] == 1
    assert (csms.ledger.repeats, len(csms.ledger.transactions)) == (1, 1)


async def test_the_csms_asks_over_a_real_socket() -> None:
    csms = BenchCsms()
    async with (
        serve_websockets(csms, Door()) as url,
        dialled(f"{url}/CP1", "ocpp2.0.1") as (station, _),
        asyncio.TaskGroup() as group,
    ):
        await csms.connected("CP1")
        asked = group.create_task(csms.send("CP1", "ClearCache", {}))
        frame = await station.hear()
        await station.connection.send(json.dumps([3, frame[1], {"status": "Accepted"}]))
        assert await asked == {"status": "Accepted"}


async def test_tls_serves_wss(tmp_path: Path) -> None:
    cert, key = write_certificate(tmp_path)
    client = ssl.create_default_context(cafile=str(cert))
    async with serve_websockets(BenchCsms(), Door(), tls=tls_context(cert, key)) as url:
        assert url.startswith("wss://127.0.0.1:")
        async with dialled(f"{url}/CP1", "ocpp1.6", tls=client) as (station, _):
            await station.ask("Heartbeat", {})


def write_certificate(folder: Path) -> tuple[Path, Path]:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(private, hashes.SHA256())
    )
    cert, key = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    key.write_bytes(private.private_bytes(pem, pkcs8, serialization.NoEncryption()))
    return cert, key
