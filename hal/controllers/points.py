"""What a profile of a Modbus charge controller says (value); `hal.controllers.profile` reads it from its file."""

from collections.abc import Mapping
from dataclasses import field
from decimal import Decimal
from types import MappingProxyType
from typing import Final, Literal

from hal.api import Fault, PilotState
from hal.value import dataclass

Table = Literal["coil", "discrete", "input", "holding"]
READ_FUNCTION: Final[Mapping[Table, int]] = MappingProxyType({"coil": 1, "discrete": 2, "holding": 3, "input": 4})
WRITE_COIL: Final = 5
LAST_ADDRESS: Final = 0xFFFF
ENCODING_REGISTERS: Final = MappingProxyType({"uint16": 1, "int16": 1, "uint32": 2, "int32": 2})
"""Encodings that a profile may name, and how many registers each takes."""


@dataclass(frozen=True, slots=True)
class Span:
    """Neighbouring registers or bits of one table; `address` counts from the charging point's base unless shared."""

    table: Table
    address: int
    count: int = 1
    is_shared: bool = False
    """True: one for the whole device, however many charging points it has."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """Numbers that follow each other: raw values times `scale`."""

    span: Span
    encoding: str = "uint16"
    scale: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class FineSteps:
    """A finer unit of current that holds from a firmware on, if a configuration bit is set."""

    span: Span
    bit: int
    firmware_min: int
    scale: Decimal


@dataclass(frozen=True, slots=True)
class CurrentSetting:
    """The register of the offered current."""

    quantity: Quantity
    zero_is_off: bool
    min_a: Decimal
    fine: FineSteps | None = None


@dataclass(frozen=True, slots=True)
class Switch:
    """A coil or register of its own that lets the controller give power."""

    span: Span
    on: int = 1
    off: int = 0


@dataclass(frozen=True, slots=True)
class StateRegister:
    """The state of the car, by the text that stands for it: a number, or the letter in a byte of the register."""

    span: Span
    format: Literal["number", "ascii_high", "ascii_low"]
    pilot: Mapping[str, PilotState]
    charging: frozenset[str]
    """States that the controller shows while its contactor is closed."""
    faults: Mapping[str, Fault]
    other_fault: Fault
    """What any state stands for that is not listed."""


@dataclass(frozen=True, slots=True)
class ErrorRegister:
    """Errors: one code at a time, or one bit for each."""

    span: Span
    codes: Mapping[int, Fault]
    bits: Mapping[int, Fault]
    """By mask."""


@dataclass(frozen=True, slots=True)
class Level:
    """A register that shows something while it has one of these values."""

    span: Span
    values: frozenset[int]


@dataclass(frozen=True, slots=True)
class Proximity:
    """The cable's ampacity, A, by the register's value; any other value is no cable."""

    span: Span
    ampacity_a: Mapping[int, Decimal]


@dataclass(frozen=True, slots=True)
class Flow:
    """What flows in each phase, A; more than `threshold_a` proves a closed contactor."""

    quantity: Quantity
    threshold_a: Decimal


@dataclass(frozen=True, slots=True)
class Watchdog:
    """A supervision of the host: after `timeout_ms` without it the current becomes what `fail_safe` holds, here 0."""

    timeout: Span
    timeout_ms: int
    fail_safe: Span


@dataclass(frozen=True, slots=True)
class SetupValue:
    """A register that has to hold this value; written at connection if it does not."""

    name: str
    span: Span
    value: int


@dataclass(frozen=True, slots=True)
class Firmware:
    """Where the controller tells its firmware."""

    span: Span
    format: Literal["number", "ascii"]


@dataclass(frozen=True, slots=True)
class LineDefaults:
    """How the line is set unless the configuration says otherwise, and what the controller asks of its host."""

    framing: Literal["rtu", "tcp"]
    unit: int = 1
    baudrate: int = 9600
    parity: str = "N"
    stopbits: int = 1
    tcp_port: int = 502
    write_gap_s: float = 0.0
    """Rest between two writes."""
    write_function: Literal[6, 16] = 16
    low_word_first: bool = False
    registers_per_point: int = 0
    """Charging point n begins at n times this; 0: there is one."""


@dataclass(frozen=True, slots=True)
class ControllerProfile:
    """Everything known of one model; None and empty where it has nothing of the kind, or nobody has told."""

    name: str
    model: str
    line: LineDefaults
    state: StateRegister
    current: CurrentSetting
    opening_time_s: float
    stop_opening_time_s: float
    enforces: frozenset[str]
    source: tuple[str, ...]
    unsourced: tuple[str, ...]
    """Keys of the file, or sentences, that are nobody's word but to be checked against the device."""
    enable: Switch | None = None
    actual_current: Span | None = None
    contactor: Level | None = None
    flow: Flow | None = None
    firmware: Firmware | None = None
    errors: ErrorRegister | None = None
    watchdog: Watchdog | None = None
    proximity: Proximity | None = None
    lock: Level | None = None
    temperatures: Mapping[str, Quantity] = field(default_factory=lambda: MappingProxyType({}))
    setup: tuple[SetupValue, ...] = ()
    note: str = ""
