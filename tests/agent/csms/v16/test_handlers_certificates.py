"""Certificate management over OCPP 1.6 (white paper edition 3, M03 to M05 and section 5)."""

from pathlib import Path
from typing import Any

import pytest

from agent.csms.connection import Endpoint
from tests.agent.csms.certificates import authority
from tests.agent.csms.plain_security import PlainSecurity, one_back_end
from tests.agent.csms.v16.rig import Rig

CSMS, MAKER = "CentralSystemRootCertificate", "ManufacturerRootCertificate"


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(PlainSecurity([one_back_end(Endpoint("ws://csms", "S-1"))], tmp_path).station)


async def ids(rig: Rig, use: str) -> dict[str, Any]:
    return await rig.ask("GetInstalledCertificateIds", {"certificateType": use})


async def test_a_root_is_installed_listed_by_its_use_and_removed(rig: Rig, tmp_path: Path) -> None:
    ca = authority(tmp_path)
    assert await ids(rig, CSMS) == {"status": "NotFound"}
    answer = await rig.ask("InstallCertificate", {"certificateType": CSMS, "certificate": ca.pem})
    assert answer == {"status": "Accepted"}
    assert await ids(rig, MAKER) == {"status": "NotFound"}
    told = await ids(rig, CSMS)
    (data,) = told["certificateHashData"]
    assert (told["status"], data["hashAlgorithm"]) == ("Accepted", "SHA256")
    assert data["serialNumber"] == f"{ca.certificate.serial_number:x}"
    spelled = {**data, "issuerNameHash": data["issuerNameHash"].upper(), "serialNumber": data["serialNumber"].upper()}
    assert await rig.ask("DeleteCertificate", {"certificateHashData": spelled}) == {"status": "Accepted"}
    assert await rig.ask("DeleteCertificate", {"certificateHashData": data}) == {"status": "NotFound"}
    assert await ids(rig, CSMS) == {"status": "NotFound"}


async def test_a_leaf_is_rejected(rig: Rig, tmp_path: Path) -> None:
    """Lesson 86."""
    leaf, _ = authority(tmp_path).issue("leaf")
    request = {"certificateType": MAKER, "certificate": leaf.read_text()}
    assert await rig.ask("InstallCertificate", request) == {"status": "Rejected"}


def test_a_station_without_a_store_supports_none_of_it() -> None:
    assert not {"InstallCertificate", "DeleteCertificate"} & set(Rig().adapter.handlers)
