"""Messages of an Infypower DC power module: CAN identifiers and data to values and back (rule).

Identifier, 29 bits: error (3), device number (4), command (6), destination (8), source (8). A module answers each
request by a frame of the same command, addressed to the controller. All numbers are big-endian.
Source: facts: boards_protocols, CAN, Infypower; data layouts: manufacturer's V1.13, as EVerest's driver uses it.
"""

import math
import struct
from enum import Enum, Flag
from typing import Final

from hal.value import dataclass

BITRATE: Final = 125_000
CONTROLLER: Final = 0xF0
ALL_MODULES: Final = 0x3F
MAX_ADDRESS: Final = 0x3E
SINGLE: Final = 0x0A
"""Device number: the destination is one module."""
GROUP: Final = 0x0B
"""Device number: the destination is a group."""
DATA_SIZE: Final = 8
HOST_SILENCE_LIMIT_S: Final = 10.0
"""A module that hears nothing for so long switches off."""

_ERROR_SHIFT, _DEVICE_SHIFT, _COMMAND_SHIFT, _DESTINATION_SHIFT = 26, 22, 16, 8
_ERROR_MASK, _DEVICE_MASK, _COMMAND_MASK, _ADDRESS_MASK = 0x7, 0xF, 0x3F, 0xFF
_ON, _OFF = 0x00, 0x01
_COUNT_BYTE, _TEMPERATURE_BYTE = 2, 4


class Command(Enum):
    """What a frame is about."""

    READ_COUNT = 0x02
    READ_OUTPUT = 0x03
    READ_STATUS = 0x04
    READ_CAPABILITIES = 0x0A
    READ_AVAILABLE = 0x0C
    SWITCH = 0x1A
    SET_OUTPUT = 0x1C


class Answer(Enum):
    """The error field of an answer."""

    NORMAL = 0
    COMMAND_INVALID = 2
    DATA_INVALID = 3
    STARTING = 7


class ModuleState(Flag):
    """The three state bytes of a module; the last byte holds the low bits."""

    OUTPUT_SHORT = 1 << 0
    SLEEPING = 1 << 4
    DISCHARGE_ABNORMAL = 1 << 5
    OFF = 1 << 8
    FAULT = 1 << 9
    PROTECTION = 1 << 10
    FAN = 1 << 11
    OVER_TEMPERATURE = 1 << 12
    OUTPUT_OVER_VOLTAGE = 1 << 13
    WALK_IN = 1 << 14
    HOST_SILENT = 1 << 15
    POWER_LIMITED = 1 << 16
    ADDRESS_TWICE = 1 << 17
    LOAD_UNSHARED = 1 << 18
    INPUT_PHASE_LOST = 1 << 19
    INPUT_UNBALANCED = 1 << 20
    INPUT_UNDER_VOLTAGE = 1 << 21
    INPUT_OVER_VOLTAGE = 1 << 22
    INPUT_STAGE_OFF = 1 << 23


_KNOWN_STATE: Final = sum(state.value for state in ModuleState)


@dataclass(frozen=True, slots=True)
class Address:
    """Who speaks to whom about what."""

    command: Command
    destination: int
    source: int
    device: int = SINGLE
    answer: Answer = Answer.NORMAL

    def arbitration_id(self) -> int:
        """The 29-bit identifier."""
        identifier = self.answer.value << _ERROR_SHIFT | self.device << _DEVICE_SHIFT
        identifier |= self.command.value << _COMMAND_SHIFT
        return identifier | self.destination << _DESTINATION_SHIFT | self.source

    @classmethod
    def from_id(cls, arbitration_id: int) -> "Address | None":
        """Take an identifier apart; None if command or error field are unknown here."""
        try:
            command = Command(arbitration_id >> _COMMAND_SHIFT & _COMMAND_MASK)
            answer = Answer(arbitration_id >> _ERROR_SHIFT & _ERROR_MASK)
        except ValueError:
            return None
        return cls(
            command,
            destination=arbitration_id >> _DESTINATION_SHIFT & _ADDRESS_MASK,
            source=arbitration_id & _ADDRESS_MASK,
            device=arbitration_id >> _DEVICE_SHIFT & _DEVICE_MASK,
            answer=answer,
        )


@dataclass(frozen=True, slots=True)
class Output:
    """Measured at the terminals (0x03), V and A."""

    voltage_v: float
    current_a: float

    def to_data(self) -> bytes:
        """Two IEEE 754 singles."""
        return struct.pack(">ff", self.voltage_v, self.current_a)

    @classmethod
    def from_data(cls, data: bytes) -> "Output | None":
        """None if these are no two finite numbers."""
        if len(data) != DATA_SIZE:
            return None
        voltage_v, current_a = struct.unpack(">ff", data)
        return cls(voltage_v, current_a) if math.isfinite(voltage_v) and math.isfinite(current_a) else None


@dataclass(frozen=True, slots=True)
class Setpoint:
    """Voltage and current that a module shall hold (0x1C), V and A; sent in millivolts and milliamperes."""

    voltage_v: float
    current_a: float

    def to_data(self) -> bytes:
        """Two 32-bit numbers."""
        return struct.pack(">II", round(self.voltage_v * 1000), round(self.current_a * 1000))

    @classmethod
    def from_data(cls, data: bytes) -> "Setpoint | None":
        """None if the length is wrong."""
        if len(data) != DATA_SIZE:
            return None
        millivolts, milliamperes = struct.unpack(">II", data)
        return cls(millivolts / 1000, milliamperes / 1000)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one module can deliver (0x0A); steps 1 V, 0.1 A, 10 W."""

    max_voltage_v: float
    min_voltage_v: float
    max_current_a: float
    rated_power_w: float

    def to_data(self) -> bytes:
        """Four 16-bit numbers."""
        raw = (self.max_voltage_v, self.min_voltage_v, self.max_current_a * 10, self.rated_power_w / 10)
        return struct.pack(">HHHH", *map(round, raw))

    @classmethod
    def from_data(cls, data: bytes) -> "Capabilities | None":
        """None if the length is wrong or the module says that it can do nothing."""
        if len(data) != DATA_SIZE:
            return None
        max_v, min_v, max_a, power_w = struct.unpack(">HHHH", data)
        if not (0 <= min_v < max_v and max_a and power_w):
            return None
        return cls(float(max_v), float(min_v), max_a / 10, power_w * 10.0)


@dataclass(frozen=True, slots=True)
class Available:
    """Voltage behind the output diode and current that could be had now (0x0C), V and A, in steps of 0.1."""

    external_voltage_v: float
    available_current_a: float

    def to_data(self) -> bytes:
        """Two 16-bit numbers and four bytes of zero."""
        return struct.pack(">HH4x", round(self.external_voltage_v * 10), round(self.available_current_a * 10))

    @classmethod
    def from_data(cls, data: bytes) -> "Available | None":
        """None if the length is wrong."""
        if len(data) != DATA_SIZE:
            return None
        external, available = struct.unpack(">HH4x", data)
        return cls(external / 10, available / 10)


@dataclass(frozen=True, slots=True)
class Status:
    """State of a module (0x04) and the temperature of its air, degrees Celsius."""

    state: ModuleState
    temperature_c: int = 25

    def to_data(self) -> bytes:
        """Temperature in byte 4, states in bytes 5 to 7."""
        return struct.pack(">4xb", self.temperature_c) + self.state.value.to_bytes(3, "big")

    @classmethod
    def from_data(cls, data: bytes) -> "Status | None":
        """None if the length is wrong; bits that nobody documents are dropped."""
        if len(data) != DATA_SIZE:
            return None
        bits = int.from_bytes(data[_TEMPERATURE_BYTE + 1 :], "big") & _KNOWN_STATE
        return cls(ModuleState(bits), struct.unpack(">b", data[_TEMPERATURE_BYTE : _TEMPERATURE_BYTE + 1])[0])


def switch_data(*, on: bool) -> bytes:
    """Data of 0x1A: 0 switches on, 1 off."""
    return bytes([_ON if on else _OFF]) + bytes(DATA_SIZE - 1)


def switches_on(data: bytes) -> bool | None:
    """Return what 0x1A orders; None if it is no order."""
    return {_ON: True, _OFF: False}.get(data[0]) if len(data) == DATA_SIZE else None


def count_data(modules: int) -> bytes:
    """Data of an answer to 0x02."""
    return bytes([*bytes(_COUNT_BYTE), modules]) + bytes(DATA_SIZE - _COUNT_BYTE - 1)


def count_of(data: bytes) -> int | None:
    """Return the number of modules in an answer to 0x02; None if the length is wrong."""
    return data[_COUNT_BYTE] if len(data) == DATA_SIZE else None
