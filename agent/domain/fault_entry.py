"""What the error catalogue tells of a fault: values only."""

from enum import Enum, IntEnum

from agent.domain.vocabulary import StoppedReason
from hal.value import dataclass


class Severity(IntEnum):
    """Severity of an event; the numbers are OCPP 2.0.1's (EventDataType, SetMonitoringBase: 0 danger to 9 debug)."""

    DANGER = 0
    HARDWARE_FAILURE = 1
    SYSTEM_FAILURE = 2
    CRITICAL = 3
    ERROR = 4
    ALERT = 5
    WARNING = 6


class Latch(Enum):
    """When a fault clears."""

    CAUSE = "clears by itself with its cause"
    UNPLUG = "clears when the car is unplugged and the cause is gone"
    POWER_CYCLE = "clears when the board was switched off and on and shows that it is gone; kept over a restart"


@dataclass(frozen=True, slots=True)
class FaultEntry:
    """How a fault is treated, and what it is to the people around it."""

    code: int
    """Stable number, shown to the driver as `E12`; never used again for another fault."""
    meaning: str
    """One line, at most 50 characters: it is OCPP 1.6's `info` where the driver gives no detail."""
    severity: Severity
    latch: Latch
    driver: str
    """What the driver is asked to do, at most 28 characters."""
    action: str
    """What a technician does next."""
    part: str
    """What to bring; empty if it is no matter of parts."""
    component: str
    """OCPP 2.x component, as the specification's appendix names it."""
    variable: str = "Problem"
    mrec: str = ""
    """Minimum required error code of the ChargeX list; empty if it has none."""
    blocks_power: bool = True
    ends_transaction: StoppedReason | None = None
    """The reason a running transaction ends with; None: it is suspended until the fault clears."""

    @property
    def shown(self) -> str:
        """What the display says: at most 32 characters."""
        return f"{self.driver} E{self.code:02}"
