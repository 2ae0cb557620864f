"""Charging profiles in the words of OCPP 2.0.1, which 1.6 is mapped to.

Source: OCPP 2.0.1 part 2, section 2 (ChargingProfileType and what belongs to it) and K01; OCPP 1.6 sections 3.13, 7.8
and 7.13. Times are whole seconds of UTC. What is not built has no name here: ChargingStationExternalConstraints.
"""

from datetime import datetime
from enum import Enum
from typing import Final

from hal.value import dataclass

STATION: Final = 0
"""evseId of a profile that is not of one EVSE: the station as a whole, or every EVSE for a default."""
MAX_STACK_LEVEL: Final = 99
MAX_PROFILES: Final = 100
MAX_PERIODS: Final = 500
NOMINAL_VOLTAGE_V: Final = 230.0
"""Between a phase and neutral. Source: IEC 60038, 230/400 V."""


class ChargingProfilePurpose(Enum):
    """ChargingProfilePurposeEnumType."""

    CHARGING_STATION_MAX = "ChargingStationMaxProfile"
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"


class ChargingProfileKind(Enum):
    """ChargingProfileKindEnumType."""

    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"


class RecurrencyKind(Enum):
    """RecurrencyKindEnumType."""

    DAILY = "Daily"
    WEEKLY = "Weekly"


class ChargingRateUnit(Enum):
    """ChargingRateUnitEnumType: A is the current of each phase, W the power of all phases together."""

    A = "A"
    W = "W"


@dataclass(frozen=True, slots=True)
class ChargingSchedulePeriod:
    """ChargingSchedulePeriodType; holds until the next one begins."""

    start_s: int
    """From the start of the schedule."""
    limit: float
    """In the unit of its schedule."""
    number_phases: int | None = None


@dataclass(frozen=True, slots=True)
class ChargingSchedule:
    """ChargingScheduleType."""

    unit: ChargingRateUnit
    periods: tuple[ChargingSchedulePeriod, ...]
    duration_s: int | None = None
    start: datetime | None = None
    min_charging_rate: float | None = None
    """Told for a local optimiser, which this station has not; kept as given."""


@dataclass(frozen=True, slots=True)
class ChargingProfile:
    """ChargingProfileType with one schedule, and where it was set."""

    profile_id: int
    evse_id: int
    """`STATION`, or the EVSE."""
    stack_level: int
    purpose: ChargingProfilePurpose
    profile_kind: ChargingProfileKind
    schedule: ChargingSchedule
    recurrency: RecurrencyKind | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    transaction_id: str | None = None
    received_at: datetime | None = None
    """From here a profile of the station counts that has no start of its own: no transaction could begin it."""


@dataclass(frozen=True, slots=True)
class ProfileCriteria:
    """Which profiles to clear: those that agree with everything that is given; nothing given: all."""

    profile_id: int | None = None
    evse_id: int | None = None
    purpose: ChargingProfilePurpose | None = None
    stack_level: int | None = None

    def match(self, profile: ChargingProfile) -> bool:
        """Tell whether this profile agrees."""
        pairs = (
            (self.profile_id, profile.profile_id),
            (self.evse_id, profile.evse_id),
            (self.purpose, profile.purpose),
            (self.stack_level, profile.stack_level),
        )
        return all(wanted is None or wanted == given for wanted, given in pairs)
