"""Answers SignCertificate with CertificateSigned, as a back-end that is an authority does (runner)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from hil.csms.authority import VALID_DAYS, BenchAuthority
from hil.csms.bench_csms import BenchCsms
from hil.csms.frames import Frame
from hil.csms.station_link import CsmsError
from hil.csms.wire import WireError


class CertificateOffice:
    """Signs what stations ask for, unless told otherwise."""

    def __init__(self, csms: BenchCsms, authority: BenchAuthority) -> None:
        self.authority = authority
        self.signs = True
        self.valid_days: float = VALID_DAYS
        self._csms = csms
        self._wanted: asyncio.Queue[Frame] = asyncio.Queue()
        csms.log.listeners.append(self._hear)

    async def run(self) -> None:
        """Sign and send, one after the other."""
        while True:
            frame = await self._wanted.get()
            with suppress(CsmsError, WireError, ValueError):  # all are in the log of frames, or the station's doing
                chain = self.authority.sign(frame.payload["csr"], self.valid_days)
                await self._csms.send(frame.identity, "CertificateSigned", {"certificateChain": chain})

    def _hear(self, frame: Frame) -> None:
        is_asked: Any = (frame.direction, frame.kind, frame.action) == ("in", "call", "SignCertificate")
        if is_asked and self.signs:
            self._wanted.put_nowait(frame)


@asynccontextmanager
async def certificate_office(csms: BenchCsms, authority: BenchAuthority) -> AsyncIterator[CertificateOffice]:
    """Run one while the context is open."""
    office = CertificateOffice(csms, authority)
    task = asyncio.get_running_loop().create_task(office.run())
    try:
        yield office
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
