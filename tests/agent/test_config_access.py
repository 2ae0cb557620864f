"""How back-ends are reached: certificates that were signed, and further back-ends."""

from pathlib import Path

import pytest

from tests.agent.test_config import GOOD, load, refusal


def test_a_signed_certificate_stands_for_configured_files(tmp_path: Path) -> None:
    text = GOOD.replace("ws://", "wss://").replace('password = "correct horse battery"', "security_profile = 3")
    text = text.replace("[csms]", '[csms]\ncertificates_dir = "certificates"')
    assert "a certificate was signed" in refusal(tmp_path, text).expected
    (tmp_path / "certificates").mkdir()
    (tmp_path / "certificates" / "own-1.pem").write_text("")
    assert load(tmp_path, text).csms.security_profile == 3


SECOND = '[[csms.connection_profiles]]\nname = "b"\nurl = "ws://b"\npassword_file = "p"\n'


def test_further_back_ends_are_read_with_passwords_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("a-second-password\n")
    (profile,) = load(tmp_path, GOOD + SECOND).csms.connection_profiles
    assert (profile.name, profile.password, profile.identity) == ("b", "a-second-password", None)


@pytest.mark.parametrize(
    ("old", "new", "key", "expected"),
    [
        ('name = "b"', 'name = "main"', "name", "a name of its own"),
        ('"ws://b"', '"http://b"', "url", "ws:// or wss://"),
        ('"ws://b"', '"wss://b"', "security_profile", "2 or 3"),
        ('password_file = "p"', "", "password", "security_profile is 1"),
        ('password_file = "p"', 'password_file = "nowhere"', "password_file", "readable file"),
        ('url = "ws://b"', 'url = "ws://b"\nsecure_url = "ws://b"', "secure_url", "wss://"),
    ],
)
def test_a_further_back_end_that_contradicts_itself_is_refused(
    old: str, new: str, key: str, expected: str, tmp_path: Path
) -> None:
    (tmp_path / "p").write_text("a-second-password\n")
    refused = refusal(tmp_path, GOOD + SECOND.replace(old, new))
    assert refused.key == f"csms.connection_profiles[1].{key}"
    assert expected in refused.expected
