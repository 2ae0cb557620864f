"""The bench CSMS as a certificate authority."""

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from agent.csms.security import signing_request
from hil.csms.authority import BenchAuthority
from hil.csms.bench_csms import BenchCsms
from hil.csms.certificate_office import certificate_office
from tests.hil.csms.station import station_in_memory


def request(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return signing_request.request_pem(key, "SN-1", "Operator")


def test_a_signed_certificate_hangs_on_the_root_also_after_a_restart(tmp_path: Path) -> None:
    key = signing_request.new_key("ecdsa")
    signed = [BenchAuthority(tmp_path, "127.0.0.1").sign(request(key)) for _ in range(2)]
    (root,) = x509.load_pem_x509_certificates(BenchAuthority(tmp_path, "127.0.0.1").root_pem.encode())
    for pem in signed:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        certificate.verify_directly_issued_by(root)
        assert certificate.public_key() == key.public_key()
    assert (tmp_path / "root.key").stat().st_mode & 0o777 == 0o600


def test_a_request_of_another_kind_of_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="ECDSA"):
        BenchAuthority(tmp_path, "127.0.0.1").sign(request(signing_request.new_key("rsa")))


async def test_the_office_answers_a_request_with_the_signed_certificate_unless_told_not_to(tmp_path: Path) -> None:
    authority = BenchAuthority(tmp_path, "127.0.0.1")
    csms = BenchCsms()
    async with certificate_office(csms, authority) as office, station_in_memory(csms, "1.6") as station:
        csr = request(signing_request.new_key("ecdsa"))
        assert await station.ask("SignCertificate", {"csr": csr}) == {"status": "Accepted"}
        kind, message_id, action, payload = await station.hear()
        assert (kind, action) == (2, "CertificateSigned")
        assert payload["certificateChain"].startswith("-----BEGIN CERTIFICATE-----")
        await station.connection.send(f'[3, "{message_id}", {{"status": "Accepted"}}]')
        office.signs = False
        await station.ask("SignCertificate", {"csr": csr})
        assert (await station.ask("Heartbeat", {}))["currentTime"], "nothing came between"
