"""The back-end as the station sees it, whatever version is spoken."""

import logging

from agent.csms.adapter import Adapter, RpcError
from agent.csms.call_queue import Urgency
from agent.csms.link import CsmsLink
from agent.csms.status_board import StatusBoard
from agent.csms.work import Work
from agent.domain.facts import Sample
from agent.domain.local_list import ListConflict
from agent.domain.session_state import EvseStatus
from agent.domain.vocabulary import Authorization, IdToken
from agent.station.back_end import BackEndUnreachableError

logger = logging.getLogger(__name__)


class CsmsBackEnd:
    """Implements `agent.station.back_end.BackEnd`."""

    def __init__(self, link: CsmsLink, statuses: StatusBoard) -> None:
        self._link = link
        self._statuses = statuses
        self.work: Work | None = None
        """Where samples are sent; set while the client runs."""

    @property
    def is_online(self) -> bool:
        """True while connected and accepted."""
        return self._link.online.is_set()

    async def authorize(self, id_token: IdToken) -> Authorization:
        """Ask whether this token may charge. Raises: BackEndUnreachableError."""
        adapter = self._online_adapter()
        if adapter is None:
            raise BackEndUnreachableError("offline")
        try:
            payload = await self._link.call(adapter.authorize_request(id_token), Urgency.AUTHORIZE)
            return adapter.read_authorize_answer(payload)
        except (RpcError, ValueError) as error:
            raise BackEndUnreachableError(f"no usable answer: {error}") from error

    def publish_status(self, status: EvseStatus) -> None:
        """Tell the present status; only the latest of each EVSE survives an outage."""
        self._statuses.publish(status)

    def publish_sample(self, evse_id: int, sample: Sample) -> None:
        """Tell a sample taken outside any transaction; dropped while offline or congested."""
        adapter = self._online_adapter()
        if adapter is not None and self.work is not None and not self.work.is_full:
            self.work.begin("sample", self._send_sample(adapter, evse_id, sample))

    def publish_list_conflict(self, conflict: ListConflict) -> None:
        """Tell that it contradicts the local list; dropped while offline or congested."""
        logger.warning("local list and back-end disagree token=%r", conflict.id_token)
        adapter = self._online_adapter()
        if adapter is not None and self.work is not None and not self.work.is_full:
            self.work.begin("list conflict", self._send_conflict(adapter, conflict))

    async def _send_conflict(self, adapter: Adapter, conflict: ListConflict) -> None:
        for request in adapter.list_conflict_requests(conflict):
            await self._link.call(request, Urgency.STATUS)

    async def _send_sample(self, adapter: Adapter, evse_id: int, sample: Sample) -> None:
        for request in adapter.sample_requests(evse_id, sample):
            await self._link.call(request, Urgency.SAMPLE)

    def _online_adapter(self) -> Adapter | None:
        return self._link.adapter if self.is_online else None
