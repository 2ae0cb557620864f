"""An adapter between a station that behaves and a back-end that writes everything down."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from inspect import isawaitable

from agent.clock import Instant
from agent.csms.adapter import Outgoing, Payload
from agent.csms.v201.adapter import V201Adapter
from agent.csms.v201.messages import StationIdentity
from tests.agent.csms.v201.official import check_answer, check_request, check_sent
from tests.fakes.fake_station import NOW, FakeStation

IDENTITY = StationIdentity("Pilotline", "Bench", "SN-1", "0.1.0")


class StoppedClock:
    """Shows the same moment for ever."""

    def now(self) -> Instant:
        return Instant(0.0, NOW)

    def learn_utc(self, utc: datetime) -> timedelta:
        return utc - NOW


@dataclass
class Rig:
    """`await rig.ask(action, payload)` answers as the adapter does; `sent` is what followed."""

    station: FakeStation = field(default_factory=FakeStation)
    sent: list[Outgoing] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.adapter = V201Adapter(self.station, clock=StoppedClock(), identity=IDENTITY, sender=self._send)

    async def _send(self, outgoing: Outgoing) -> Payload:
        check_sent(outgoing)
        self.sent.append(outgoing)
        return {}

    async def ask(self, action: str, payload: Payload) -> Payload:
        """Ask as a back-end does: request and answer fit their schemas, and the follow-up comes after the answer."""
        check_request(action, payload)
        reply = self.adapter.handlers[action](payload)
        answered = await reply if isawaitable(reply) else reply
        check_answer(action, answered.payload)
        assert self.sent == []
        if answered.follow_up is not None:
            await answered.follow_up()
        return answered.payload
