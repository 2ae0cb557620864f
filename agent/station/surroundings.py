"""What an EVSE is given: its hardware, its timing, and what it needs of the station around it."""

from decimal import Decimal
from typing import Protocol

from agent.domain.evse_memory import EvseMemory
from agent.domain.facts import Fact, Sample
from agent.domain.session_state import EvseStatus
from agent.domain.transaction import TransactionState
from agent.domain.vocabulary import Authorization, IdToken
from agent.station.guard import Guard
from agent.station.metering import Metering
from agent.station.sampling import SampleIntervals
from agent.station.signing import Signing
from hal.abilities import ConnectorLock
from hal.api import PilotController
from hal.panel import Indicator
from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class EvseTiming:
    """How often the loop renews the permission, and for how long."""

    beat_s: float = 1.0
    lease_s: float = 3.0


@dataclass(frozen=True, slots=True)
class EvseDevices:
    """The hardware of one EVSE, and who guards it; without a guard one with the usual settings does."""

    board: PilotController
    metering: Metering
    max_current_a: float
    lock: ConnectorLock | None = None
    indicator: Indicator | None = None
    signing: Signing | None = None
    guard: Guard | None = None


class FactStore(Protocol):
    """Where facts and the open transaction go; never waits."""

    def record(self, evse_id: int, facts: tuple[Fact, ...], state: TransactionState | None) -> None:
        """Journal facts together with the open transaction's state (None: none is open)."""

    def note_register(self, evse_id: int, register_wh: Decimal) -> None:
        """Remember the register up to which energy is accounted for."""

    def remember(self, evse_id: int, memory: EvseMemory) -> None:
        """Keep what this EVSE is to know after a restart."""


class Surroundings(Protocol):
    """What an EVSE needs of the station around it."""

    @property
    def is_online(self) -> bool:
        """Whether a back-end is there."""

    @property
    def sample_intervals(self) -> SampleIntervals:
        """How often samples are due."""

    async def authorize(self, id_token: IdToken) -> Authorization:
        """Decide about a token; never raises for want of a back-end."""

    def status_changed(self, status: EvseStatus) -> None:
        """Publish."""

    def sample_outside(self, evse_id: int, sample: Sample) -> None:
        """Tell a sample that belongs to no transaction."""
