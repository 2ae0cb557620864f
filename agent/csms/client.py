"""Builds the back-end's side of the agent and keeps it running, whatever goes wrong inside it.

A fault in here must not stop a car from charging, so it is restarted here and not by ending the process.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from agent.clock import Clock
from agent.csms.adapter import Dated, Outgoing, Payload, RpcError, SignsCertificates, as_stamped
from agent.csms.back_off import BackOff, BackOffRange
from agent.csms.call_queue import Urgency
from agent.csms.csms_back_end import CsmsBackEnd
from agent.csms.frame_log import FrameSink, NoFrameLog
from agent.csms.link import AdapterFactories, CsmsLink
from agent.csms.outbox import Deauthorize, Journal, OnAuthorization, Outbox
from agent.csms.security.certificate_signing import SigningRefusedError
from agent.csms.security.station_security import StationSecurity
from agent.csms.settings import LinkTiming
from agent.csms.status_board import StatusBoard
from agent.csms.work import Work

logger = logging.getLogger(__name__)

_RESTART = BackOffRange(1.0, 60.0, 1.0)


class CsmsClient:
    """The back-ends, their outbox and status board."""

    def __init__(  # noqa: PLR0913 - called once, by name, where everything is put together
        self,
        security: StationSecurity,
        adapters: AdapterFactories,
        journal: Journal,
        clock: Clock,
        *,
        deauthorize: Deauthorize,
        on_authorization: OnAuthorization = lambda _token, _authorization: None,
        timing: Callable[[], LinkTiming] = LinkTiming,
        frames: FrameSink | None = None,
        ready: Callable[[], Awaitable[object]],
        dated: Dated = as_stamped,
    ) -> None:
        """`ready`: returns once BootNotification may be sent; the connection is made meanwhile.

        `dated`: dates back what was stamped before the time was known.
        """
        self._security = security
        access = security.access
        self.link = CsmsLink(adapters, access, clock, timing, frames or NoFrameLog(), ready)
        self.link.back_end_name = lambda: access.owner
        self.link.on_registered, self.link.on_failed = access.registered, access.failed
        access.redial = self.link.redial
        self._statuses = StatusBoard(self.link, timing, dated)
        self._outbox = Outbox(journal, self.link, lambda: access.owner, deauthorize, on_authorization, dated)
        self.back_end = CsmsBackEnd(self.link, self._statuses)

    async def send(self, outgoing: Outgoing) -> Payload:
        """Send what the back-end asked for (an adapter's follow-up); returns the checked answer.

        Raises: RpcError, BackEndUnreachableError.
        """
        return await self.link.call(outgoing, Urgency.FOLLOW_UP)

    async def send_signing_request(self, csr: str) -> None:
        """Ask for a certificate of this station. Raises: SigningRefusedError, BackEndUnreachableError."""
        adapter: object = self.link.adapter
        if not isinstance(adapter, SignsCertificates):
            raise SigningRefusedError("certificates are not asked for over this OCPP version")
        try:
            answer = await self.send(adapter.sign_certificate_request(csr))
        except RpcError as error:
            raise SigningRefusedError(str(error)) from error
        if answer["status"] != "Accepted":
            raise SigningRefusedError("the back-end does not sign")

    async def run(self) -> None:
        """Run for ever; an unforeseen error is logged with its traceback and everything here begins anew."""
        back_off = BackOff()
        while True:
            began_s = asyncio.get_running_loop().time()
            try:
                await self._run_once()
            except Exception:
                lasted_s = asyncio.get_running_loop().time() - began_s
                if lasted_s > _RESTART.maximum_s:
                    back_off.reset()
                wait_s = back_off.next_wait_s(_RESTART)
                logger.exception("the back-end's side failed, beginning anew in %.0f s", wait_s)
                await asyncio.sleep(wait_s)

    async def _run_once(self) -> None:
        async with asyncio.TaskGroup() as group:
            self.back_end.work = Work(group)
            group.create_task(self._security.access.run(), name="csms access")
            group.create_task(self._security.signing.run(), name="csms certificate")
            group.create_task(self.link.run(), name="csms link")
            group.create_task(self._outbox.run(), name="csms outbox")
            group.create_task(self._statuses.run(), name="csms statuses")
