"""Security profile, AuthorizationKey and certificates on trial, and back-ends by priority, against real servers."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from agent.csms.connection import Connection, DialError, Dialler, Endpoint
from agent.csms.security.access import AccessPolicy
from agent.csms.security.access_state import Password, PasswordForm, read_authorization_key
from agent.csms.security.back_end_plan import BackEndPlan
from agent.csms.security.dial_plan import Attempts
from agent.csms.security.root_store import RootPolicy
from agent.csms.security.vocabulary import FAILED_TO_AUTHENTICATE, RECONFIGURED, CertificateUse
from hil.virtual_time import run_virtual
from tests.agent.csms.certificates import authority, server_context
from tests.agent.csms.plain_security import PlainSecurity, one_back_end
from tests.fakes.scripted_csms import scripted_csms

OLD, NEW = "an-old-password-16", "00112233445566778899AABBCCDDEEFF"
CSMS = CertificateUse.CSMS_ROOT
ENDPOINT = Endpoint("ws://csms.example/ocpp", "S-1", OLD)


class Gate:
    """Lets endpoints through or not, and writes down what was tried; no socket."""

    def __init__(self) -> None:
        self.tried: list[Endpoint] = []
        self.good: set[str | bytes | None] = {OLD}
        """Passwords that are let through."""
        self.schemes = {"ws", "wss"}
        self.hosts: set[str] | None = None

    def __call__(self, endpoint: Endpoint) -> Dialler:
        async def dial(_subprotocols: Sequence[str]) -> Connection:
            self.tried.append(endpoint)
            host = endpoint.url.partition("://")[2].partition("/")[0]
            is_open = self.hosts is None or host in self.hosts
            if endpoint.password in self.good and endpoint.url.partition(":")[0] in self.schemes and is_open:
                return NoConnection()
            raise DialError(f"refused at {endpoint.full_url}")

        return dial


class NoConnection:
    subprotocol: str | None = "ocpp1.6"

    async def recv(self) -> str | bytes:
        await asyncio.Event().wait()
        return ""

    async def send(self, message: str) -> None:
        del message

    async def close(self, code: int = 1000, reason: str = "") -> None:
        del code, reason


class Station:
    """Dials as the link does."""

    def __init__(self, security: PlainSecurity, gate: Gate) -> None:
        self.security = security
        self.access = security.access
        self.gate = gate
        self.redials: list[str] = []
        self.access.redial = self.redials.append

    async def dial(self, times: int = 1) -> bool:
        """True if the last try connected."""
        connected = False
        for _ in range(times):
            try:
                await self.access(["ocpp1.6"])
            except DialError as error:
                connected = False
                self.access.failed(str(error))
            else:
                connected = True
                self.access.registered()
            await self.kept()
        return connected

    async def kept(self) -> None:
        """Until the outcome is on disk."""
        while not self.access._outcomes.empty():
            await (self.access._outcomes.get_nowait())()

    @property
    def last(self) -> Endpoint:
        return self.gate.tried[-1]


def station(
    folder: Path,
    *plans: BackEndPlan,
    gate: Gate | None = None,
    policy: AccessPolicy = AccessPolicy(),  # noqa: B008 - a frozen value
    roots: RootPolicy = RootPolicy(),  # noqa: B008 - as above
) -> Station:
    gate = gate or Gate()
    known = plans or (one_back_end(ENDPOINT, profile=1),)
    return Station(PlainSecurity(known, folder, dial=gate, policy=policy, roots=roots), gate)


# ------------------------------------------------------------------ AuthorizationKey: A01


@pytest.mark.parametrize(
    ("key", "taken"),
    [
        ("00112233445566778899AABBCCDDEEFF", True),
        ("00112233445566778899aabbccddeeff00112233", True),
        ("00112233445566778899AABBCCDDEE", False),
        ("00112233445566778899AABBCCDDEEFF0", False),
        ("00112233445566778899AABBCCDDEEFF0011223344", False),
        ("a-plain-password-1", False),
        ("", False),
    ],
)
def test_a_key_is_16_to_20_bytes_in_hexadecimal(key: str, taken: bool) -> None:
    assert bool(read_authorization_key(key, hex_alone=True)) is taken


@pytest.mark.parametrize(("key", "taken"), [("a-plain-password-1", True), ("short", False), ("x" * 41, False)])
def test_plain_text_is_a_key_only_where_that_is_configured(key: str, taken: bool) -> None:
    assert bool(read_authorization_key(key, hex_alone=False)) is taken


def test_a_password_never_shows() -> None:
    assert NEW not in repr(Password(NEW, PasswordForm.HEX))


@pytest.mark.parametrize("form", [bytes.fromhex(NEW), NEW])
async def test_a_new_key_is_tried_decoded_and_as_text_and_what_works_is_kept(form: str | bytes, tmp_path: Path) -> None:
    """The paper decodes it; some back-ends compare the digits."""
    s = station(tmp_path)
    await s.dial()
    assert await s.access.change_authorization_key(NEW) is None
    s.access.try_now()
    assert len(s.redials) == 1
    s.gate.good = {form}
    while not await s.dial():
        assert len(s.gate.tried) < 4
    assert s.last.password == form
    assert s.security.events == [(RECONFIGURED, "AuthorizationKey")]
    again = station(tmp_path)
    again.gate.good = {form}
    assert await again.dial(), "also after a restart"


async def test_a_refused_key_is_given_up_only_when_the_old_one_connects(tmp_path: Path) -> None:
    s = station(tmp_path, policy=AccessPolicy(attempts=Attempts(2, 2)))
    await s.dial()
    await s.access.change_authorization_key(NEW)
    s.gate.good = set()
    assert not await s.dial(8), "the network is down: nothing is given up"
    s.gate.good = {OLD}
    while not await s.dial():
        assert len(s.gate.tried) < 16
    assert s.last.password == OLD
    ((type_, info),) = s.security.events
    assert type_ == FAILED_TO_AUTHENTICATE
    assert NEW not in info
    assert await s.dial()
    assert s.last.password == OLD
    again = station(tmp_path)
    assert await again.dial()
    assert again.last.password == OLD


async def test_a_power_loss_in_the_trial_leaves_both_keys(tmp_path: Path) -> None:
    s = station(tmp_path)
    await s.access.change_authorization_key(NEW)
    again = station(tmp_path)
    again.gate.good = {bytes.fromhex(NEW)}
    assert await again.dial()
    old_alone = station(tmp_path)
    old_alone.gate.good = {OLD}
    assert not await old_alone.dial(4), "the new one was settled"


async def test_another_configuration_drops_what_was_changed_over_the_old_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    s = station(tmp_path)
    await s.access.change_authorization_key(NEW)
    s.gate.good = {bytes.fromhex(NEW)}
    await s.dial()
    by_hand = replace(ENDPOINT, password="a-third-password-16")
    again = station(tmp_path, one_back_end(by_hand, profile=1))
    again.gate.good = {"a-third-password-16"}
    assert await again.dial()
    assert "the configuration has changed" in caplog.text


async def test_a_key_that_cannot_be_stored_is_not_tried(tmp_path: Path) -> None:
    (tmp_path / "access").write_text("a file where the directory should be")
    s = station(tmp_path)
    with pytest.raises(OSError, match="exists"):
        await s.access.change_authorization_key(NEW)
    assert await s.dial()
    assert s.last.password == OLD


async def test_the_file_of_keys_is_private(tmp_path: Path) -> None:
    s = station(tmp_path)
    await s.access.change_authorization_key(NEW)
    file = tmp_path / "access" / "access.json"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert OLD not in file.read_text()


# ------------------------------------------------------------------ SecurityProfile: A05


@pytest.mark.parametrize(
    ("present", "wanted", "reason"),
    [
        (1, 0, "lower"),
        (2, 1, "lower"),
        (0, 1, "AuthorizationKey"),
        (1, 2, "CentralSystemRootCertificate"),
        (1, 3, "CentralSystemRootCertificate"),
    ],
)
async def test_a_profile_is_refused_without_what_it_needs(
    present: int, wanted: int, reason: str, tmp_path: Path
) -> None:
    endpoint = replace(ENDPOINT, url="wss://x" if present > 1 else "ws://x", password=OLD if present else None)
    s = station(tmp_path, one_back_end(endpoint, profile=present))
    refusal = await s.access.change_security_profile(wanted)
    assert refusal is not None
    assert reason in refusal
    s.access.try_now()
    assert s.redials == []
    assert s.access.security_profile == present


async def test_profile_3_needs_a_certificate_of_the_station(tmp_path: Path) -> None:
    ca = authority(tmp_path)
    s = station(tmp_path)
    await s.security.roots.install(CSMS, ca.pem)
    refusal = await s.access.change_security_profile(3)
    assert refusal is not None
    assert "certificate of this station" in refusal
    await s.security.signing.take(ca.sign(await s.security.own.request("")))
    assert await s.access.change_security_profile(3) is None


async def test_the_same_profile_again_changes_nothing(tmp_path: Path) -> None:
    s = station(tmp_path)
    assert await s.access.change_security_profile(1) is None
    s.access.try_now()
    assert s.redials == []


@pytest.mark.parametrize(
    ("secure_url", "dialled"), [(None, "wss://csms.example/ocpp"), ("wss://safe:8443/x", "wss://safe:8443/x")]
)
async def test_an_upgrade_dials_the_secure_url_and_stays_the_same_back_end(
    secure_url: str | None, dialled: str, tmp_path: Path
) -> None:
    plan = replace(one_back_end(ENDPOINT, profile=1), secure_url=secure_url)
    s = station(tmp_path, plan)
    await s.security.roots.install(CSMS, authority(tmp_path).pem)
    owner = s.access.owner
    assert await s.access.change_security_profile(2) is None
    s.access.try_now()
    assert await s.dial()
    assert s.last.url == dialled
    assert s.last.password == OLD
    assert (s.access.security_profile, s.access.owner) == (2, owner)
    again = station(tmp_path, plan)
    assert again.access.security_profile == 2, "also after a restart"


async def test_a_profile_that_does_not_connect_falls_back_and_says_so(tmp_path: Path) -> None:
    """Lesson 91."""
    s = station(tmp_path, policy=AccessPolicy(attempts=Attempts(of_trial=3)))
    await s.security.roots.install(CSMS, authority(tmp_path).pem)
    s.gate.schemes = {"ws"}
    await s.access.change_security_profile(2)
    assert await s.dial(4)
    assert [each.url.partition(":")[0] for each in s.gate.tried] == ["wss", "wss", "wss", "ws"]
    assert s.access.security_profile == 1
    assert "wss://" in s.security.events[0][1]
    assert await s.dial()
    assert s.last.url.startswith("ws:")


async def test_profile_3_shows_the_signed_certificate_and_no_password(tmp_path: Path) -> None:
    ca = authority(tmp_path)
    s = station(tmp_path)
    await s.security.roots.install(CSMS, ca.pem)
    await s.security.signing.take(ca.sign(await s.security.own.request("")))
    await s.access.change_security_profile(3)
    s.gate.good = {None}
    assert await s.dial()
    assert s.last.password is None
    own = s.security.own.in_use
    assert own is not None
    assert (s.last.client_certificate_file, s.last.client_key_file) == (own.chain, own.key)


# ------------------------------------------------------------------ over real TLS


@asynccontextmanager
async def real(folder: Path, plan: BackEndPlan, roots: RootPolicy) -> AsyncIterator[Station]:
    security = PlainSecurity([plan], folder, roots=roots, policy=AccessPolicy(only_installed_roots=True))
    s = Station(security, Gate())
    yield s


async def connect(s: Station) -> str:
    """Dial as the link does; gives what went wrong, empty if nothing."""
    try:
        connection = await s.access(["ocpp1.6"])
    except DialError as error:
        s.access.failed(str(error))
        return str(error)
    s.access.registered()
    await s.kept()
    await connection.close()
    return ""


@pytest.mark.parametrize("is_right", [True, False])
async def test_a_new_root_is_used_alone_and_falls_back_to_the_old_one(is_right: bool, tmp_path: Path) -> None:
    """AdditionalRootCertificateCheck, and the root in use cannot be removed."""
    old = authority(tmp_path, "Old root")
    new = old.renewed("New root")
    server = new if is_right else old
    async with scripted_csms(ssl=server_context(server.issue("csms", with_chain=False))) as csms:
        endpoint = Endpoint(f"wss://127.0.0.1:{csms.port}", "S-1", OLD)
        plan = one_back_end(endpoint, profile=2)
        async with real(tmp_path / "state", plan, RootPolicy(check_additional=True)) as s:
            for pem in (old.pem, new.pem):
                assert (await s.security.roots.install(CSMS, pem)).value == "Accepted"
            if is_right:
                assert await connect(s) == ""
            else:
                told = [await connect(s) for _ in range(4)]
                assert "among the trusted roots" in told[0]
                assert told[3] == "", "after three tries with the new root the old one connects"
            (kept,) = s.security.roots.files(CSMS)
            assert kept.read_text() == server.pem
            (in_use,) = s.security.roots.installed(CSMS)
            assert (await s.security.roots.delete(in_use)).value == "Failed"


async def test_a_certificate_that_the_back_end_refuses_leaves_the_old_one_in_use(tmp_path: Path) -> None:
    """The switch comes only after a connection with the new one."""
    ca, stranger = authority(tmp_path, "Root"), authority(tmp_path, "Stranger")
    async with scripted_csms(ssl=server_context(ca.issue("csms"), ca.file)) as csms:
        endpoint = Endpoint(f"wss://127.0.0.1:{csms.port}", "S-1", ca_file=ca.file)
        security = PlainSecurity([one_back_end(endpoint, profile=3)], tmp_path / "state")
        s = Station(security, Gate())
        assert "there is none" in await connect(s)
        for signer, tries in ((ca, 1), (stranger, 4), (ca, 1)):
            before = security.own.in_use
            assert await security.signing.take(signer.sign(await security.own.request("")))
            assert security.own.in_use == before
            outcomes = [await connect(s) for _ in range(tries)]
            assert outcomes[-1] == ""
            assert (security.own.in_use == before) is (signer is stranger)
            assert security.own.on_trial is None


async def test_the_root_of_the_connection_is_known(tmp_path: Path) -> None:
    ca, other = authority(tmp_path, "Root"), authority(tmp_path, "Other")
    async with scripted_csms(ssl=server_context(ca.intermediate("Sub").issue("csms"))) as csms:
        endpoint = Endpoint(f"wss://127.0.0.1:{csms.port}", "S-1", OLD)
        async with real(tmp_path / "state", one_back_end(endpoint, profile=2), RootPolicy()) as s:
            for pem in (ca.pem, other.pem):
                await s.security.roots.install(CSMS, pem)
            assert await connect(s) == ""
            statuses = [(await s.security.roots.delete(each)).value for each in s.security.roots.installed(CSMS)]
            assert statuses == ["Failed", "Accepted"]


# ------------------------------------------------------------------ several back-ends

FIRST, SECOND = (
    BackEndPlan(name, Endpoint(f"ws://{name}/ocpp", "S-1", OLD), 1, ("ocpp1.6",)) for name in ("first", "second")
)


async def test_after_some_tries_the_next_back_end_is_dialled_and_then_the_first_again(tmp_path: Path) -> None:
    s = station(tmp_path, FIRST, SECOND, policy=AccessPolicy(attempts=Attempts(of_back_end=2)))
    s.gate.hosts = set()
    await s.dial(6)
    assert [each.url[5:7] for each in s.gate.tried] == ["fi", "fi", "se", "se", "fi", "fi"]


async def test_one_back_end_alone_is_dialled_for_ever(tmp_path: Path) -> None:
    s = station(tmp_path, FIRST)
    s.gate.hosts = set()
    await s.dial(10)
    assert {each.url for each in s.gate.tried} == {FIRST.endpoint.url}


def going_back(tmp_path: Path, *, idle_after_s: float | None, first_back_after_s: float) -> tuple[float, list[str]]:
    """At the second back-end; tells when the station went back to the first, and why."""

    async def story() -> tuple[float, list[str]]:
        policy = AccessPolicy(attempts=Attempts(of_back_end=1), return_after_s=100.0, switch_wait_s=1000.0)
        s = station(tmp_path, FIRST, SECOND, policy=policy)
        loop = asyncio.get_running_loop()
        s.gate.hosts = {"second"}
        assert await s.dial(2)
        assert s.access.owner.startswith("ws://second")
        began_s = loop.time()
        loop.call_later(first_back_after_s, lambda: setattr(s.gate, "hosts", {"first", "second"}))
        s.access.is_idle = lambda: idle_after_s is None or loop.time() - began_s >= idle_after_s
        runner = asyncio.create_task(s.access.run())
        redialled = asyncio.Event()

        def redial(why: str) -> None:
            s.redials.append(why)
            redialled.set()

        s.access.redial = redial
        await redialled.wait()
        assert await s.dial()
        assert s.access.owner.startswith("ws://first")
        runner.cancel()
        with suppress(asyncio.CancelledError):
            await runner
        return loop.time() - began_s, s.redials

    return run_virtual(story())


def test_the_station_goes_back_once_the_first_connects(tmp_path: Path) -> None:
    took_s, why = going_back(tmp_path, idle_after_s=None, first_back_after_s=150)
    assert 200 <= took_s < 205
    assert why == ["first of higher priority is back"]


def test_going_back_waits_for_what_is_open(tmp_path: Path) -> None:
    assert 500 <= going_back(tmp_path, idle_after_s=500, first_back_after_s=0)[0] < 505


def test_going_back_does_not_wait_for_ever(tmp_path: Path) -> None:
    assert 1100 <= going_back(tmp_path, idle_after_s=10_000, first_back_after_s=0)[0] < 1105


async def test_each_back_end_has_a_password_of_its_own(tmp_path: Path) -> None:
    s = station(tmp_path, FIRST, SECOND, policy=AccessPolicy(attempts=Attempts(of_back_end=1)))
    await s.dial()
    await s.access.change_authorization_key(NEW)
    s.gate.good = {OLD, bytes.fromhex(NEW)}
    assert await s.dial()
    s.gate.hosts = {"second"}
    assert await s.dial(2)
    assert [each.password for each in s.gate.tried][-3::2] == [bytes.fromhex(NEW), OLD]
