"""Gets this station's certificate signed: asks, asks again, and renews before the old one ends (runner).

Source: white paper edition 3 and OCPP 2.0.1 part 2, A02 and A03.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from agent.csms.security.own_certificate import OwnCertificate
from agent.csms.security.vocabulary import INVALID_STATION_CERTIFICATE, CertificateError, RaiseSecurityEvent
from agent.domain.device_model import DeviceModel
from agent.station.back_end import BackEndUnreachableError
from hal.value import dataclass

logger = logging.getLogger(__name__)

LOOK_AGAIN_S = 3600.0
"""How often the end of the certificate is looked at."""
_CONTROLLER = "SecurityCtrlr"


class SigningRefusedError(Exception):
    """The back-end will not sign, or this OCPP version cannot ask."""


SendRequest = Callable[[str], Awaitable[None]]
"""Sends a signing request (PEM). Raises: SigningRefusedError, BackEndUnreachableError."""


@dataclass(frozen=True, slots=True)
class SigningPolicy:
    """What the installer decided."""

    renew_before: timedelta = timedelta(days=30)
    """How long before the end of the certificate a new one is asked for."""


class CertificateSigning:
    """One flow at a time."""

    def __init__(  # noqa: PLR0913 - called once, by name, where everything is put together
        self,
        own: OwnCertificate,
        model: DeviceModel,
        *,
        send: SendRequest,
        now: Callable[[], datetime],
        root_files: Callable[[], tuple[Path, ...]],
        raise_security_event: RaiseSecurityEvent,
        policy: SigningPolicy,
        uses_certificate: Callable[[], bool],
    ) -> None:
        """`uses_certificate`: whether the station connects with its certificate, so that a new one needs a trial."""
        self._own = own
        self._model = model
        self._send = send
        self._now = now
        self._root_files = root_files
        self._raise = raise_security_event
        self._policy = policy
        self._uses_certificate = uses_certificate
        self._wanted = asyncio.Event()
        self._arrived = asyncio.Event()

    def begin(self) -> None:
        """Ask for a certificate soon, with a new key."""
        self._wanted.set()

    async def take(self, chain_pem: str) -> bool:
        """Take what the back-end has signed; False, a log line and a security event if it is not good (A02.FR.07)."""
        try:
            self._check_length(chain_pem)
            await self._own.take(chain_pem, self._root_files(), at_once=not self._uses_certificate())
        except (CertificateError, OSError) as error:
            logger.warning("signed certificate refused reason=%s", error)
            self._raise(INVALID_STATION_CERTIFICATE, str(error)[:255])
            return False
        logger.info("signed certificate taken")
        self._arrived.set()
        return True

    async def run(self) -> None:
        """Ask whenever it is wanted or due; returns only on cancellation."""
        if self._own.is_awaited and not await self._arrives(self._first_wait_s):
            self.begin()  # asked before a restart, and not answered since
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN_S):
                    await self._wanted.wait()
            if self._wanted.is_set() or self.is_due():
                self._wanted.clear()
                await self._ask_until_signed()

    def is_due(self) -> bool:
        """Tell whether the certificate ends soon (A03)."""
        expires_at = self._own.expires_at
        return expires_at is not None and self._now() >= expires_at - self._policy.renew_before

    def _check_length(self, chain_pem: str) -> None:
        longest = self._model.integer(_CONTROLLER, "MaxCertificateChainSize")
        if len(chain_pem) > longest:
            raise CertificateError(f"its chain is longer than {longest} characters")

    async def _ask_until_signed(self) -> None:
        """A02.FR.17 to 19: without an answer ask again, after a wait that doubles, with a new key each time."""
        wait_s = self._first_wait_s
        for _ in range(1 + self._model.integer(_CONTROLLER, "CertSigningRepeatTimes")):
            self._arrived.clear()
            try:
                await self._send(await self._own.request(self._model.text(_CONTROLLER, "OrganizationName")))
            except SigningRefusedError as refused:
                logger.warning("certificate not signed reason=%s", refused)
                return
            except (BackEndUnreachableError, OSError) as error:
                logger.warning("signing request not sent error=%s", error)
            if await self._arrives(wait_s):
                return
            wait_s *= 2
        logger.error("no certificate came for the signing request; the next try is in %.0f s", LOOK_AGAIN_S)

    @property
    def _first_wait_s(self) -> float:
        return float(self._model.integer(_CONTROLLER, "CertSigningWaitMinimum"))

    async def _arrives(self, within_s: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._arrived.wait()
                return True
        return False
