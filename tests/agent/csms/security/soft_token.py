"""A SoftHSM token in a folder of its own."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from agent.csms.security.token_keys import TokenKeys
from agent.csms.security.token_link import TokenAddress

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
LABEL, PIN = "station", "471147"


@dataclass
class SoftToken:
    folder: Path

    @property
    def address(self) -> TokenAddress:
        return TokenAddress(MODULE, LABEL, self.folder / "pin")

    def keys(self) -> TokenKeys:
        return TokenKeys(self.address)

    def write_pin(self, pin: str = PIN, mode: int = 0o600) -> None:
        file = self.folder / "pin"
        file.unlink(missing_ok=True)
        file.write_text(pin + "\n")
        file.chmod(mode)

    def pull(self) -> None:
        (self.folder / "tokens").rename(self.folder / "pulled")
        (self.folder / "tokens").mkdir()

    def plug(self) -> None:
        (self.folder / "tokens").rmdir()
        (self.folder / "pulled").rename(self.folder / "tokens")

    def objects(self) -> str:
        """What OpenSC, another reader of tokens, sees on it."""
        return _run("pkcs11-tool", "--module", str(MODULE), "--token-label", LABEL, "--login", "--pin", PIN, "-O")

    def try_to_copy(self, key_id: str) -> str:
        """What OpenSC gets when it asks for the private value."""
        read = ("--read-object", "--type", "privkey", "--id", key_id, "--output-file", str(self.folder / "stolen"))
        return _run("pkcs11-tool", "--module", str(MODULE), "--token-label", LABEL, "--login", "--pin", PIN, *read)


def soft_token(folder: Path) -> SoftToken:
    """SOFTHSM2_CONF has to name `folder`/softhsm2.conf from here on."""
    (folder / "tokens").mkdir(parents=True)
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n")
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    made = _run("softhsm2-util", "--init-token", "--free", "--label", LABEL, "--pin", PIN, "--so-pin", "12345678")
    assert "initialized" in made, made
    token = SoftToken(folder)
    token.write_pin()
    return token


def _run(*command: str) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    return done.stdout + done.stderr
