"""What a station is built from."""

from collections.abc import Callable
from dataclasses import field

from agent.clock import Clock
from agent.domain.availability import Availability
from agent.domain.charging_limit import Sharing
from agent.domain.device_model import DeviceModel
from agent.station.authorizer import Authorizer
from agent.station.charging_profiles import ChargingProfiles
from agent.station.file_jobs import FileJobs
from agent.station.journal import Journal
from agent.station.limit_planner import LimitPlanner
from agent.station.reservation_desk import ReservationDesk
from agent.station.security_events import SecurityEvents
from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class StationParts:
    """What the EVSEs of a station share, and what it works with."""

    device_model: DeviceModel
    journal: Journal
    authorizer: Authorizer
    availability: Availability
    charging_profiles: ChargingProfiles
    clock: Clock
    keep_availability: Callable[[int, bool], None]
    """Store the availability of an EVSE (0: the station)."""
    restart: Callable[[str], None]
    """End this process so that it starts again, for this BootReasonEnumType."""
    reservations: ReservationDesk
    files: FileJobs
    security_events: SecurityEvents
    limits: LimitPlanner
    sharing: Sharing = field(default_factory=Sharing)
