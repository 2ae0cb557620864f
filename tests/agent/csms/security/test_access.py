"""AuthorizationKey and SecurityProfile on trial (white paper edition 3, A01 and A05; lesson 91)."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.csms.security.access import AccessPolicy
from agent.csms.security.access_state import Password, PasswordForm, read_authorization_key
from agent.csms.security.dial_plan import Attempts
from agent.csms.security.vocabulary import FAILED_TO_AUTHENTICATE, RECONFIGURED
from tests.agent.csms.certificates import authority
from tests.agent.csms.plain_security import one_back_end
from tests.agent.csms.security.access_station import CSMS, ENDPOINT, NEW, OLD, station

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
