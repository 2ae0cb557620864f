"""The security of a station that has one back-end, or several, made for a test."""

import asyncio
import tempfile
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from agent.csms.connection import Dialler, Endpoint, WebsocketDialler
from agent.csms.security.access import Access, AccessPolicy
from agent.csms.security.back_end_plan import BackEndPlan
from agent.csms.security.certificate_files import CertificateFiles
from agent.csms.security.certificate_signing import CertificateSigning, SendRequest, SigningPolicy, SigningRefusedError
from agent.csms.security.device_key import DeviceKeys
from agent.csms.security.own_certificate import OwnCertificate
from agent.csms.security.root_store import RootPolicy, RootStore
from agent.csms.security.station_security import StationSecurity
from agent.csms.security.vocabulary import CertificateUse
from agent.domain.device_model import DeviceModel
from agent.domain.variables.controllers import security

SERIAL_NUMBER = "SN-1"


def utc_now() -> datetime:
    return datetime.now(UTC)


async def refuse_to_send(_csr: str) -> None:
    raise SigningRefusedError("nobody signs here")


def _on_the_loop(now: Callable[[], datetime]) -> datetime:
    """As the station's clock: not to be read in a thread."""
    asyncio.get_running_loop()
    return now()


class PlainSecurity:
    """Everything under one directory; `events` holds the security events that were raised."""

    def __init__(
        self,
        back_ends: Sequence[BackEndPlan],
        directory: Path | None = None,
        *,
        dial: Callable[[Endpoint], Dialler] = WebsocketDialler,
        policy: AccessPolicy = AccessPolicy(),  # noqa: B008 - a frozen value
        roots: RootPolicy = RootPolicy(),  # noqa: B008 - as above
        send: SendRequest = refuse_to_send,
        now: Callable[[], datetime] = utc_now,
        keys: DeviceKeys | None = None,
    ) -> None:
        on_the_loop = partial(_on_the_loop, now)
        folder = directory or Path(tempfile.gettempdir(), f"nothing-is-kept-{uuid.uuid4()}")
        self.events: list[tuple[str, str]] = []
        self.model = DeviceModel(security("S-1", 1))
        self.files = CertificateFiles(folder / "certificates")
        self.roots = RootStore(self.files, roots, on_the_loop)
        self.own = OwnCertificate(self.files, SERIAL_NUMBER, on_the_loop, keys=keys)
        self.access = Access(
            back_ends,
            folder / "access",
            dial,
            own=self.own,
            roots=self.roots,
            raise_security_event=self._raise,
            policy=policy,
        )
        self.signing = CertificateSigning(
            self.own,
            self.model,
            send=send,
            now=on_the_loop,
            root_files=lambda: self.roots.files(CertificateUse.CSMS_ROOT),
            raise_security_event=self._raise,
            policy=SigningPolicy(timedelta(days=30)),
            uses_certificate=lambda: self.access.uses_certificate,
        )
        self.station = StationSecurity(self.files, self.roots, self.access, self.signing)
        self.station.open()

    def _raise(self, type_: str, tech_info: str) -> None:
        self.events.append((type_, tech_info))


def one_back_end(endpoint: Endpoint, *versions: str, profile: int = 0) -> BackEndPlan:
    return BackEndPlan("main", endpoint, profile, tuple(f"ocpp{version}" for version in versions or ("1.6",)))
