"""An adapter of either version between a station that behaves and a back-end that writes everything down."""

from collections.abc import Callable
from datetime import datetime, timedelta
from inspect import isawaitable
from typing import Generic, TypeVar

from agent.clock import Instant
from agent.csms.adapter import Adapter, Outgoing, Payload, Send
from tests.agent.csms.official_schemas import OfficialSchemas
from tests.fakes.fake_station import NOW, FakeStation

AdapterT = TypeVar("AdapterT", bound=Adapter)


class StoppedClock:
    """Shows the same moment for ever."""

    def now(self) -> Instant:
        return Instant(0.0, NOW)

    def learn_utc(self, utc: datetime) -> timedelta:
        return utc - NOW


class AdapterRig(Generic[AdapterT]):
    """`await rig.ask(action, payload)` answers as the adapter does; `sent` is what followed."""

    def __init__(self, official: OfficialSchemas, make: Callable[[FakeStation, Send], AdapterT]) -> None:
        self.station = FakeStation()
        self.sent: list[Outgoing] = []
        self._official = official
        self.adapter = make(self.station, self._send)

    async def _send(self, outgoing: Outgoing) -> Payload:
        self._official.check_sent(outgoing)
        self.sent.append(outgoing)
        return {}

    async def ask(self, action: str, payload: Payload) -> Payload:
        """Ask as a back-end does: request and answer fit their schemas, and the follow-up comes after the answer."""
        self._official.check_request(action, payload)
        reply = self.adapter.handlers[action](payload)
        answered = await reply if isawaitable(reply) else reply
        self._official.check_answer(action, answered.payload)
        assert self.sent == []
        if answered.follow_up is not None:
            await answered.follow_up()
        return answered.payload
