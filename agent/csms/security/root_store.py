"""Installed roots: what is taken, told and removed. Source: white paper and OCPP 2.0.1 part 2, M03 to M05 (runner).

Rules kept here:
* Only a certificate of an authority is installed, and only one whose issuer is known: else it could be neither told
  nor removed.
* The root that the present connection hangs on is not removed.
* With `check_additional` there is one CSMS root: a new one must be signed by it, and takes its place only once the
  station has connected with it.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from agent.csms.security.certificate_files import CertificateFiles
from agent.csms.security.certificate_index import RootEntry, RootState
from agent.csms.security.vocabulary import (
    MAX_ROOTS,
    CertificateError,
    CertificateHash,
    CertificateUse,
    DeleteStatus,
    InstallStatus,
)
from hal.value import dataclass

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RootPolicy:
    """What the installer decided."""

    max_roots: int = MAX_ROOTS
    check_additional: bool = False
    configured_file: Path | None = None
    """Roots that the configuration names; they are neither told nor removed."""


class RootStore:
    """Roots by use."""

    def __init__(self, files: CertificateFiles, policy: RootPolicy, now: Callable[[], datetime]) -> None:
        self._files = files
        self._policy = policy
        self._now = now
        self._turn = asyncio.Lock()
        self.anchor: Callable[[], str | None] = lambda: None
        """Fingerprint of the root that the present connection hangs on; empty: it uses TLS and does not say."""

    def files(self, use: CertificateUse, state: RootState | None = None) -> tuple[Path, ...]:
        """Return PEM files of roots of this use; without `state`, all."""
        roots = [root for root in self._files.index.roots if root.use is use and state in {None, root.state}]
        return tuple(self._files.path(root.file_name) for root in roots)

    def installed(self, use: CertificateUse) -> list[CertificateHash]:
        """Return the hash data of the roots of this use, SHA-256."""
        return [root.hashes[0] for root in self._files.index.roots if root.use is use]

    async def install(self, use: CertificateUse, pem: str) -> InstallStatus:
        """Install one root; the log says why one is refused."""
        async with self._turn:
            try:
                await asyncio.to_thread(self._install, use, pem, self._now())
            except CertificateError as error:
                logger.warning("certificate refused use=%s reason=%s", use.value, error)
                return InstallStatus.REJECTED
            except OSError as error:
                logger.error("certificate not stored use=%s error=%s", use.value, error)  # noqa: TRY400 - the disk's
                return InstallStatus.FAILED
        logger.info("certificate installed use=%s", use.value)
        return InstallStatus.ACCEPTED

    async def delete(self, wanted: CertificateHash) -> DeleteStatus:
        """Remove one root."""
        async with self._turn:
            found = next((root for root in self._files.index.roots if wanted in root.hashes), None)
            if found is None:
                return DeleteStatus.NOT_FOUND
            if self._is_needed(found):
                logger.warning("certificate not removed: the connection hangs on it fingerprint=%s", found.fingerprint)
                return DeleteStatus.FAILED
            rest = tuple(root for root in self._files.index.roots if root is not found)
            try:
                await asyncio.to_thread(self._files.change, {}, roots=rest)
            except OSError as error:
                logger.error("certificate not removed error=%s", error)  # noqa: TRY400 - the disk's
                return DeleteStatus.FAILED
        logger.info("certificate removed use=%s", found.use.value)
        return DeleteStatus.ACCEPTED

    @property
    def on_trial(self) -> bool:
        """True while a new CSMS root waits to be connected with."""
        return any(root.state is RootState.TRIAL for root in self._files.index.roots)

    async def end_trial(self, *, good: bool) -> None:
        """Let the root on trial take the place of the active one, or forget it. Raises: OSError."""
        async with self._turn:
            roots = [root for root in self._files.index.roots if root.use is not CertificateUse.CSMS_ROOT]
            wanted = RootState.TRIAL if good else RootState.ACTIVE
            csms_roots = [root for root in self._files.index.roots if root.use is CertificateUse.CSMS_ROOT]
            roots += [replace(root, state=RootState.ACTIVE) for root in csms_roots if root.state is wanted]
            await asyncio.to_thread(self._files.change, {}, roots=tuple(roots))

    def _is_needed(self, root: RootEntry) -> bool:
        if root.use is not CertificateUse.CSMS_ROOT:
            return False
        is_only_one = self._policy.check_additional and root.state is RootState.ACTIVE
        return is_only_one or self.anchor() in {root.fingerprint, ""}

    def _install(self, use: CertificateUse, pem: str, now: datetime) -> None:
        from agent.csms.security import x509_checks  # noqa: PLC0415 - cryptography, in this thread

        root = x509_checks.read_root(pem, now)
        known = self._files.index.roots
        fingerprint = x509_checks.fingerprint(root)
        if any((each.fingerprint, each.use) == (fingerprint, use) for each in known):
            return
        replaces = use is CertificateUse.CSMS_ROOT and self._policy.check_additional
        others = self._csms_roots() if replaces else [self._read(each) for each in known]
        issuer = x509_checks.issuer_of(root, others)
        state = RootState.ACTIVE
        if replaces and others:
            if issuer is None or issuer == root:
                raise CertificateError("it is not signed by the root that it is to replace")
            known = tuple(each for each in known if each.state is not RootState.TRIAL)
            state = RootState.TRIAL
        if issuer is None:
            raise CertificateError("it is an intermediate, and its issuer is not installed")
        if len(known) >= self._policy.max_roots + (state is RootState.TRIAL):
            raise CertificateError(f"{self._policy.max_roots} are installed, and no more are kept")
        expires_at = root.not_valid_after_utc.isoformat()
        entry = RootEntry(fingerprint, use, expires_at, tuple(x509_checks.hash_data(root, issuer)), state)
        self._files.change({entry.file_name: x509_checks.pem_of(root)}, roots=(*known, entry))

    def _csms_roots(self) -> list["Certificate"]:
        """Return the root that a new one must be signed by: the active one, else what the configuration names."""
        from agent.csms.security.x509_checks import read_certificates  # noqa: PLC0415 - as above

        active = self.files(CertificateUse.CSMS_ROOT, RootState.ACTIVE)
        configured = (self._policy.configured_file,) if self._policy.configured_file is not None else ()
        return [each for file in active or configured for each in read_certificates(file.read_text("utf-8"))]

    def _read(self, entry: RootEntry) -> "Certificate":
        from agent.csms.security.x509_checks import read_certificates  # noqa: PLC0415 - as above

        return read_certificates(self._files.read(entry.file_name))[0]
