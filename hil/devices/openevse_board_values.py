"""Values of the simulated OpenEVSE board: states, flags, measured times, settings (value).

Source: facts rapi_openevse (firmware 8.2.3, RAPI 5.2.1).
"""

from dataclasses import dataclass
from enum import IntEnum, IntFlag

MIN_CURRENT_A = 6
HEARTBEAT_COOKIE = 165
MAX_COUNTER = 0xFF
ABSENT_SENSOR = -2560
"""Temperature reading of a sensor that is not fitted, tenths of a degree."""
MAX_RETRIES = 6


class State(IntEnum):
    """EVSE state as RAPI numbers it."""

    UNKNOWN = 0x00
    A = 0x01
    B = 0x02
    C = 0x03
    VENT = 0x04
    DIODE = 0x05
    GFCI = 0x06
    NO_GROUND = 0x07
    STUCK_RELAY = 0x08
    GFI_SELF_TEST = 0x09
    OVER_TEMPERATURE = 0x0A
    OVER_CURRENT = 0x0B
    RELAY_CLOSURE = 0x0E
    SLEEPING = 0xFE
    DISABLED = 0xFF

    @property
    def is_fault(self) -> bool:
        """04 to 0E."""
        return State.VENT <= self <= State.RELAY_CLOSURE


CLEARED_BY_UNPLUGGING = frozenset(
    {State.VENT, State.DIODE, State.OVER_CURRENT, State.OVER_TEMPERATURE, State.RELAY_CLOSURE}
)
"""Trap 8 names the first three; the other two are taken to latch alike."""
RETRIED = frozenset({State.GFCI, State.NO_GROUND})


class VFlag(IntFlag):
    """Volatile flags of `$GS` and `$AT`."""

    HARD_FAULT = 0x0002
    LIMIT_SLEEP = 0x0004
    AUTH_LOCKED = 0x0008
    TIME_LIMIT = 0x0010
    NO_GROUND_TRIPPED = 0x0020
    RELAY_CLOSED = 0x0040
    GFI_TRIPPED = 0x0080
    EV_CONNECTED = 0x0100
    SESSION_ENDED = 0x0200
    CHARGE_LIMIT = 0x2000
    MENNEKES_MANUAL = 0x8000


CHANGE_MASK = VFlag.AUTH_LOCKED | VFlag.EV_CONNECTED | VFlag.TIME_LIMIT | VFlag.CHARGE_LIMIT | VFlag.HARD_FAULT
"""Flags whose change raises `$AT`; the relay's is not among them."""


class Setting(IntFlag):
    """Flags of `$GE`; a set protection bit means that protection is off."""

    LEVEL_2 = 0x0001
    DIODE_OFF = 0x0002
    VENT_OFF = 0x0004
    GROUND_OFF = 0x0008
    STUCK_RELAY_OFF = 0x0010
    AUTO_LEVEL_OFF = 0x0020
    GFI_SELF_TEST_OFF = 0x0200
    TEMPERATURE_OFF = 0x0400
    CGMI = 0x1000
    BUTTON_OFF = 0x8000


FEATURES = {
    "B": Setting.BUTTON_OFF,
    "D": Setting.DIODE_OFF,
    "F": Setting.GFI_SELF_TEST_OFF,
    "G": Setting.GROUND_OFF,
    "R": Setting.STUCK_RELAY_OFF,
    "T": Setting.TEMPERATURE_OFF,
    "V": Setting.VENT_OFF,
}
"""Letters of `$FF x 0|1` and the flag that a 0 sets."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Reaction times, s: measured in simulation unless marked."""

    to_a_s: float = 0.355
    to_b_s: float = 0.307
    to_d_s: float = 0.320
    pilot_short_s: float = 0.312
    diode_s: float = 0.312
    to_c_s: float = 0.307
    """Not measured: as for B; debounce only, the relay follows after the self test."""
    b_to_relay_s: float = 1.33
    sleep_open_s: float = 3.08
    sleep_let_go_s: float = 0.026
    """Not measured: from the EV leaving C in sleep, looked at once in a pass like the ground (open_evse, `Update`)."""
    disable_open_s: float = 0.0002
    ground_s: float = 0.026
    over_current_s: float = 11.57
    over_current_margin_a: float = 5.0
    over_current_pause_s: float = 1.0
    welded_s: float = 1.0
    closing_check_s: float = 1.0
    """Not measured: from closing until a contact that stayed open is noticed."""
    over_temperature_open_s: float = 5.0
    """Not measured: the firmware gives the car 5 s after withdrawing the offer."""
    retry_s: float = 300.0
    boot_s: float = 2.6
    reply_s: float = 0.001
    """Not measured: short, so that the loop delay is what counts."""


@dataclass(frozen=True, slots=True)
class BoardModel:
    """Which board this is."""

    firmware: str = "8.2.3.EU"
    protocol: str = "5.2.1"
    max_current_a: int = 32
    timing: Timing = Timing()
    loop_delay_s: float = 0.0
    """Firmware loop that a command waits for: 30-150 ms on a real board."""
    self_test_blocks: bool = True
    """Commands wait while the residual current monitor tests itself."""
    messages_after_reply: bool = False
    """`$AT` caused by a command goes out after its reply instead of before."""
    has_ammeter: bool = True
    mcu_id: bytes = b"\xff\x0eQ24\x01\x9fA1B2C3D4"


@dataclass
class Eeprom:
    """What survives a power cut; `writes` counts the cells' wear."""

    capacity_a: int = 32
    max_capacity_a: int = 32
    flags: int = Setting.LEVEL_2 | Setting.AUTO_LEVEL_OFF
    total_wh: float = 0.0
    gfi_trips: int = 0
    ground_trips: int = 0
    stuck_trips: int = 0
    heartbeat_interval_s: int = 0
    heartbeat_current_a: int = 6
    ammeter_scale: int = 220
    ammeter_offset: int = 0
    max_capacity_locked: bool = False
    writes: int = 0

    def write(self, **cells: float) -> None:
        """Write cells and count it."""
        for name, value in cells.items():
            setattr(self, name, value)
        self.writes += 1
