"""Messages of chargebyte's safety controller: eight data bytes to values and back (values).

Rules kept here:
* `from_data` never raises for eight bytes: a code that has no name here becomes `UNKNOWN` or None, or stands as it is.
* `to_data` leaves reserved bits 0. Bit numbers are those of the big-endian 64-bit word, 63 first.
Source: facts: boards_protocols, chargebyte; the codes of an emergency stop: chargebyte/ra-utils lib/cb_protocol.h.
"""

from typing import Final, Self

from hal.api import PilotState
from hal.codecs.safety_codes import (
    Com,
    ContactorState,
    EmergencyStop,
    ProximityCode,
    RcmState,
    SafeState,
    SafeStateReason,
)
from hal.codecs.safety_frame import DATA_SIZE, SafetyFrame
from hal.codecs.safety_reports import ErrorMessage, FirmwareVersion, Temperature, Temperatures
from hal.value import dataclass

__all__ = [
    "CONTACTORS",
    "EMERGENCY_STOPS",
    "F_DUTY_PERMILLE",
    "X1_DUTY_PERMILLE",
    "ChargeControl",
    "ChargeState",
    "Com",
    "ContactorState",
    "EmergencyStop",
    "ErrorMessage",
    "FirmwareVersion",
    "Inquiry",
    "PilotState",
    "ProximityCode",
    "RcmState",
    "SafeState",
    "SafeStateReason",
    "Temperature",
    "Temperatures",
]

X1_DUTY_PERMILLE: Final = 1000
"""PWM enabled with this duty is steady +12 V. Taken from the reference integration (EVerest's board support)."""
F_DUTY_PERMILLE: Final = 0
"""PWM enabled with this duty is steady -12 V. Taken from the reference integration (EVerest's board support)."""
CONTACTORS: Final = 3
EMERGENCY_STOPS: Final = 3

_PWM_BIT = 63
_DUTY_SHIFT, _DUTY_BITS = 48, 10
_COMMAND_BIT_OF_FIRST_CONTACTOR = 40
_SAFE_STATE_SHIFT = 58
_SHORT_BIT, _DIODE_BIT = 43, 44
_PILOT_SHIFT, _PROXIMITY_SHIFT, _CODE_BITS = 40, 32, 3
_HV_READY_BIT = 30
_CONTACTOR_SHIFTS = (24, 26, 28)
_RCM_SHIFT = 22
_EMERGENCY_STOP_SHIFTS = (16, 18, 20)
_REASON_SHIFT = 8
_PAIR_BITS, _BYTE_BITS, _WORD_BITS = 2, 8, 16
_PILOTS = (None, *PilotState, None)
"""By code: 0 not known, 1-6 A-F, 7 invalid."""
_NO_PILOT = 0


@dataclass(frozen=True, slots=True)
class ChargeControl:
    """What the host commands, each 100 ms. Raises: ValueError for a duty that does not fit."""

    pwm_enabled: bool
    """False: the pilot as at boot, and no contactor."""
    duty_permille: int
    contactors: tuple[bool, bool, bool] = (False, False, False)

    def __post_init__(self) -> None:
        if not 0 <= self.duty_permille < 1 << _DUTY_BITS:
            raise ValueError(f"duty cycle of {self.duty_permille} permille does not fit the frame")

    def to_data(self) -> bytes:
        """Return the eight data bytes."""
        word = self.pwm_enabled << _PWM_BIT | self.duty_permille << _DUTY_SHIFT
        for number, closed in enumerate(self.contactors):
            word |= closed << _COMMAND_BIT_OF_FIRST_CONTACTOR + number
        return word.to_bytes(DATA_SIZE, "big")

    @classmethod
    def from_data(cls, data: bytes) -> Self:
        """Read eight data bytes; a duty above 1000 permille stands as it came."""
        word = int.from_bytes(data, "big")
        first, second, third = (_flag(word, _COMMAND_BIT_OF_FIRST_CONTACTOR + n) for n in range(CONTACTORS))
        return cls(_flag(word, _PWM_BIT), _field(word, _DUTY_SHIFT, _DUTY_BITS), (first, second, third))

    def frame(self) -> SafetyFrame:
        """Return the frame that carries it."""
        return SafetyFrame(Com.CHARGE_CONTROL, self.to_data())


@dataclass(frozen=True, slots=True)
class ChargeState:
    """What the board sees and does, each 100 ms."""

    pwm_enabled: bool = False
    safe_state: SafeState = SafeState.NORMAL
    duty_permille: int = 0
    pilot_short: bool = False
    diode_fault: bool = False
    pilot: PilotState | None = None
    """None: not known or invalid."""
    proximity: ProximityCode = ProximityCode.NO_CABLE
    hv_ready: bool = False
    contactors: tuple[ContactorState, ContactorState, ContactorState] = (ContactorState.UNDEFINED,) * CONTACTORS
    """By the mirror contacts, never by what is driven."""
    rcm: RcmState = RcmState.NOT_CONFIGURED
    emergency_stops: tuple[EmergencyStop, EmergencyStop, EmergencyStop] = (EmergencyStop.UNUSED,) * EMERGENCY_STOPS
    safe_state_reason: SafeStateReason = SafeStateReason.NONE

    def to_data(self) -> bytes:
        """Return the eight data bytes; a reason without a number is sent as an internal error."""
        known = self.safe_state_reason is not SafeStateReason.UNKNOWN
        reason = self.safe_state_reason if known else SafeStateReason.INTERNAL_ERROR
        word = self.pwm_enabled << _PWM_BIT | self.safe_state << _SAFE_STATE_SHIFT | self.duty_permille << _DUTY_SHIFT
        word |= (
            self.diode_fault << _DIODE_BIT | self.pilot_short << _SHORT_BIT | _pilot_code(self.pilot) << _PILOT_SHIFT
        )
        word |= self.proximity << _PROXIMITY_SHIFT | self.hv_ready << _HV_READY_BIT | self.rcm << _RCM_SHIFT
        for shift, state in zip(_CONTACTOR_SHIFTS, self.contactors, strict=True):
            word |= state << shift
        for shift, stop in zip(_EMERGENCY_STOP_SHIFTS, self.emergency_stops, strict=True):
            word |= stop << shift
        return (word | reason << _REASON_SHIFT).to_bytes(DATA_SIZE, "big")

    @classmethod
    def from_data(cls, data: bytes) -> Self:
        """Read eight data bytes."""
        word = int.from_bytes(data, "big")
        first, second, third = (ContactorState(_field(word, shift, _PAIR_BITS)) for shift in _CONTACTOR_SHIFTS)
        stop_1, stop_2, stop_3 = (EmergencyStop(_field(word, shift, _PAIR_BITS)) for shift in _EMERGENCY_STOP_SHIFTS)
        return cls(
            pwm_enabled=_flag(word, _PWM_BIT),
            safe_state=SafeState(_field(word, _SAFE_STATE_SHIFT, _PAIR_BITS)),
            duty_permille=_field(word, _DUTY_SHIFT, _DUTY_BITS),
            pilot_short=_flag(word, _SHORT_BIT),
            diode_fault=_flag(word, _DIODE_BIT),
            pilot=_PILOTS[_field(word, _PILOT_SHIFT, _CODE_BITS)],
            proximity=ProximityCode(_field(word, _PROXIMITY_SHIFT, _CODE_BITS)),
            hv_ready=_flag(word, _HV_READY_BIT),
            contactors=(first, second, third),
            rcm=RcmState(_field(word, _RCM_SHIFT, _PAIR_BITS)),
            emergency_stops=(stop_1, stop_2, stop_3),
            safe_state_reason=SafeStateReason.of(_field(word, _REASON_SHIFT, _BYTE_BITS)),
        )

    def frame(self) -> SafetyFrame:
        """Return the frame that carries it."""
        return SafetyFrame(Com.CHARGE_STATE, self.to_data())


@dataclass(frozen=True, slots=True)
class Inquiry:
    """The host asks for this message once."""

    wanted: int

    def to_data(self) -> bytes:
        """Return the eight data bytes."""
        return bytes([self.wanted]).ljust(DATA_SIZE, b"\x00")

    @classmethod
    def from_data(cls, data: bytes) -> Self:
        """Read eight data bytes."""
        return cls(data[0])

    def frame(self) -> SafetyFrame:
        """Return the frame that carries it."""
        return SafetyFrame(Com.INQUIRY, self.to_data())


def _flag(word: int, bit: int) -> bool:
    return bool(word >> bit & 1)


def _field(word: int, shift: int, bits: int) -> int:
    return word >> shift & (1 << bits) - 1


def _pilot_code(pilot: PilotState | None) -> int:
    return _NO_PILOT if pilot is None else _PILOTS.index(pilot)
