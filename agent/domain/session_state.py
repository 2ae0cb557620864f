"""The states of a charging session, and what an outsider sees of an EVSE."""

from dataclasses import replace
from datetime import datetime
from enum import Enum

from agent.domain.vocabulary import ChargingState, ConnectorStatus
from hal.api import Fault
from hal.value import dataclass


class SessionState(Enum):
    """Where one EVSE's session stands."""

    UNKNOWN = "unknown"
    """No feedback from the board yet: nothing is published."""
    AVAILABLE = "available"
    AWAITING_AUTHORIZATION = "awaiting_authorization"
    """Plugged in, nobody authorised."""
    AWAITING_EV = "awaiting_ev"
    """Authorised, not plugged in."""
    SUSPENDED_EVSE = "suspended_evse"
    """Authorised and plugged in, no current offered."""
    SUSPENDED_EV = "suspended_ev"
    """Current offered, the EV does not ask for power."""
    CHARGING = "charging"
    STOPPING = "stopping"
    """The offer is withdrawn; the EV has 6 s to leave state C."""
    OPENING = "opening"
    """Power is forbidden; feedback of the open contactor is awaited."""
    READING_METER = "reading_meter"
    """The contactor is open; the final register is being read."""
    FINISHING = "finishing"
    """Plugged in, authorisation ended."""
    FAULTED = "faulted"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class EvseStatus:
    """What is published of one EVSE."""

    evse_id: int
    connector_status: ConnectorStatus
    state: SessionState
    charging_state: ChargingState
    at: datetime
    fault: Fault | None = None
    """The fault to tell: one that is new, else the gravest that stands."""
    fault_detail: str = ""
    standing: tuple[tuple[Fault, str], ...] = ()
    """All faults that stand, with their details."""

    reserved: bool = False
    """This very EVSE is reserved."""

    def one_by_one(self) -> "tuple[EvseStatus, ...]":
        """Return a status for each standing fault, this one last: for who has missed something."""
        others = tuple(each for each in self.standing if each[0] is not self.fault)
        return (*(replace(self, fault=fault, fault_detail=detail) for fault, detail in others), self)
