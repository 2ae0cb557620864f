"""Message numbers, and codes inside the messages, of chargebyte's safety controller (values).

Source: facts: boards_protocols, chargebyte; the codes of an emergency stop: chargebyte/ra-utils lib/cb_protocol.h.
"""

from enum import IntEnum
from typing import Self


class Com(IntEnum):
    """Message numbers."""

    CHARGE_CONTROL = 0x06
    CHARGE_STATE = 0x07
    PT1000 = 0x08
    FIRMWARE_VERSION = 0x0A
    GIT_HASH = 0x0B
    ERROR_MESSAGE = 0x0E
    CHARGE_STATE_2 = 0x10
    CHARGE_CONTROL_2 = 0x11
    PART_NUMBER_1 = 0x14
    PART_NUMBER_2 = 0x15
    CHIP_INFO = 0x16
    ACTION = 0xFE
    INQUIRY = 0xFF


class SafeState(IntEnum):
    """Whether the board has withdrawn power by itself."""

    NORMAL = 0
    SAFE = 1
    RESERVED = 2
    NOT_AVAILABLE = 3


class ProximityCode(IntEnum):
    """What the proximity contact shows: ampacity of a cable, or a type 1 plug."""

    NO_CABLE = 0
    CABLE_13_A = 1
    CABLE_20_A = 2
    CABLE_32_A = 3
    CABLE_63_A = 4
    """63 A on three phases, 70 A on one."""
    TYPE_1 = 5
    TYPE_1_BUTTON = 6
    INVALID = 7


class ContactorState(IntEnum):
    """A contactor by its mirror contact."""

    UNDEFINED = 0
    OPEN = 1
    CLOSED = 2
    UNUSED = 3


class RcmState(IntEnum):
    """Residual current monitor."""

    NOT_CONFIGURED = 0
    MONITORING = 1
    SELF_TEST = 2
    ERROR = 3


class EmergencyStop(IntEnum):
    """One emergency stop input."""

    NOT_TRIPPED = 0
    TRIPPED = 1
    RESERVED = 2
    UNUSED = 3


class SafeStateReason(IntEnum):
    """Why the board is in its safe state."""

    UNKNOWN = -1
    """A number that has no name here."""
    NONE = 0
    INTERNAL_ERROR = 1
    COM_TIMEOUT = 2
    TEMPERATURE_1_MALFUNCTION = 3
    TEMPERATURE_2_MALFUNCTION = 4
    TEMPERATURE_3_MALFUNCTION = 5
    TEMPERATURE_4_MALFUNCTION = 6
    TEMPERATURE_1_TOO_HIGH = 7
    TEMPERATURE_2_TOO_HIGH = 8
    TEMPERATURE_3_TOO_HIGH = 9
    TEMPERATURE_4_TOO_HIGH = 10
    PROXIMITY = 11
    PILOT = 12
    PILOT_SHORT = 13
    DIODE = 14
    HV_SWITCH = 15
    EMERGENCY_STOP_1 = 16
    EMERGENCY_STOP_2 = 17
    EMERGENCY_STOP_3 = 18
    RCM_ERROR = 20
    RCM_SELF_TEST = 21

    @classmethod
    def of(cls, code: int) -> Self:
        """Return the reason with this number, or UNKNOWN."""
        return cls(code if code in _KNOWN_REASONS else cls.UNKNOWN)


_KNOWN_REASONS = frozenset(int(reason) for reason in SafeStateReason)
