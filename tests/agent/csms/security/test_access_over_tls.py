"""Roots and certificates on trial, against real servers (white paper edition 3, A02 and M05)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.csms.connection import DialError, Endpoint
from agent.csms.security.access import AccessPolicy
from agent.csms.security.back_end_plan import BackEndPlan
from agent.csms.security.root_store import RootPolicy
from tests.agent.csms.certificates import authority, server_context
from tests.agent.csms.plain_security import PlainSecurity, one_back_end
from tests.agent.csms.security.access_station import CSMS, OLD, Gate, Station
from tests.fakes.scripted_csms import scripted_csms

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
