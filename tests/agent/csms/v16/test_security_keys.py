"""SecurityProfile, AuthorizationKey and their kin over OCPP 1.6 (white paper edition 3, A01, A02 and A05)."""

import logging
from pathlib import Path

import pytest

from agent.csms.connection import Endpoint
from agent.domain.variable import VariableKey
from tests.agent.csms.certificates import authority
from tests.agent.csms.plain_security import PlainSecurity, one_back_end
from tests.agent.csms.v16.rig import Rig

KEY = "00112233445566778899AABBCCDDEEFF"


@pytest.fixture
def security(tmp_path: Path) -> PlainSecurity:
    return PlainSecurity([one_back_end(Endpoint("ws://csms", "S-1", "old-password-0001"), profile=1)], tmp_path)


@pytest.fixture
def rig(security: PlainSecurity) -> Rig:
    return Rig(security.station)


async def change(rig: Rig, key: str, value: str) -> str:
    return str((await rig.ask("ChangeConfiguration", {"key": key, "value": value}))["status"])


async def test_the_authorization_key_is_written_and_never_read(
    rig: Rig, security: PlainSecurity, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    tried: list[str] = []
    security.access.redial = tried.append
    assert await change(rig, "authorizationkey", KEY) == "Accepted"
    assert len(tried) == 1, "after the answer the station connects anew"
    told = await rig.ask("GetConfiguration", {"key": ["AuthorizationKey"]})
    assert told["configurationKey"] == [{"key": "AuthorizationKey", "readonly": False}]
    assert KEY not in str(await rig.ask("GetConfiguration", {}))
    assert KEY not in caplog.text


@pytest.mark.parametrize("key", ["short", "not hexadecimal at all", KEY[:-1]])
async def test_a_bad_key_is_rejected_and_the_log_keeps_it_secret(
    key: str, rig: Rig, security: PlainSecurity, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    tried: list[str] = []
    security.access.redial = tried.append
    assert await change(rig, "AuthorizationKey", key) == "Rejected"
    assert tried == []
    assert key not in caplog.text


async def test_the_profile_is_told_and_raised_and_never_lowered(
    rig: Rig, security: PlainSecurity, tmp_path: Path
) -> None:
    told = await rig.ask("GetConfiguration", {"key": ["SecurityProfile"]})
    assert told["configurationKey"] == [{"key": "SecurityProfile", "readonly": False, "value": "1"}]
    statuses = [await change(rig, "SecurityProfile", value) for value in ("0", "4", "two", "2")]
    assert statuses == ["Rejected"] * 4, "2 needs a root"
    tried: list[str] = []
    security.access.redial = tried.append
    request = {"certificateType": "CentralSystemRootCertificate", "certificate": authority(tmp_path).pem}
    await rig.ask("InstallCertificate", request)
    assert await change(rig, "SecurityProfile", "2") == "Accepted"
    assert len(tried) == 1


async def test_a_signed_certificate_is_answered_and_one_that_is_not_good_rejected(
    rig: Rig, security: PlainSecurity, tmp_path: Path
) -> None:
    ca = authority(tmp_path)
    csr = await security.own.request("")
    assert await rig.ask("CertificateSigned", {"certificateChain": "no certificate"}) == {"status": "Rejected"}
    assert await rig.ask("CertificateSigned", {"certificateChain": ca.sign(csr)}) == {"status": "Accepted"}


async def test_a_certificate_is_asked_for_when_the_back_end_says_so(rig: Rig, security: PlainSecurity) -> None:
    trigger = {"requestedMessage": "SignChargePointCertificate"}
    assert await rig.ask("ExtendedTriggerMessage", trigger) == {"status": "Accepted"}
    assert security.signing._wanted.is_set()


async def test_other_messages_are_triggered_as_by_the_plain_request(rig: Rig) -> None:
    assert await rig.ask("ExtendedTriggerMessage", {"requestedMessage": "Heartbeat"}) == {"status": "Accepted"}
    assert [sent.action for sent in rig.sent] == ["Heartbeat"]


async def test_a_signing_request_fits_its_schema(rig: Rig, security: PlainSecurity) -> None:
    outgoing = rig.adapter.sign_certificate_request(await security.own.request("Operator"))
    await rig._send(outgoing)
    assert outgoing.action == "SignCertificate"


async def test_the_name_of_the_operator_is_set_within_its_length(rig: Rig) -> None:
    assert await change(rig, "CpoName", "Our Operator") == "Accepted"
    assert rig.station.device_model.get(VariableKey("SecurityCtrlr", "OrganizationName")).value == "Our Operator"
    assert await change(rig, "CpoName", "x" * 65) == "Rejected"


@pytest.mark.parametrize(
    "key", ["CertificateSignedMaxChainSize", "CertificateStoreMaxLength", "AdditionalRootCertificateCheck"]
)
async def test_what_the_station_decides_cannot_be_changed(key: str, rig: Rig) -> None:
    assert await change(rig, key, "1") == "Rejected"
