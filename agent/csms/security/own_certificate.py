"""This station's own certificate: its keys, signing requests, and the certificate on trial (runner).

Source: white paper edition 3 and OCPP 2.0.1 part 2, A02 and A03. Rules kept here:
* A private key is made here, lies in a file of mode 0600 or on a token (`device_key`), and goes nowhere.
* A signed certificate is checked when it arrives, and used only for the key that was sent last.
* The certificate in use stays until the station has connected with the new one.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

from agent.csms.security.certificate_files import CertificateFiles
from agent.csms.security.certificate_index import OwnEntry
from agent.csms.security.device_key import DeviceKeys, FileKeys
from agent.csms.security.vocabulary import CertificateError
from hal.value import dataclass

_KEY_NAME_LENGTH = 16


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """A chain with its private key."""

    chain: Path
    key: Path


class OwnCertificate:
    """Keys and certificates of this station."""

    def __init__(
        self,
        files: CertificateFiles,
        common_name: str,
        now: Callable[[], datetime],
        *,
        keys: DeviceKeys | None = None,
    ) -> None:
        """`keys`: where they are made; None: in files."""
        self._files = files
        self._common_name = common_name
        self._now = now
        self._keys = keys or FileKeys()
        self._turn = asyncio.Lock()

    @property
    def in_use(self) -> KeyFiles | None:
        """Return the certificate that connected last; None: none was ever signed."""
        return self._key_files(self._files.index.own)

    @property
    def on_trial(self) -> KeyFiles | None:
        """Return the certificate that waits to be connected with."""
        return self._key_files(self._files.index.trial)

    @property
    def expires_at(self) -> datetime | None:
        """Return the end of the newest certificate."""
        entry = self._files.index.trial or self._files.index.own
        return None if entry is None else datetime.fromisoformat(entry.expires_at)

    @property
    def is_awaited(self) -> bool:
        """True while a key waits for its certificate."""
        return self._files.index.pending_key is not None

    async def request(self, organization: str) -> str:
        """Make a new key and return its signing request, PEM; an older key that waits is forgotten. Raises: OSError."""
        async with self._turn:
            return await asyncio.to_thread(self._request, organization)

    async def take(self, chain_pem: str, root_files: tuple[Path, ...], *, at_once: bool) -> None:
        """Take a signed chain for the key that waits, on trial or `at_once`. Raises: CertificateError, OSError."""
        async with self._turn:
            entry, files = await asyncio.to_thread(self._check, chain_pem, root_files, self._now())
            own = {"own": entry, "trial": None} if at_once else {"trial": entry}
            await asyncio.to_thread(partial(self._files.change, files, pending_key=None, **own))

    async def end_trial(self, *, good: bool) -> None:
        """Use the certificate on trial from now on, or forget it. Raises: OSError."""
        async with self._turn:
            index = self._files.index
            own = index.trial if good and index.trial is not None else index.own
            await asyncio.to_thread(self._files.change, {}, own=own, trial=None)

    def _key_files(self, entry: OwnEntry | None) -> KeyFiles | None:
        if entry is None:
            return None
        return KeyFiles(self._files.path(entry.chain_file), self._files.path(entry.key_file))

    def _request(self, organization: str) -> str:
        import hashlib  # noqa: PLC0415 - in this thread

        from agent.csms.security import signing_request  # noqa: PLC0415 - cryptography

        text = self._keys.make(self._kept())
        key = self._keys.load(text)
        name = f"pending-{hashlib.sha256(signing_request.public_bytes(key)).hexdigest()[:_KEY_NAME_LENGTH]}.key"
        self._files.change({name: text.encode()}, pending_key=name)
        return signing_request.request_pem(key, self._common_name, organization)

    def _kept(self) -> tuple[str, ...]:
        """Key files that are needed whatever becomes of the request."""
        index = self._files.index
        return tuple(self._files.read(each.key_file) for each in (index.own, index.trial) if each is not None)

    def _check(self, chain_pem: str, root_files: tuple[Path, ...], now: datetime) -> tuple[OwnEntry, dict[str, bytes]]:
        from agent.csms.security import x509_checks  # noqa: PLC0415 - cryptography, in this thread

        pending = self._files.index.pending_key
        if pending is None:
            raise CertificateError("no key waits for a certificate")
        text = self._files.read(pending)
        roots = [each for file in root_files for each in x509_checks.read_certificates(file.read_text("utf-8"))]
        chain = x509_checks.read_certificates(chain_pem)
        public_key = self._keys.load(text).public_key()
        kept = x509_checks.check_own_chain(chain, roots, public_key, self._common_name, now)
        entry = OwnEntry(x509_checks.fingerprint(kept[0]), kept[0].not_valid_after_utc.isoformat())
        files = {
            entry.chain_file: b"".join(x509_checks.pem_of(each) for each in kept),
            entry.key_file: text.encode(),
        }
        return entry, files
