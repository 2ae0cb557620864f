"""Tells the back-end the status of each EVSE: every change while online, after an outage only what is different.

A flapping link is given time to settle before statuses are told again, and a status may have to last for a while
before it is told at all (OCPP 1.6 section 9.1.20). A fault never waits, nor does one that is over (lessons: a status
burst on each reconnect; a delay that swallowed an error).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Hashable
from contextlib import suppress

from agent.csms.adapter import Adapter, CallTimeoutError, Dated, LinkLostError, Outgoing, RpcError, as_stamped
from agent.csms.call_queue import Urgency
from agent.csms.link import CsmsLink
from agent.csms.settings import LinkTiming
from agent.domain.session_state import EvseStatus
from agent.domain.vocabulary import ConnectorStatus

logger = logging.getLogger(__name__)

LOSS_NOTICED_S = 0.05
"""A connection may refuse to send a moment before its loss is known; nothing is tried meanwhile."""

FACTS_FIRST_S = 0.02
"""A status waits this long, so that the transaction message of the same event, once durable, goes before it."""

MAX_QUEUED_PER_EVSE = 16


class StatusBoard:
    """Runner: `run` returns only on cancellation; `publish` never waits."""

    def __init__(self, link: CsmsLink, timing: Callable[[], LinkTiming], dated: Dated = as_stamped) -> None:
        self._dated = dated
        self._link = link
        self._timing = timing
        self._queued: dict[int, deque[EvseStatus]] = {}
        self._told: dict[int, Hashable] = {}
        self._missed: set[int] = set()
        """EVSEs of which the back-end has missed statuses: their standing faults are told one by one."""
        self._told_station: Hashable = None
        self._told_by: object = None
        self._changed = asyncio.Event()
        self._offline_since_s: float | None = None
        self._settled_at_s = 0.0
        self._urgent = False
        self._untold: dict[int, int] = {}
        """How many of the queued statuses, the newest, may be passed over: not told yet, and about no fault."""
        self._lasting_at_s: dict[int, float] = {}
        """When the newest status of an EVSE has lasted long enough; absent: now."""
        link.on_offline = self._go_offline

    def publish(self, status: EvseStatus) -> None:
        """Take the present status of an EVSE."""
        queued = self._queued.setdefault(status.evse_id, deque(maxlen=MAX_QUEUED_PER_EVSE))
        news = status.standing != (queued[-1].standing if queued else ())
        if not self._link.online.is_set():
            queued.clear()
            self._missed.add(status.evse_id)
        elif len(queued) == MAX_QUEUED_PER_EVSE:
            self._missed.add(status.evse_id)
        urgent = news or status.connector_status is ConnectorStatus.FAULTED
        self._pass_over(status.evse_id, urgent=urgent)
        queued.append(status)
        self._urgent = self._urgent or urgent
        self._settled_at_s = max(self._settled_at_s, asyncio.get_running_loop().time() + FACTS_FIRST_S)
        self._changed.set()

    def _pass_over(self, evse_id: int, *, urgent: bool) -> None:
        """Drop what has not lasted for the minimum duration, and let the next status begin to last."""
        minimum_s = self._timing().minimum_status_s
        queued = self._queued[evse_id]
        if urgent or minimum_s <= 0:
            self._untold.pop(evse_id, None)
            self._lasting_at_s.pop(evse_id, None)
            return
        for _ in range(min(self._untold.get(evse_id, 0), len(queued))):
            queued.pop()
        self._untold[evse_id] = 1
        if not self._urgent:
            self._lasting_at_s[evse_id] = asyncio.get_running_loop().time() + minimum_s

    def _lasts(self, evse_id: int) -> bool:
        return asyncio.get_running_loop().time() >= self._lasting_at_s.get(evse_id, 0.0)

    async def _until_news(self) -> None:
        """Wait for a change, or until a status has lasted long enough."""
        now_s = asyncio.get_running_loop().time()
        waiting = [at_s for at_s in self._lasting_at_s.values() if at_s > now_s]
        with suppress(TimeoutError):
            async with asyncio.timeout_at(min(waiting) if waiting else None):
                await self._changed.wait()

    async def run(self) -> None:
        """Tell what changed."""
        while True:
            await self._link.online.wait()
            self._come_online()
            await self._settle()
            self._changed.clear()
            self._urgent = False
            if await self._tell_all():
                await self._until_news()

    def _go_offline(self) -> None:
        if self._offline_since_s is None:
            self._offline_since_s = asyncio.get_running_loop().time()
        for evse_id, queued in self._queued.items():
            while len(queued) > 1:
                queued.popleft()
                self._missed.add(evse_id)
        self._changed.set()

    def _come_online(self) -> None:
        """Forget what was told if the other side may have forgotten it, or is another."""
        since_s, self._offline_since_s = self._offline_since_s, None
        now_s = asyncio.get_running_loop().time()
        threshold_s = self._timing().offline_threshold_s
        if self._told_by is not self._link.adapter:
            self._told.clear()
            self._missed.update(self._queued)
            self._told_station = None
            self._told_by = self._link.adapter
            self._settled_at_s = now_s
        elif since_s is not None:
            self._settled_at_s = now_s + self._timing().settle_s
            if threshold_s is not None and now_s - since_s > threshold_s:
                self._told.clear()
                self._missed.update(self._queued)

    async def _settle(self) -> None:
        loop = asyncio.get_running_loop()
        while self._link.online.is_set() and not self._urgent and (left_s := self._settled_at_s - loop.time()) > 0:
            self._changed.clear()
            try:
                async with asyncio.timeout(left_s):
                    await self._changed.wait()
            except TimeoutError:
                return

    async def _tell_all(self) -> bool:
        """Returns False if the link went meanwhile; what was not told is kept."""
        try:
            await self._tell_station()
            for evse_id in sorted(self._queued):
                if self._lasts(evse_id):
                    await self._tell_evse(evse_id)
        except LinkLostError:
            await asyncio.sleep(LOSS_NOTICED_S)
            return False
        return True

    async def _tell_station(self) -> None:
        adapter = self._link.adapter
        if adapter is None:
            return
        requests = adapter.station_status_requests()
        content = _content(requests)
        if content != self._told_station:
            await self._send(requests)
            self._told_station = content

    async def _tell_evse(self, evse_id: int) -> None:
        queued = self._queued[evse_id]
        self._untold.pop(evse_id, None)
        while queued and self._lasts(evse_id) and (adapter := self._link.adapter) is not None:
            status = queued[0]
            for each in status.one_by_one() if evse_id in self._missed else (status,):
                await self._tell(evse_id, each, adapter)
            if queued[0] is not status:  # a newer one pushed it out, and others may have gone the same way
                continue
            self._missed.discard(evse_id)
            if len(queued) == 1:
                return  # stays as the latest known, for the next connection
            queued.popleft()

    async def _tell(self, evse_id: int, status: EvseStatus, adapter: Adapter) -> None:
        """Tell this status unless it says what the one before it said. Raises: LinkLostError."""
        requests = adapter.status_requests(self._dated(status))
        content = (_content(requests), status.standing if adapter.tells_faults_by_status else ())
        if content != self._told.get(evse_id):
            await self._send(requests)
            self._told[evse_id] = content

    async def _send(self, requests: list[Outgoing]) -> None:
        """Send; a refusal is final, a missing answer is left to the liveness check. Raises: LinkLostError."""
        for request in requests:
            try:
                await self._link.call(request, Urgency.STATUS)
            except (RpcError, CallTimeoutError) as error:
                logger.warning("status not accepted action=%s error=%s", request.action, error)


def _content(requests: list[Outgoing]) -> Hashable:
    """What a status says, apart from when."""
    return tuple(
        (request.action, repr({key: value for key, value in request.payload.items() if key != "timestamp"}))
        for request in requests
    )
