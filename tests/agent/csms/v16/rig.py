"""An adapter between a station that behaves and a back-end that writes everything down."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from inspect import isawaitable

from agent.clock import Instant
from agent.csms.adapter import Outgoing, Payload
from agent.csms.v16.adapter import V16Adapter
from agent.csms.v16.messages import ChargePointIdentity
from agent.domain.delivery import TransactionAtCsms
from tests.agent.csms.v16.official import check_answer, check_request, check_sent
from tests.fakes.fake_station import NOW, FakeStation

IDENTITY = ChargePointIdentity("Pilotline", "Bench", "SN-1", "0.1.0")


class StoppedClock:
    """Shows the same moment for ever."""

    def now(self) -> Instant:
        return Instant(0.0, NOW)

    def learn_utc(self, utc: datetime) -> timedelta:
        return utc - NOW


@dataclass
class KnownTransactions:
    """Which integer the back-end gave to which transaction."""

    by_csms_id: dict[int, str] = field(default_factory=dict)

    def transaction_of_csms_id(self, csms_transaction_id: int) -> str | None:
        return self.by_csms_id.get(csms_transaction_id)

    def at_csms(self, transaction_id: str) -> TransactionAtCsms:
        for csms_id, ours in self.by_csms_id.items():
            if ours == transaction_id:
                return TransactionAtCsms(start_acknowledged=True, csms_transaction_id=csms_id)
        return TransactionAtCsms()


@dataclass
class Rig:
    """`await rig.ask(action, payload)` answers as the adapter does; `sent` is what followed."""

    station: FakeStation = field(default_factory=FakeStation)
    known: KnownTransactions = field(default_factory=KnownTransactions)
    sent: list[Outgoing] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.adapter = V16Adapter(
            self.station, clock=StoppedClock(), identity=IDENTITY, sender=self._send, journal=self.known
        )

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
