"""RAPI's commands, states and flags by name (values).

Source: facts: rapi_openevse (open_evse firmware 8.2.3, RAPI 5.2.1).
"""

from enum import IntEnum, IntFlag, StrEnum
from typing import Final


class Verb(StrEnum):
    """Commands that this station sends."""

    GET_VERSION = "GV"
    GET_SETTINGS = "GE"
    GET_CURRENT_RANGE = "GC"
    GET_HEARTBEAT = "GY"
    GET_STATE = "GS"
    GET_ENERGY = "GU"
    GET_TEMPERATURES = "GP"
    SET_CURRENT = "SC"
    SET_HEARTBEAT = "SY"
    SET_TIME_LIMIT = "S3"
    ENABLE = "FE"
    DISABLE = "FD"
    SLEEP = "FS"


VOLATILE: Final = "V"
"""Second parameter of `$SC`: without it every call wears the EEPROM (trap 1)."""
HEARTBEAT_ACKNOWLEDGE: Final = "165"
"""Parameter of `$SY` that acknowledges a missed heartbeat (trap 4)."""
TIME_LIMIT_STEP_MIN: Final = 15
MIN_CURRENT_A: Final = 6
"""The board never offers less: `$SC` below sets 6 A (trap 2)."""
MAX_HEARTBEAT_INTERVAL_S: Final = 60
"""`interval * 1000` is computed in 16 bits by the board: more than 65 s wraps to almost nothing (trap 5)."""


class EvseState(IntEnum):
    """State code of `$GS`, `$AT` and `$AB`; the pilot field uses the first five."""

    UNKNOWN = 0x00
    A = 0x01
    B = 0x02
    C = 0x03
    VENTILATION_REQUIRED = 0x04
    DIODE_CHECK_FAILED = 0x05
    GROUND_FAULT = 0x06
    NO_GROUND = 0x07
    STUCK_RELAY = 0x08
    GROUND_FAULT_SELF_TEST_FAILED = 0x09
    OVER_TEMPERATURE = 0x0A
    OVER_CURRENT = 0x0B
    RESERVED_0C = 0x0C
    RESERVED_0D = 0x0D
    RELAY_CLOSURE_FAILED = 0x0E
    SLEEPING = 0xFE
    DISABLED = 0xFF

    @property
    def is_fault(self) -> bool:
        """True for the range that the firmware calls fault, 04 to 0E."""
        return EvseState.VENTILATION_REQUIRED <= self <= EvseState.RELAY_CLOSURE_FAILED


class VFlags(IntFlag):
    """Volatile flags of `$GS` and `$AT`."""

    AUTO_LEVEL_SKIPPED = 0x0001
    HARD_FAULT = 0x0002
    LIMIT_SLEEP = 0x0004
    AUTH_LOCKED = 0x0008
    TIME_LIMIT = 0x0010
    NO_GROUND_TRIPPED = 0x0020
    RELAY_CLOSED = 0x0040
    """Not in the change mask of `$AT`: a relay change alone is seen only by polling `$GS`."""
    GROUND_FAULT_TRIPPED = 0x0080
    EV_CONNECTED = 0x0100
    SESSION_ENDED = 0x0200
    EV_WAS_CONNECTED = 0x0400
    IN_MENU = 0x0800
    TIMER_ON = 0x1000
    CHARGE_LIMIT = 0x2000
    BOOT_LOCK = 0x4000
    MENNEKES_MANUAL = 0x8000


class SettingFlags(IntFlag):
    """Flags of `$GE`."""

    LEVEL_2 = 0x0001
    DIODE_CHECK_OFF = 0x0002
    VENTILATION_CHECK_OFF = 0x0004
    GROUND_CHECK_OFF = 0x0008
    STUCK_RELAY_CHECK_OFF = 0x0010
    AUTO_LEVEL_OFF = 0x0020
    AUTO_START_OFF = 0x0040
    GROUND_FAULT_TEST_OFF = 0x0200
    TEMPERATURE_CHECK_OFF = 0x0400
    CGMI = 0x1000
    BUTTON_OFF = 0x8000


PROTECTIONS: Final = {
    SettingFlags.DIODE_CHECK_OFF: "diode",
    SettingFlags.VENTILATION_CHECK_OFF: "ventilation",
    SettingFlags.GROUND_CHECK_OFF: "ground",
    SettingFlags.STUCK_RELAY_CHECK_OFF: "stuck_relay",
    SettingFlags.GROUND_FAULT_TEST_OFF: "ground_fault_test",
    SettingFlags.TEMPERATURE_CHECK_OFF: "temperature",
}
"""Protections that `$GE` may show switched off, by the name that a configuration uses to allow it."""


class HeartbeatTrigger(IntEnum):
    """Third value of `$GY`."""

    NEVER_MISSED = 0
    ACKNOWLEDGED = 1
    MISSED = 2
