"""The 2.0.1 adapter between a station that behaves and a back-end that writes everything down."""

from agent.csms.adapter import Send
from agent.csms.v201.adapter import V201Adapter
from agent.csms.v201.messages import StationIdentity
from tests.agent.csms.adapter_rig import AdapterRig, StoppedClock
from tests.agent.csms.v201.official import OFFICIAL
from tests.fakes.fake_station import FakeStation

IDENTITY = StationIdentity("Pilotline", "Bench", "SN-1", "0.1.0")


class Rig(AdapterRig[V201Adapter]):
    """Everything as a station has it after its start."""

    def __init__(self) -> None:
        super().__init__(OFFICIAL, self._make)

    def _make(self, station: FakeStation, sender: Send) -> V201Adapter:
        return V201Adapter(station, clock=StoppedClock(), identity=IDENTITY, sender=sender)
