"""Installed roots (white paper edition 3, use cases M03 to M05; lessons 84 and 86)."""

import hashlib
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp
from cryptography.x509.ocsp import OCSPRequestBuilder

from agent.csms.security.certificate_files import CertificateFiles
from agent.csms.security.root_store import RootPolicy, RootStore
from agent.csms.security.vocabulary import CertificateHash, CertificateUse, DeleteStatus, HashAlgorithm, InstallStatus
from tests.agent.csms.certificates import NOW, Authority, authority

CSMS, MAKER = CertificateUse.CSMS_ROOT, CertificateUse.MANUFACTURER_ROOT
Opened = Callable[..., RootStore]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "certificates"


@pytest.fixture
def opened(folder: Path) -> Opened:
    def open_store(policy: RootPolicy = RootPolicy()) -> RootStore:  # noqa: B008 - a frozen value
        files = CertificateFiles(folder)
        files.open()
        return RootStore(files, policy, lambda: NOW)

    return open_store


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return authority(tmp_path)


def ocsp_hash(certificate: x509.Certificate, issuer: x509.Certificate, algorithm: HashAlgorithm) -> CertificateHash:
    """The same by cryptography's own OCSP request."""
    kinds: dict[str, hashes.HashAlgorithm] = {
        "SHA256": hashes.SHA256(),
        "SHA384": hashes.SHA384(),
        "SHA512": hashes.SHA512(),
    }
    kind = kinds[algorithm.value]
    request: ocsp.OCSPRequest = OCSPRequestBuilder().add_certificate(certificate, issuer, kind).build()
    serial = f"{request.serial_number:X}"
    return CertificateHash.spelled(
        algorithm.value, request.issuer_name_hash.hex(), request.issuer_key_hash.hex(), f"00{serial}"
    )


async def test_a_root_is_installed_told_and_still_there_after_a_restart(opened: Opened, ca: Authority) -> None:
    store = opened()
    assert await store.install(CSMS, ca.pem) is InstallStatus.ACCEPTED
    told = ocsp_hash(ca.certificate, ca.certificate, HashAlgorithm.SHA256)
    assert store.installed(CSMS) == [told]
    assert opened().installed(CSMS) == [told]
    assert opened().installed(MAKER) == []
    assert opened().files(CSMS)[0].read_text() == ca.pem


async def test_files_are_private(opened: Opened, ca: Authority, folder: Path) -> None:
    await opened().install(CSMS, ca.pem)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("algorithm", HashAlgorithm)
async def test_a_root_is_removed_by_its_hash_in_every_algorithm(
    algorithm: HashAlgorithm, opened: Opened, ca: Authority, folder: Path
) -> None:
    store = opened()
    await store.install(MAKER, ca.pem)
    wanted = ocsp_hash(ca.certificate, ca.certificate, algorithm)
    assert await store.delete(wanted) is DeleteStatus.ACCEPTED
    assert opened().installed(MAKER) == []
    assert [path.name for path in folder.iterdir()] == ["index.json"]
    assert await store.delete(wanted) is DeleteStatus.NOT_FOUND


async def test_a_leaf_is_refused(opened: Opened, ca: Authority, caplog: pytest.LogCaptureFixture) -> None:
    """Lesson 86."""
    leaf, _ = ca.issue("station")
    store = opened()
    assert await store.install(CSMS, leaf.read_text()) is InstallStatus.REJECTED
    assert "leaf certificate" in caplog.text
    assert store.installed(CSMS) == []


async def test_an_expired_root_is_refused(opened: Opened, tmp_path: Path) -> None:
    old = authority(tmp_path, "Old", until=NOW - timedelta(seconds=1))
    assert await opened().install(CSMS, old.pem) is InstallStatus.REJECTED


@pytest.mark.parametrize("text", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"])
async def test_what_is_no_certificate_is_refused(text: str, opened: Opened, folder: Path) -> None:
    assert await opened().install(CSMS, text) is InstallStatus.REJECTED
    assert not folder.exists()


async def test_a_chain_is_refused_as_a_root(opened: Opened, ca: Authority) -> None:
    """Lesson 88."""
    assert await opened().install(CSMS, ca.intermediate("Sub").pem + ca.pem) is InstallStatus.REJECTED


async def test_an_intermediate_is_taken_only_below_an_installed_root(opened: Opened, ca: Authority) -> None:
    """Without its issuer it could be neither told nor removed (EVerest issue 2109)."""
    store, below = opened(), ca.intermediate("Sub")
    assert await store.install(CSMS, below.pem) is InstallStatus.REJECTED
    await store.install(CSMS, ca.pem)
    assert await store.install(CSMS, below.pem) is InstallStatus.ACCEPTED
    wanted = ocsp_hash(below.certificate, ca.certificate, HashAlgorithm.SHA384)
    assert await store.delete(wanted) is DeleteStatus.ACCEPTED


async def test_no_more_roots_are_kept_than_are_told(opened: Opened, tmp_path: Path) -> None:
    """CertificateStoreMaxLength."""
    store = opened(RootPolicy(max_roots=2))
    roots = [authority(tmp_path, name) for name in "ABC"]
    taken = [await store.install(CSMS, root.pem) for root in roots]
    assert taken == [InstallStatus.ACCEPTED, InstallStatus.ACCEPTED, InstallStatus.REJECTED]
    assert await store.install(CSMS, roots[0].pem) is InstallStatus.ACCEPTED, "it is there already"
    assert len(store.installed(CSMS)) == 2


async def test_the_root_of_the_present_connection_is_not_removed(opened: Opened, ca: Authority, tmp_path: Path) -> None:
    store, other = opened(), authority(tmp_path, "Other")
    await store.install(CSMS, ca.pem)
    await store.install(CSMS, other.pem)
    anchor = ca.certificate.fingerprint(hashes.SHA256()).hex()
    store.anchor = lambda: anchor
    assert await store.delete(ocsp_hash(ca.certificate, ca.certificate, HashAlgorithm.SHA256)) is DeleteStatus.FAILED
    wanted = ocsp_hash(other.certificate, other.certificate, HashAlgorithm.SHA256)
    assert await store.delete(wanted) is DeleteStatus.ACCEPTED


async def test_where_the_connection_does_not_say_no_root_of_the_csms_is_removed(opened: Opened, ca: Authority) -> None:
    store = opened()
    await store.install(CSMS, ca.pem)
    store.anchor = lambda: ""
    assert await store.delete(store.installed(CSMS)[0]) is DeleteStatus.FAILED


async def test_a_full_disk_is_a_failure_and_changes_nothing(opened: Opened, ca: Authority, folder: Path) -> None:
    folder.parent.mkdir()
    folder.write_text("a file where the directory should be")
    files = CertificateFiles(folder)
    store = RootStore(files, RootPolicy(), lambda: NOW)
    assert await store.install(CSMS, ca.pem) is InstallStatus.FAILED
    assert store.installed(CSMS) == []
    assert opened is not None


# ------------------------------------------------------------------ AdditionalRootCertificateCheck

CHECKED = RootPolicy(check_additional=True)


async def test_a_new_root_must_be_signed_by_the_old_one(opened: Opened, ca: Authority, tmp_path: Path) -> None:
    store = opened(CHECKED)
    assert await store.install(CSMS, ca.pem) is InstallStatus.ACCEPTED
    assert await store.install(CSMS, authority(tmp_path, "Stranger").pem) is InstallStatus.REJECTED
    assert not store.on_trial
    assert await store.install(CSMS, ca.renewed("New").pem) is InstallStatus.ACCEPTED
    assert store.on_trial


async def test_a_configured_root_counts_as_the_old_one(opened: Opened, ca: Authority, tmp_path: Path) -> None:
    store = opened(RootPolicy(check_additional=True, configured_file=ca.file))
    assert await store.install(CSMS, authority(tmp_path, "Stranger").pem) is InstallStatus.REJECTED
    assert await store.install(CSMS, ca.renewed("New").pem) is InstallStatus.ACCEPTED


@pytest.mark.parametrize("good", [True, False])
async def test_the_new_root_replaces_the_old_only_after_a_connection(good: bool, opened: Opened, ca: Authority) -> None:
    store, new = opened(CHECKED), ca.renewed("New")
    await store.install(CSMS, ca.pem)
    await store.install(CSMS, new.pem)
    store = opened(CHECKED)
    assert store.on_trial, "also after a restart"
    await store.end_trial(good=good)
    assert [path.read_text() for path in opened().files(CSMS)] == [new.pem if good else ca.pem]
    assert not opened(CHECKED).on_trial


async def test_a_second_new_root_takes_the_place_of_the_first(opened: Opened, ca: Authority) -> None:
    store = opened(CHECKED)
    for pem in (ca.pem, ca.renewed("New").pem, ca.renewed("Newer").pem):
        assert await store.install(CSMS, pem) is InstallStatus.ACCEPTED
    assert len(store.installed(CSMS)) == 2, "the active one and one on trial"


async def test_the_only_root_is_not_removed_even_without_a_connection(opened: Opened, ca: Authority) -> None:
    store = opened(CHECKED)
    await store.install(CSMS, ca.pem)
    assert await store.delete(store.installed(CSMS)[0]) is DeleteStatus.FAILED


async def test_roots_of_the_manufacturer_are_not_bound_to_one(opened: Opened, tmp_path: Path) -> None:
    store = opened(CHECKED)
    for name in "AB":
        assert await store.install(MAKER, authority(tmp_path, name).pem) is InstallStatus.ACCEPTED


# ------------------------------------------------------------------ power loss


async def test_a_power_loss_between_file_and_index_leaves_the_old_state(
    opened: Opened, ca: Authority, folder: Path, tmp_path: Path
) -> None:
    await opened().install(CSMS, ca.pem)
    before = hashlib.sha256((folder / "index.json").read_bytes()).digest()
    (folder / "root-left-over.pem").write_text(authority(tmp_path, "Half").pem)
    (folder / ".index.json.0011.tmp").write_text("{")
    assert len(opened().installed(CSMS)) == 1
    assert {path.name[:5] for path in folder.iterdir()} == {"index", "root-"}
    assert len(list(folder.iterdir())) == 2
    assert hashlib.sha256((folder / "index.json").read_bytes()).digest() == before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"roots": [{}]}', '{"roots": 3}'])
async def test_an_unreadable_index_is_set_aside_and_said(
    text: str, opened: Opened, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.mkdir(parents=True)
    (folder / "index.json").write_text(text)
    assert opened().installed(CSMS) == []
    assert "certificates cannot be read" in caplog.text
    assert (folder / "index.damaged").read_text() == text
