"""The station's own certificate: asked for, checked on arrival, renewed (white paper edition 3, A02 and A03)."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID

from agent.csms.connection import Endpoint
from agent.csms.security.certificate_signing import SigningRefusedError
from agent.csms.security.device_key import FileKeys
from agent.csms.security.own_certificate import KeyFiles
from agent.csms.security.vocabulary import INVALID_STATION_CERTIFICATE, CertificateUse
from agent.domain.variable import VariableKey
from agent.station.back_end import BackEndUnreachableError
from hil.virtual_time import run_virtual
from tests.agent.csms.certificates import NOW, Authority, authority
from tests.agent.csms.plain_security import SERIAL_NUMBER, PlainSecurity, one_back_end

CSMS = CertificateUse.CSMS_ROOT


class Desk:
    """A back-end that is asked for certificates."""

    def __init__(self, folder: Path, *, profile: int = 2, key_kind: str = "ecdsa") -> None:
        self.asked: list[str] = []
        self.asked_at_s: list[float] = []
        self.refusal: Exception | None = None
        self.now = NOW
        plan = one_back_end(Endpoint("wss://csms", "S-1", "a-password-of-16"), profile=profile)
        self.security = PlainSecurity([plan], folder, send=self._send, now=self._now, keys=FileKeys(key_kind))
        self.signing, self.own = self.security.signing, self.security.own

    def _now(self) -> datetime:
        return self.now

    async def _send(self, csr: str) -> None:
        self.asked.append(csr)
        self.asked_at_s.append(asyncio.get_running_loop().time())
        if self.refusal is not None:
            raise self.refusal

    async def ask(self) -> str:
        csr = await self.own.request("Our Operator")
        self.asked.append(csr)
        return csr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def desk(folder: Path) -> Desk:
    return Desk(folder)


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return authority(tmp_path)


@asynccontextmanager
async def running(desk: Desk) -> AsyncIterator[None]:
    task = asyncio.create_task(desk.signing.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


# ------------------------------------------------------------------ the request


@pytest.mark.parametrize(("kind", "curve"), [("ecdsa", ec.EllipticCurvePublicKey), ("rsa", rsa.RSAPublicKey)])
async def test_a_request_names_operator_and_serial_number_and_proves_its_key(
    kind: str, curve: type, folder: Path
) -> None:
    csr = x509.load_pem_x509_csr((await Desk(folder, key_kind=kind).ask()).encode())
    names = {each.oid: each.value for each in csr.subject}
    assert names == {NameOID.ORGANIZATION_NAME: "Our Operator", NameOID.COMMON_NAME: SERIAL_NUMBER}
    assert csr.is_signature_valid
    key = csr.public_key()
    assert isinstance(key, curve)
    assert isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
    assert key.key_size == (256 if kind == "ecdsa" else 2048)


async def test_the_key_is_private_and_stays_here(desk: Desk, folder: Path) -> None:
    csr = await desk.ask()
    (key_file,) = folder.rglob("pending-*.key")
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert "PRIVATE" not in csr


async def test_each_request_has_a_new_key_and_forgets_the_old_one(desk: Desk, folder: Path) -> None:
    first, second = [x509.load_pem_x509_csr((await desk.ask()).encode()) for _ in range(2)]
    assert first.public_key() != second.public_key()
    assert len(list(folder.rglob("*.key"))) == 1


# ------------------------------------------------------------------ what is signed is checked: A02.FR.06


async def test_a_good_chain_is_taken_with_its_intermediates(desk: Desk, ca: Authority) -> None:
    await desk.security.roots.install(CSMS, ca.pem)
    below = ca.intermediate("Sub")
    assert await desk.signing.take(below.sign(await desk.ask()) + ca.pem)
    files = desk.own.in_use
    assert isinstance(files, KeyFiles)
    assert len(x509.load_pem_x509_certificates(files.chain.read_bytes())) == 2, "without the root"
    assert stat.S_IMODE(files.key.stat().st_mode) == 0o600
    assert not desk.own.is_awaited
    assert desk.security.events == []


def other_name(_desk: Desk, ca: Authority, _csr: str) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "SOMEBODY")])
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - this case alone

    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return ca.sign(csr.public_bytes(serialization.Encoding.PEM).decode())


REFUSED: dict[str, tuple[Callable[[Desk, Authority, str], str], str]] = {
    "another key": (lambda _desk, ca, _csr: ca.issue(SERIAL_NUMBER)[0].read_text(), "not for the key"),
    "another name": (other_name, "not for the key"),
    "expired": (lambda _desk, ca, csr: ca.sign(csr, until=NOW - timedelta(hours=1)), "expired"),
    "not yet valid": (lambda _desk, ca, csr: ca.sign(csr, since=NOW + timedelta(hours=1)), "not valid before"),
    "a stranger's": (
        lambda _desk, ca, csr: authority(ca.folder, "Stranger").sign(csr),
        "does not end at an installed root",
    ),
    "a chain out of order": (
        lambda _desk, ca, csr: ca.sign(csr) + ca.intermediate("Aside").pem,
        "has not signed the one before it",
    ),
    "an expired intermediate": (
        lambda _desk, ca, csr: ca.intermediate("Old", until=NOW - timedelta(days=1)).sign(csr),
        "certificate 2 of its chain expired",
    ),
    "no certificate": (lambda _desk, _ca, _csr: "hello", "no PEM certificate"),
    "too long": (lambda _desk, ca, csr: ca.sign(csr) + " " * 10_000, "longer than 10000"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_is_not_good_is_refused_with_an_event_and_changes_nothing(
    case: str, desk: Desk, ca: Authority
) -> None:
    """A02.FR.07: InvalidChargingStationCertificate."""
    make, reason = REFUSED[case]
    await desk.security.roots.install(CSMS, ca.pem)
    csr = await desk.ask()
    assert not await desk.signing.take(make(desk, ca, csr))
    ((type_, info),) = desk.security.events
    assert type_ == INVALID_STATION_CERTIFICATE
    assert reason in info
    assert desk.own.in_use is None
    assert await desk.signing.take(ca.sign(csr)), "the key still waits"


async def test_a_wrong_common_name_is_refused(ca: Authority, folder: Path) -> None:
    from agent.csms.security.own_certificate import OwnCertificate  # noqa: PLC0415 - this case alone

    desk = Desk(folder)
    stranger = OwnCertificate(desk.security.files, "ANOTHER", lambda: NOW)
    csr = await stranger.request("")
    assert not await desk.signing.take(ca.sign(csr))
    assert "common name" in desk.security.events[0][1]


async def test_a_certificate_that_nobody_asked_for_is_refused(desk: Desk, ca: Authority) -> None:
    csr = await desk.ask()
    signed = ca.sign(csr)
    assert await desk.signing.take(signed)
    assert not await desk.signing.take(signed), "once is enough"


# ------------------------------------------------------------------ on trial where it matters


async def test_with_profile_3_a_new_certificate_is_on_trial_and_the_old_one_stays(folder: Path, ca: Authority) -> None:
    desk = Desk(folder, profile=3)
    await desk.signing.take(ca.sign(await desk.ask()))
    await desk.own.end_trial(good=True)
    old = desk.own.in_use
    await desk.signing.take(ca.sign(await desk.ask()))
    assert desk.own.in_use == old
    assert desk.own.on_trial not in {None, old}
    await desk.own.end_trial(good=False)
    assert desk.own.in_use == old
    assert len(list(folder.rglob("own-*.pem"))) == 1
    assert len(list(folder.rglob("*.key"))) == 1


@pytest.mark.parametrize("step", range(1, 12))
async def test_a_power_loss_at_any_write_leaves_a_usable_state(
    step: int, folder: Path, ca: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old certificate works, or the new one is whole; the process dies in its n-th step towards the disk."""
    desk = Desk(folder, profile=3)
    await desk.signing.take(ca.sign(await desk.ask()))
    await desk.own.end_trial(good=True)
    old = desk.own.in_use
    assert old is not None
    steps = 0

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def dying(*arguments: object, **words: object) -> object:
            nonlocal steps
            steps += 1
            if steps >= step:
                raise OSError("no power")
            return real(*arguments, **words)

        return dying

    with monkeypatch.context() as patched:
        for owner, name in ((os, "fsync"), (Path, "replace"), (Path, "unlink")):
            patched.setattr(owner, name, counted(getattr(owner, name)))
        with suppress(OSError):
            csr = await desk.ask()
            await desk.signing.take(ca.sign(csr))
            await desk.own.end_trial(good=True)
    again = Desk(folder, profile=3)
    used = again.own.in_use
    assert used is not None
    for files in (used, again.own.on_trial):
        if files is not None:
            own = x509.load_pem_x509_certificates(files.chain.read_bytes())[0]
            key = load_pem_private_key(files.key.read_bytes(), None)
            assert isinstance(key, ec.EllipticCurvePrivateKey)
            assert own.public_key() == key.public_key()


# ------------------------------------------------------------------ asking again, and renewal


def test_without_an_answer_it_asks_again_after_waits_that_double(folder: Path) -> None:
    """A02.FR.17 to 19: CertSigningWaitMinimum and CertSigningRepeatTimes."""
    desk = Desk(folder)
    for name, value in (("CertSigningWaitMinimum", "10"), ("CertSigningRepeatTimes", "3")):
        assert desk.security.model.set(VariableKey("SecurityCtrlr", name), value).accepted

    async def story() -> None:
        async with running(desk):
            desk.signing.begin()
            await asyncio.sleep(500)

    run_virtual(story())
    waits_s = [round(b - a) for a, b in zip(desk.asked_at_s, desk.asked_at_s[1:], strict=False)]
    assert waits_s == [10, 20, 40]
    assert len(set(desk.asked)) == 4, "each with a new key"


@pytest.mark.parametrize(("refusal", "times"), [(SigningRefusedError("no"), 1), (BackEndUnreachableError("off"), 4)])
def test_a_refusal_ends_it_and_a_lost_link_does_not(refusal: Exception, times: int, folder: Path) -> None:
    desk = Desk(folder)
    desk.refusal = refusal

    async def story() -> None:
        async with running(desk):
            desk.signing.begin()
            await asyncio.sleep(1000)

    run_virtual(story())
    assert len(desk.asked) == times


def test_a_signed_certificate_ends_the_asking(folder: Path, ca: Authority) -> None:
    desk = Desk(folder)

    async def story() -> None:
        async with running(desk):
            desk.signing.begin()
            await asyncio.sleep(1)
            assert await desk.signing.take(ca.sign(desk.asked[0]))
            await asyncio.sleep(2000)

    run_virtual(story())
    assert len(desk.asked) == 1


def test_it_is_renewed_before_it_ends(folder: Path, ca: Authority) -> None:
    """A03: renewal, here 30 days before."""
    desk = Desk(folder)

    async def story() -> None:
        await desk.signing.take(ca.sign(await desk.ask(), until=NOW + timedelta(days=100)))
        async with running(desk):
            await asyncio.sleep(7300)
            assert len(desk.asked) == 1, "too early"
            desk.now = NOW + timedelta(days=70, hours=1)
            await asyncio.sleep(3600)
            assert len(desk.asked) > 1

    run_virtual(story())


def test_a_request_that_a_restart_interrupted_is_asked_again(folder: Path) -> None:
    async def story() -> None:
        await Desk(folder).ask()
        again = Desk(folder)
        async with running(again):
            await asyncio.sleep(59)
            assert again.asked == [], "its answer may still come"
            await asyncio.sleep(2)
            assert len(again.asked) == 1

    run_virtual(story())
