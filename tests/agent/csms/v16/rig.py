"""The 1.6 adapter between a station that behaves and a back-end that writes everything down."""

from dataclasses import dataclass, field

from agent.csms.adapter import Send
from agent.csms.security.commands import SecurityCommands
from agent.csms.v16.adapter import V16Adapter
from agent.csms.v16.messages import ChargePointIdentity
from agent.domain.delivery import TransactionAtCsms
from tests.agent.csms.adapter_rig import AdapterRig, StoppedClock
from tests.agent.csms.v16.official import OFFICIAL
from tests.fakes.fake_station import FakeStation

IDENTITY = ChargePointIdentity("Pilotline", "Bench", "SN-1", "0.1.0")


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


class Rig(AdapterRig[V16Adapter]):
    """`known` holds the transactions that the back-end has given an id."""

    def __init__(self, security: SecurityCommands | None = None, *, firmware: bool = True) -> None:
        """`firmware`: there is an installer."""
        self._firmware = firmware
        self.known = KnownTransactions()
        self._security = security
        super().__init__(OFFICIAL, self._make)

    def _make(self, station: FakeStation, sender: Send) -> V16Adapter:
        if not self._firmware:
            station.files.firmware = None
        return V16Adapter(
            station,
            clock=StoppedClock(),
            identity=IDENTITY,
            sender=sender,
            journal=self.known,
            security=self._security,
        )
