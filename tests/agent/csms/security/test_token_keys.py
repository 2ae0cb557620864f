"""The station's key on a PKCS#11 token, with a real SoftHSM and real TLS (white paper edition 3; A02, A03)."""

import asyncio
import fcntl
import logging
import os
import resource
import signal
import ssl
import termios
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509

from agent.csms.connection import DialError, Endpoint, WebsocketDialler
from agent.csms.security.own_certificate import KeyFiles
from agent.csms.security.token_keys import TokenKeys
from agent.csms.security.token_link import TokenAddress, TokenError
from tests.agent.csms.certificates import Authority, authority, server_context
from tests.agent.csms.plain_security import SERIAL_NUMBER, PlainSecurity, one_back_end
from tests.agent.csms.security.soft_token import LABEL, PIN, SoftToken, soft_token
from tests.fakes.scripted_csms import scripted_csms

pytestmark = [pytest.mark.hsm, pytest.mark.slow]


@pytest.fixture
def token(tmp_path: Path) -> Iterator[SoftToken]:
    before = os.environ.get("SOFTHSM2_CONF")
    yield soft_token(tmp_path / "hsm")
    os.environ.pop("SOFTHSM2_CONF")
    if before is not None:
        os.environ["SOFTHSM2_CONF"] = before


@pytest.fixture
def keys(token: SoftToken) -> Iterator[TokenKeys]:
    made = token.keys()
    yield made
    made.link.close()


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return authority(tmp_path)


def security_with(keys: TokenKeys, folder: Path) -> PlainSecurity:
    plan = one_back_end(Endpoint("wss://csms", "S-1"), profile=3)
    return PlainSecurity([plan], folder / "state", keys=keys)


async def signed(security: PlainSecurity, ca: Authority) -> KeyFiles:
    """Ask, have it signed, and put it on trial."""
    await security.own.take(ca.sign(await security.own.request("Operator")), (ca.file,), at_once=False)
    files = security.own.on_trial
    assert files is not None
    return files


def endpoint_of(ca: Authority, files: KeyFiles, keys: TokenKeys | None, port: int) -> Endpoint:
    url = f"wss://127.0.0.1:{port}"
    return Endpoint(
        url, "CP", ca_file=ca.file, client_certificate_file=files.chain, client_key_file=files.key, token=keys
    )


async def why_not(endpoint: Endpoint) -> str:
    with pytest.raises(DialError) as caught:
        await WebsocketDialler(endpoint, timeout_s=10.0)(["ocpp1.6"])
    return str(caught.value)


# ------------------------------------------------------------------ the key and its request


async def test_the_request_is_signed_by_a_key_that_was_made_on_the_token_and_cannot_be_read(
    token: SoftToken, keys: TokenKeys, tmp_path: Path
) -> None:
    security = security_with(keys, tmp_path)
    csr = x509.load_pem_x509_csr((await security.own.request("Operator")).encode())
    assert csr.is_signature_valid
    assert SERIAL_NUMBER in csr.subject.rfc4514_string()
    (file,) = tmp_path.rglob("pending-*.key")
    text = file.read_text()
    assert text.startswith(f"pkcs11:token={LABEL};id=%")
    assert "PRIVATE" not in text
    key_id = text.split(";id=")[1].split(";")[0].replace("%", "")
    seen = token.objects()
    assert f"ID:         {key_id}" in seen
    assert "never extractable" in seen
    token.try_to_copy(key_id)
    assert not (token.folder / "stolen").exists() or not (token.folder / "stolen").read_bytes()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_the_station_proves_itself_by_the_token_with_both_versions_of_tls(
    version: ssl.TLSVersion, keys: TokenKeys, ca: Authority, tmp_path: Path
) -> None:
    files = await signed(security_with(keys, tmp_path), ca)
    context = server_context(ca.issue("csms"), ca.file)
    context.maximum_version = version
    async with scripted_csms(ssl=context) as csms:
        connection = await WebsocketDialler(endpoint_of(ca, files, keys, csms.port))(["ocpp1.6"])
        await csms.until(lambda: bool(csms.connections))
        shown = csms.connection.transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        assert x509.load_der_x509_certificate(shown) == x509.load_pem_x509_certificates(files.chain.read_bytes())[0]
        await connection.close()


async def test_renewal_makes_a_new_key_and_the_old_one_stays_until_the_trial_is_over(
    token: SoftToken, keys: TokenKeys, ca: Authority, tmp_path: Path
) -> None:
    """A02: the certificate in use stays until the station has connected with the new one."""
    security = security_with(keys, tmp_path)
    await signed(security, ca)
    await security.own.end_trial(good=True)
    old = security.own.in_use
    assert old is not None
    new = await signed(security, ca)
    assert security.own.in_use == old
    assert old.key.read_text() != new.key.read_text()
    async with scripted_csms(ssl=server_context(ca.issue("csms"), ca.file)) as csms:
        for files in (old, new):
            connection = await WebsocketDialler(endpoint_of(ca, files, keys, csms.port))(["ocpp1.6"])
            await connection.close()
    await security.own.end_trial(good=False)
    assert security.own.in_use == old
    assert token.objects().count("Private Key Object") == 2
    await security.own.request("Operator")
    assert token.objects().count("Private Key Object") == 2, "the one of the failed trial has made room"


async def test_requests_that_nobody_answers_do_not_fill_the_token(
    token: SoftToken, keys: TokenKeys, tmp_path: Path
) -> None:
    security = security_with(keys, tmp_path)
    for _ in range(4):
        await security.own.request("Operator")
    assert token.objects().count("Private Key Object") == 1


# ------------------------------------------------------------------ what goes wrong: one sentence, and nothing changes


async def test_a_wrong_pin_is_said_and_not_tried_twice(
    token: SoftToken, keys: TokenKeys, caplog: pytest.LogCaptureFixture
) -> None:
    """Tokens lock after a few wrong tries."""
    caplog.set_level(logging.DEBUG)
    token.write_pin("000000")
    with pytest.raises(TokenError, match=r"token 'station' refuses the PIN in .*/pin$"):
        keys.probe()
    started = keys.link.started
    with pytest.raises(TokenError, match="refuses the PIN"):
        keys.probe()
    assert keys.link.started == started, "the token was not asked"
    token.write_pin()
    keys.probe()
    assert PIN not in caplog.text
    assert "000000" not in caplog.text


def test_a_pin_file_that_others_may_read_is_refused(token: SoftToken, keys: TokenKeys) -> None:
    token.write_pin(mode=0o640)
    with pytest.raises(TokenError, match="mode 0600"):
        keys.probe()
    assert keys.link.started == 0


async def test_a_pulled_token_keeps_the_open_connection_and_a_replugged_one_connects_again(
    token: SoftToken, keys: TokenKeys, ca: Authority, tmp_path: Path
) -> None:
    files = await signed(security_with(keys, tmp_path), ca)
    async with scripted_csms(ssl=server_context(ca.issue("csms"), ca.file)) as csms:
        endpoint = endpoint_of(ca, files, keys, csms.port)
        connection = await WebsocketDialler(endpoint)(["ocpp1.6"])
        token.pull()
        keys.link.close()
        assert "token 'station' is not there" in await why_not(endpoint)
        await connection.send("still here")
        token.plug()
        again = await WebsocketDialler(endpoint)(["ocpp1.6"])
        await again.close()
        await connection.close()


async def test_a_token_that_has_lost_the_key_is_said(keys: TokenKeys, ca: Authority, tmp_path: Path) -> None:
    files = await signed(security_with(keys, tmp_path), ca)
    keys.make(())
    assert "is not on token 'station'" in await why_not(endpoint_of(ca, files, keys, 1))


async def test_a_full_token_is_said_and_the_certificate_in_use_stays(
    keys: TokenKeys, ca: Authority, tmp_path: Path
) -> None:
    security = security_with(keys, tmp_path)
    await signed(security, ca)
    await security.own.end_trial(good=True)
    used, before = security.own.in_use, security.files.index
    process = keys.link.process
    assert process is not None
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, 0))
    with pytest.raises(TokenError, match=r"makes no key .* it may be full"):
        await security.own.request("Operator")
    assert (security.own.in_use, security.files.index) == (used, before)
    assert used is not None
    keys.show(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), used.key.read_text(), used.chain)


@pytest.mark.parametrize("library", ["libc.so.6", "no-library"])
@pytest.mark.usefixtures("token")
def test_a_wrong_library_is_said(library: str, tmp_path: Path) -> None:
    (tmp_path / "no-library").write_text("hello")
    module = Path(library) if library.startswith("libc") else tmp_path / library
    keys = TokenKeys(TokenAddress(module, LABEL, tmp_path / "hsm" / "pin"))
    with pytest.raises(TokenError, match=r"is no PKCS#11 library that can be loaded"):
        keys.probe()
    keys.link.close()


async def test_a_library_that_crashes_takes_only_its_own_process_with_it(keys: TokenKeys) -> None:
    keys.probe()
    process = keys.link.process
    assert process is not None
    assert process.stdin is not None
    process.send_signal(signal.SIGSTOP)
    asked = asyncio.create_task(asyncio.to_thread(keys.probe))
    waiting = bytearray(4)
    while not any(waiting):
        await asyncio.sleep(0)
        fcntl.ioctl(process.stdin, termios.FIONREAD, waiting)
    process.send_signal(signal.SIGSEGV)
    process.send_signal(signal.SIGCONT)
    with pytest.raises(TokenError, match=r"libsofthsm2.so ended its process \(exit -11\); is it the right library\?"):
        await asked
    keys.probe()


def test_a_token_that_hangs_is_given_up(keys: TokenKeys) -> None:
    keys.probe()
    process = keys.link.process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    with pytest.raises(TokenError, match="does not answer in time"):
        keys.link.ask("probe", within_s=0.2)
    keys.probe()


async def test_a_key_of_a_token_without_a_token_in_the_configuration_is_said(
    keys: TokenKeys, ca: Authority, tmp_path: Path
) -> None:
    files = await signed(security_with(keys, tmp_path), ca)
    assert r"no [csms.token]" in await why_not(endpoint_of(ca, files, None, 1))


async def test_a_key_file_from_before_the_token_is_used_until_it_is_renewed(keys: TokenKeys, ca: Authority) -> None:
    certificate, key = ca.issue("station")
    async with scripted_csms(ssl=server_context(ca.issue("csms"), ca.file)) as csms:
        connection = await WebsocketDialler(endpoint_of(ca, KeyFiles(certificate, key), keys, csms.port))(["ocpp1.6"])
        await connection.close()


async def test_a_certificate_for_another_key_is_refused(keys: TokenKeys, ca: Authority, tmp_path: Path) -> None:
    files = await signed(security_with(keys, tmp_path), ca)
    other, _ = ca.issue("other")
    assert "is not for the key on the token" in await why_not(endpoint_of(ca, replace(files, chain=other), keys, 1))
