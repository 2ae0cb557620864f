"""Signing certificates and signatures of firmware. OCPP 1.6 security white paper, L01; RFC 5280 section 6.1."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from agent.firmware.manufacturer_roots import RootsInFiles
from agent.firmware.signature import SignatureVerifier
from agent.station.firmware_parts import CertificateVerdict as V
from tests.agent.firmware.manufacturer import (
    FIRST_DAY,
    LAST_DAY,
    Key,
    Manufacturer,
    Party,
    ecdsa_key,
    rsa_key,
    self_signed,
)

NOW = datetime(2026, 1, 15, tzinfo=UTC)
DATA = b"firmware" * 1000


def usage(*, sign: bool = False, certify: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(sign, False, False, False, False, certify, False, False, False)


@pytest.fixture
def maker(tmp_path: Path) -> Manufacturer:
    return Manufacturer(tmp_path / "roots")


async def verdict(maker: Manufacturer, pem: str, at: datetime = NOW) -> tuple[V, str]:
    return await SignatureVerifier(RootsInFiles(maker.folder)).check_certificate(pem, at)


async def refused(maker: Manufacturer, signer: Party, word: str) -> None:
    found, why = await verdict(maker, signer.pem)
    assert found is V.INVALID
    assert word in why


@pytest.mark.parametrize("make_key", [ecdsa_key, rsa_key])
async def test_a_signer_of_the_manufacturer_is_good_and_so_is_its_signature(
    maker: Manufacturer, tmp_path: Path, make_key: Callable[[], Key]
) -> None:
    signer = maker.signer(make_key)
    image = tmp_path / "image"
    image.write_bytes(DATA)
    verifier = SignatureVerifier(RootsInFiles(maker.folder))
    assert await verifier.check_certificate(signer.pem, NOW) == (V.GOOD, "")
    signature = signer.sign(DATA)
    assert not await verifier.check_signature(image, signer.pem, signature)
    folded = "\n".join(signature[at : at + 64] for at in range(0, len(signature), 64))
    assert not await verifier.check_signature(image, signer.pem, folded)
    other = maker.signer(make_key)
    assert "not of this file" in await verifier.check_signature(image, other.pem, signature)
    image.write_bytes(DATA + b"!")
    assert "not of this file" in await verifier.check_signature(image, signer.pem, signature)


@pytest.mark.parametrize("signature", ["", "no base64!", "AAAA", "*" * 100])
async def test_a_signature_that_is_none_is_not_good(maker: Manufacturer, tmp_path: Path, signature: str) -> None:
    image = tmp_path / "image"
    image.write_bytes(DATA)
    for make_key in (ecdsa_key, rsa_key):
        pem = maker.signer(make_key).pem
        assert await SignatureVerifier(RootsInFiles(None)).check_signature(image, pem, signature)
    assert await SignatureVerifier(RootsInFiles(None)).check_signature(tmp_path / "x", pem, "AAAA")
    assert await SignatureVerifier(RootsInFiles(None)).check_signature(image, "no certificate", "AAAA")


async def test_a_chain_over_an_authority_below_the_root_is_good(maker: Manufacturer) -> None:
    below = maker.root.issue("Release CA", authority=True, path_length=0, extensions=(usage(certify=True),))
    code = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
    signer = below.issue("Signer", extensions=(usage(sign=True), code))
    assert await verdict(maker, signer.pem + below.pem) == (V.GOOD, "")
    assert (await verdict(maker, signer.pem))[0] is V.INVALID


async def test_every_weak_link_is_named(maker: Manufacturer) -> None:
    root = maker.root
    await refused(maker, self_signed("Maker Root"), "not trusted")
    await refused(maker, Manufacturer(maker.folder / "x").signer(), "not trusted")
    await refused(maker, root.issue("Late", begins=datetime(2026, 2, 1, tzinfo=UTC)), "not valid before 2026-02-01")
    await refused(maker, root.issue("Old", ends=datetime(2025, 1, 1, tzinfo=UTC)), "expired since 2025-01-01")
    await refused(maker, root.issue("Weak", key=rsa_key(1024)), "key of CN=Weak")
    await refused(maker, root.issue("Mute", extensions=(usage(),)), "key usage")
    server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    await refused(maker, root.issue("Server", extensions=(server,)), "may not sign code")


async def test_nobody_below_a_signer_is_good(maker: Manufacturer) -> None:
    signer = maker.signer()
    forged = signer.issue("Forged")
    found, why = await verdict(maker, forged.pem + signer.pem)
    assert (found, why) == (V.INVALID, "CN=Firmware Signer is no authority")


async def test_a_chain_that_is_too_long_is_not_good(maker: Manufacturer) -> None:
    short = maker.root.issue("Short CA", authority=True, path_length=0)
    deeper = short.issue("Deeper CA", authority=True)
    found, why = await verdict(maker, deeper.issue("Signer").pem + deeper.pem + short.pem)
    assert found is V.INVALID
    assert "no chain of this length" in why
    chain = [maker.root]
    for number in range(7):
        chain.append(chain[-1].issue(f"CA {number}", authority=True))
    found, why = await verdict(maker, "".join(each.pem for each in reversed(chain[1:])))
    assert "longer than 5" in why


async def test_a_root_without_the_right_to_certify_is_none(maker: Manufacturer) -> None:
    below = maker.root.issue("CA", authority=True, extensions=(usage(sign=True),))
    found, why = await verdict(maker, below.issue("Signer").pem + below.pem)
    assert found is V.INVALID
    assert "may not sign certificates" in why


async def test_a_revoked_signer_is_told_apart(maker: Manufacturer) -> None:
    signer, other = maker.signer(), maker.signer()
    maker.publish(signer)
    assert (await verdict(maker, signer.pem))[0] is V.REVOKED
    assert (await verdict(maker, other.pem))[0] is V.GOOD


async def test_a_revocation_list_of_somebody_else_says_nothing(maker: Manufacturer) -> None:
    signer = maker.signer()
    impostor = self_signed("Maker Root")
    (maker.folder / "root.crl").write_bytes(impostor.revoke(signer))
    assert (await verdict(maker, signer.pem))[0] is V.GOOD


async def test_a_revocation_list_that_is_out_of_date_proves_nothing(maker: Manufacturer) -> None:
    pem = maker.root.revoke(next_update=datetime(2025, 1, 1, tzinfo=UTC))
    der = x509.load_pem_x509_crl(pem).public_bytes(serialization.Encoding.DER)
    (maker.folder / "root.crl").write_bytes(der)
    found, why = await verdict(maker, maker.signer().pem)
    assert found is V.INVALID
    assert "out of date" in why


@pytest.mark.parametrize("pem", ["", "nothing", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "ß"])
async def test_what_is_no_certificate_is_not_good(maker: Manufacturer, pem: str) -> None:
    assert (await verdict(maker, pem))[0] is V.INVALID


async def test_without_roots_or_with_unreadable_ones_nobody_is_good(maker: Manufacturer, tmp_path: Path) -> None:
    pem = maker.signer().pem
    for folder in (None, tmp_path, tmp_path / "missing"):
        found, why = await SignatureVerifier(RootsInFiles(folder)).check_certificate(pem, NOW)
        assert found is V.INVALID
        assert why
    (maker.folder / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    assert (await verdict(maker, pem))[0] is V.INVALID


def test_the_manufacturer_of_the_tests_outlives_them() -> None:
    assert FIRST_DAY < NOW < LAST_DAY
