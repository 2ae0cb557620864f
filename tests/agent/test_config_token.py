"""What `[csms.token]` demands before the token is opened."""

import sys
from pathlib import Path

import pytest

from tests.agent.test_config import GOOD, refusal, write

TOKEN = '[csms.token]\nmodule = "hsm.so"\nlabel = "station"\npin_file = "pin"\n'


def test_a_token_needs_its_library_a_private_pin_file_an_ecdsa_key_and_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refusal(tmp_path, GOOD + TOKEN.replace("pin_file", "pin")).key == "csms.token.pin"
    assert refusal(tmp_path, GOOD + TOKEN).key == "csms.token.module"
    write(tmp_path / "hsm.so", "")
    assert refusal(tmp_path, GOOD + TOKEN).key == "csms.token.pin_file"
    write(tmp_path / "pin", "4711").chmod(0o640)
    refused = refusal(tmp_path, GOOD + TOKEN)
    assert (refused.key, "4711" in str(refused)) == ("csms.token.pin_file", False)
    assert "chmod 600" in refused.expected
    (tmp_path / "pin").chmod(0o600)
    rsa = GOOD.replace("[csms]", '[csms]\nstation_key = "rsa"')
    assert refusal(tmp_path, rsa + TOKEN).key == "csms.station_key"
    monkeypatch.setitem(sys.modules, "pkcs11", None)  # as where it is not installed
    assert "python-pkcs11" in refusal(tmp_path, GOOD + TOKEN).expected
