"""TLS with real servers: suites, versions, and why a connection fails, in one sentence (lessons 84-91)."""

import ssl
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent.csms.connection import DialError, Endpoint, WebsocketDialler
from agent.csms.dial_incidents import dial_incidents
from agent.csms.tls import CIPHERS
from tests.agent.csms.certificates import (
    CLIENT,
    NOW,
    SERVER,
    Authority,
    authority,
    rsa_key,
    server_context,
    write_key,
)
from tests.agent.csms.tls_server import tls_server
from tests.fakes.scripted_csms import scripted_csms

WEAK = (
    "ECDHE-RSA-AES128-SHA256",
    "ECDHE-RSA-AES256-SHA384",
    "ECDHE-RSA-AES128-SHA",
    "AES128-SHA256",
    "AES256-SHA",
    "DHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-CAMELLIA128-SHA256",
)


@pytest.fixture(scope="module")
def rsa_ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("rsa"), "RSA CA", key=rsa_key())


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return authority(tmp_path)


def trusting(ca: Authority, port: int) -> Endpoint:
    return Endpoint(f"wss://127.0.0.1:{port}", "CP", "secret", ca_file=ca.file)


async def why_not(endpoint: Endpoint) -> str:
    with pytest.raises(DialError) as caught:
        await WebsocketDialler(endpoint, timeout_s=5.0)(["ocpp1.6"])
    assert "secret" not in str(caught.value)
    return str(caught.value)


async def why_refused(endpoint: Endpoint, context: ssl.SSLContext) -> str:
    with tls_server(context) as port:
        return await why_not(replace(endpoint, url=f"wss://127.0.0.1:{port}"))


# ------------------------------------------------------------------ suites and versions, A00.FR.312 to 319


@pytest.mark.parametrize("suite", CIPHERS)
async def test_each_listed_suite_connects(suite: str, rsa_ca: Authority, tmp_path: Path) -> None:
    ca = authority(tmp_path) if "ECDSA" in suite else rsa_ca
    context = server_context(ca.issue("csms", key=None if "ECDSA" in suite else rsa_key()))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(suite)
    async with scripted_csms(ssl=context) as csms:
        connection = await WebsocketDialler(trusting(ca, csms.port))(["ocpp1.6"])
        await csms.until(lambda: bool(csms.connections))
        assert csms.connection.transport.get_extra_info("cipher")[0] == suite
        await connection.close()


@pytest.mark.parametrize("suite", WEAK)
async def test_a_suite_that_is_not_listed_is_refused(suite: str, rsa_ca: Authority) -> None:
    context = server_context(rsa_ca.issue("csms", key=rsa_key()))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(f"{suite}:@SECLEVEL=0")
    if "DHE-RSA" in suite and not suite.startswith("EC"):
        context.options &= ~ssl.OP_SINGLE_DH_USE
    told = await why_refused(trusting(rsa_ca, 0), context)
    assert "no cipher suite in common" in told


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_tls_before_1_2_is_refused(version: ssl.TLSVersion, rsa_ca: Authority) -> None:
    context = server_context(rsa_ca.issue("csms", key=rsa_key()))
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = version
    context.maximum_version = version
    told = await why_refused(trusting(rsa_ca, 0), context)
    assert "TLS 1.2" in told


async def test_tls_1_3_connects(ca: Authority) -> None:
    context = server_context(ca.issue("csms"))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    async with scripted_csms(ssl=context) as csms:
        connection = await WebsocketDialler(trusting(ca, csms.port))(["ocpp1.6"])
        await connection.close()


# ------------------------------------------------------------------ the chain: which link, which date, which name


async def test_an_expired_intermediate_is_named_with_its_date_and_our_clock(ca: Authority) -> None:
    """Lessons 84 and 90."""
    ended = NOW - timedelta(days=3)
    below = ca.intermediate("Sub CA", until=ended)
    told = await why_refused(trusting(ca, 0), server_context(below.issue("csms")))
    assert f"the intermediate certificate CN=Sub CA expired on {ended:%Y-%m-%d %H:%M} UTC" in told
    assert "this board's clock says" in told


async def test_an_expired_root_is_named(tmp_path: Path) -> None:
    """Lesson 84."""
    old = authority(tmp_path, "Old CA", until=NOW - timedelta(days=1))
    told = await why_refused(trusting(old, 0), server_context(old.issue("csms")))
    assert "the root certificate CN=Old CA expired" in told


async def test_a_certificate_of_the_future_casts_doubt_on_our_clock(ca: Authority) -> None:
    """Lesson 90: the clock is not set."""
    later = NOW + timedelta(days=20 * 365)
    server = server_context(ca.issue("csms", since=later, until=later + timedelta(days=1)))
    told = await why_refused(trusting(ca, 0), server)
    assert f"its own certificate CN=csms is not valid before {later:%Y-%m-%d %H:%M} UTC" in told
    assert "this clock is probably wrong" in told


async def test_an_unknown_root_is_named_beside_the_trusted_ones(tmp_path: Path) -> None:
    """Lesson 88."""
    theirs, ours = authority(tmp_path, "Their CA"), authority(tmp_path, "Our CA")
    files = theirs.issue("csms")
    files[0].write_text(files[0].read_text() + theirs.pem)
    told = await why_refused(trusting(ours, 0), server_context(files))
    assert "the root of its chain CN=Their CA is not among the trusted roots (CN=Our CA)" in told


async def test_a_missing_intermediate_is_named(ca: Authority) -> None:
    """Lesson 88."""
    below = ca.intermediate("Sub CA")
    told = await why_refused(trusting(ca, 0), server_context(below.issue("csms", with_chain=False)))
    assert "the certificate above its own certificate CN=csms is missing: CN=Sub CA is neither" in told
    assert "CN=Test CA" in told


async def test_a_certificate_signed_by_itself_is_said_to_be_so(tmp_path: Path, ca: Authority) -> None:
    alone = authority(tmp_path, "alone")
    alone_files = (alone.file, tmp_path / "alone.key")
    write_key(alone_files[1], alone.key)
    told = await why_refused(trusting(ca, 0), server_context(alone_files))
    assert "signed by itself" in told


async def test_a_certificate_for_another_purpose_is_said_to_be_so(ca: Authority) -> None:
    told = await why_refused(trusting(ca, 0), server_context(ca.issue("csms", purpose=CLIENT)))
    assert "is for another purpose (clientAuth), not for a server" in told


async def test_a_wrong_name_is_told_with_the_names_that_would_be_right(ca: Authority) -> None:
    told = await why_refused(trusting(ca, 0), server_context(ca.issue("csms", address="10.0.0.1")))
    assert "its certificate is for 10.0.0.1, not for 127.0.0.1" in told


# ------------------------------------------------------------------ what the back-end says of us


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_demand_for_a_client_certificate_is_told(version: ssl.TLSVersion, ca: Authority) -> None:
    context = server_context(ca.issue("csms"), ca.file)
    context.maximum_version = version
    assert "client certificate (security profile 3)" in await why_refused(trusting(ca, 0), context)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_an_unknown_authority_of_our_certificate_is_told(version: ssl.TLSVersion, tmp_path: Path) -> None:
    theirs, ours = authority(tmp_path, "Their CA"), authority(tmp_path, "Our CA")
    context = server_context(theirs.issue("csms"), theirs.file)
    context.maximum_version = version
    certificate, key = ours.issue("station")
    endpoint = replace(trusting(theirs, 0), client_certificate_file=certificate, client_key_file=key)
    assert "does not know the authority that issued this station's certificate" in await why_refused(endpoint, context)


async def test_an_expired_certificate_of_ours_is_told(ca: Authority) -> None:
    context = server_context(ca.issue("csms"), ca.file)
    certificate, key = ca.issue("station", until=NOW - timedelta(days=1))
    endpoint = replace(trusting(ca, 0), client_certificate_file=certificate, client_key_file=key)
    assert "this station's certificate has expired, by its own clock" in await why_refused(endpoint, context)


async def test_a_certificate_of_ours_for_servers_is_told_to_be_unsuitable(ca: Authority) -> None:
    context = server_context(ca.issue("csms"), ca.file)
    certificate, key = ca.issue("station", purpose=SERVER)
    endpoint = replace(trusting(ca, 0), client_certificate_file=certificate, client_key_file=key)
    assert "no certificate of this kind from a station" in await why_refused(endpoint, context)


async def test_a_back_end_that_says_nothing_is_guessed_at(ca: Authority) -> None:
    """asyncio servers end the connection without an alert."""
    async with scripted_csms(ssl=server_context(ca.issue("csms"), ca.file)) as csms:
        assert "perhaps it demands a client certificate" in await why_not(trusting(ca, csms.port))


async def test_plain_http_on_the_port_is_told(ca: Authority) -> None:
    async with scripted_csms() as csms:
        assert "URL begins with ws://" in await why_not(trusting(ca, csms.port))


async def test_tls_on_the_port_of_a_plain_url_is_told(ca: Authority) -> None:
    with tls_server(server_context(ca.issue("csms"))) as port:
        assert "wss://" in await why_not(Endpoint(f"ws://127.0.0.1:{port}", "CP"))


async def test_a_damaged_file_of_roots_is_told(tmp_path: Path, ca: Authority) -> None:
    (tmp_path / "bad.pem").write_text("no certificate")
    with tls_server(server_context(ca.issue("csms"))) as port:
        endpoint = replace(trusting(ca, port), ca_file=tmp_path / "bad.pem")
        assert "cannot connect" in await why_not(endpoint)


# ------------------------------------------------------------------ security events of a failure


def last_event(error: DialError) -> str:
    found = [type_.value for type_, _ in dial_incidents(error.__cause__)]
    return found[-1] if found else ""


async def event_of(endpoint: Endpoint, context: ssl.SSLContext) -> str:
    with tls_server(context) as port, pytest.raises(DialError) as caught:
        await WebsocketDialler(replace(endpoint, url=f"wss://127.0.0.1:{port}"), timeout_s=5.0)(["ocpp1.6"])
    return last_event(caught.value)


async def test_failures_that_are_security_events_say_which(ca: Authority, rsa_ca: Authority) -> None:
    """White paper edition 3, the list of security events."""
    expired = server_context(ca.issue("csms", until=NOW - timedelta(days=1)))
    assert await event_of(trusting(ca, 0), expired) == "InvalidCsmsCertificate"
    weak = server_context(rsa_ca.issue("csms", key=rsa_key()))
    weak.maximum_version = ssl.TLSVersion.TLSv1_2
    weak.set_ciphers("AES256-SHA:@SECLEVEL=0")
    assert await event_of(trusting(rsa_ca, 0), weak) == "InvalidTLSCipherSuite"
    async with scripted_csms() as csms:
        csms.http_status = 401
        with pytest.raises(DialError) as caught:
            await WebsocketDialler(Endpoint(f"ws://127.0.0.1:{csms.port}", "CP", "x"))(["ocpp1.6"])
        assert last_event(caught.value) == "FailedToAuthenticateAtCsms"
        csms.http_status = 500
        with pytest.raises(DialError) as caught:
            await WebsocketDialler(Endpoint(f"ws://127.0.0.1:{csms.port}", "CP", "x"))(["ocpp1.6"])
        assert last_event(caught.value) == ""


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_an_old_tls_version_is_an_event(rsa_ca: Authority) -> None:
    context = server_context(rsa_ca.issue("csms", key=rsa_key()))
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    assert await event_of(trusting(rsa_ca, 0), context) == "InvalidTLSVersion"
