"""What the rest of Pilotline knows about hardware: values, events and small interfaces.

Rules kept here:
* Commands never block and never raise; what came of them arrives as an event.
* `PowerOn` and `PowerOff` are feedback from the board, never an echo of a command.
* Times are monotonic seconds (`at_s`, the event loop's clock); a reading also carries UTC for reporting.
"""

from collections.abc import Callable
from dataclasses import field
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Protocol

from hal.value import dataclass

# --------------------------------------------------------------------------- errors


class HalError(Exception):
    """Something is wrong with a device or the line to it."""


class PortError(HalError):
    """The line itself is gone or cannot be opened: reopen it later."""


class BusTimeoutError(HalError):
    """No answer in time: try again."""


class BadFrameError(HalError):
    """Bytes that are no valid frame, or a reply that does not fit its request: count and drop."""


class DeviceRefusedError(HalError):
    """The device understood and refused."""


class HardwareFault(HalError):  # noqa: N818 - DESIGN's name: the caller must stop using the device
    """The device must not be used: wrong kind, protection switched off, no energy register."""


# --------------------------------------------------------------------------- control pilot board


class PilotState(Enum):
    """Control pilot state as IEC 61851-1 names it."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"
    F = "F"


class HostLossAction(Enum):
    """What a board does with its contactor when Linux falls silent."""

    OPEN = "open"
    DERATE = "derate"
    NONE = "none"


class ForbidReason(Enum):
    """Why power is forbidden; a board that opened by itself already may need no command."""

    EV_STOPPED = "ev_stopped"
    EV_UNPLUGGED = "ev_unplugged"
    FAULT = "fault"
    LEASE_EXPIRED = "lease_expired"
    STOPPED = "stopped"
    NOT_AUTHORIZED = "not_authorized"


class Fault(Enum):
    """Everything a board, meter or lock can raise; the agent's error catalogue says what each means."""

    DIODE = "diode"
    VENTILATION_REQUIRED = "ventilation_required"
    PILOT = "pilot"
    GROUND_FAULT_TRIPPED = "ground_fault_tripped"
    GROUND_MISSING = "ground_missing"
    CONTACTOR_WELDED = "contactor_welded"
    CONTACTOR_FAILED_TO_CLOSE = "contactor_failed_to_close"
    CONTACTOR_UNCONFIRMED = "contactor_unconfirmed"
    RESIDUAL_CURRENT_SELF_TEST = "residual_current_self_test"
    OVER_TEMPERATURE = "over_temperature"
    OVER_CURRENT = "over_current"
    PROTECTION_OFF = "protection_off"
    BOARD_SILENT = "board_silent"
    BOARD_UNSUITABLE = "board_unsuitable"
    METER_SILENT = "meter_silent"
    METER_IMPLAUSIBLE = "meter_implausible"
    LOCK_FAILED = "lock_failed"
    EMERGENCY_STOP = "emergency_stop"
    PROXIMITY = "proximity"
    RESIDUAL_DC = "residual_dc"
    BROWN_OUT = "brown_out"
    TEMPERATURE_SENSOR = "temperature_sensor"
    CABLE_OVER_TEMPERATURE = "cable_over_temperature"
    BOARD_FIRMWARE = "board_firmware"
    BOARD_INTERNAL = "board_internal"
    UNDER_VOLTAGE = "under_voltage"
    OVER_VOLTAGE = "over_voltage"
    PHASE_LOSS = "phase_loss"
    UNEXPECTED_CURRENT = "unexpected_current"
    METER_EXCHANGED = "meter_exchanged"
    SIGNED_METERING = "signed_metering"
    POWER_MODULE = "power_module"


@dataclass(frozen=True, slots=True)
class BoardCapabilities:
    """What a board can do and what it does without being asked."""

    min_current_a: float
    max_current_a: float
    phases: int
    host_loss_action: HostLossAction
    unauthorised_after_host_loss: bool
    """True: left enabled with Linux dead, the board would charge the next car as well."""
    opening_time_s: float
    """Longest time from a pilot edge to an open contactor, as declared for this board."""
    stop_opening_time_s: float
    """Longest time from `offer_current(0)` to an open contactor when the EV stays in C."""
    enforces: frozenset[str] = field(default_factory=frozenset)
    """IEC 61851-1 Table A.6 sequences and protections that the board carries out by itself."""
    pause_is_timed_by_board: bool = False
    leaves_sequences_to_host: bool = False
    """True: pacing, wake-up and pause are the host's; the board is a `PilotInterrupt`."""
    has_lock: bool = False
    has_phase_switch: bool = False
    has_shunt_trip: bool = False
    has_temperature: bool = False
    detects_cable: bool = False
    has_contactor_feedback: bool = True
    """False: `PowerOn` and `PowerOff` are what the board's state and currents show, not the contactor's own contact."""


@dataclass(frozen=True, slots=True)
class PlugInCounter:
    """Counters by which a board proves that the cable was not pulled in between."""

    session_energy_wh: Decimal
    total_energy_wh: Decimal
    """Energy of all plug-ins that have ended; grows when one ends."""
    elapsed_s: int
    """Charging time of this plug-in."""

    def continues(self, before: "PlugInCounter") -> bool:
        """Tell whether this is the plug-in seen `before`: its counters never restarted, and none has ended since."""
        if self.session_energy_wh < before.session_energy_wh or self.elapsed_s < before.elapsed_s:
            return False
        return self.total_energy_wh == before.total_energy_wh


@dataclass(frozen=True, slots=True)
class BoardStatus:
    """What a board says of itself when the line to it comes up."""

    firmware_version: str
    pilot: PilotState | None
    contactor_closed: bool | None
    enabled: bool
    """True: the board would give power to a car that asks."""
    restarted: bool
    """True: the board lost its volatile settings since this station last configured it."""
    plug_in: PlugInCounter | None


@dataclass(frozen=True, slots=True)
class BoardConnected:
    """The line is up, the board is identified and configured."""

    status: BoardStatus
    at_s: float


@dataclass(frozen=True, slots=True)
class BoardLost:
    """The board does not answer or its port is gone."""

    reason: str
    at_s: float
    last_heard_s: float | None = None
    """When it said something last: it may be dark since then. None: at `at_s`."""


@dataclass(frozen=True, slots=True)
class BoardReset:
    """The board restarted by itself; its power state is unknown until feedback comes."""

    reason: str
    at_s: float


@dataclass(frozen=True, slots=True)
class PilotChanged:
    """The board sees another pilot state."""

    state: PilotState
    at_s: float


@dataclass(frozen=True, slots=True)
class PowerOn:
    """Feedback: the contactor is closed."""

    at_s: float


@dataclass(frozen=True, slots=True)
class PowerOff:
    """Feedback: the contactor is open."""

    at_s: float


@dataclass(frozen=True, slots=True)
class OfferConfirmed:
    """The board now offers this current, A; 0 means no offer."""

    offered_current_a: float
    at_s: float


@dataclass(frozen=True, slots=True)
class FaultRaised:
    """A fault stands from now on."""

    fault: Fault
    detail: str
    at_s: float


@dataclass(frozen=True, slots=True)
class FaultCleared:
    """A fault no longer stands."""

    fault: Fault
    at_s: float


@dataclass(frozen=True, slots=True)
class PlugInCounted:
    """The board's counters of the present plug-in, from a regular poll."""

    counter: PlugInCounter
    at_s: float


@dataclass(frozen=True, slots=True)
class StopButtonPressed:
    """The driver pressed the stop button."""

    at_s: float


@dataclass(frozen=True, slots=True)
class LockChanged:
    """Feedback of the connector lock."""

    locked: bool
    at_s: float


@dataclass(frozen=True, slots=True)
class CableDetected:
    """The proximity contact shows a cable of this ampacity, A; None: no cable, or none that it can read."""

    ampacity_a: float | None
    at_s: float


@dataclass(frozen=True, slots=True)
class TemperatureMeasured:
    """One sensor of the board, degrees Celsius; None: it is missing or failed its self-test, which is never cold."""

    sensor: str
    temperature_c: Decimal | None
    at_s: float


@dataclass(frozen=True, slots=True)
class PhasesSwitched:
    """Feedback: so many phases are connected from the next closing on."""

    phases: int
    at_s: float


BoardEvent = (
    BoardConnected
    | BoardLost
    | BoardReset
    | PilotChanged
    | PowerOn
    | PowerOff
    | OfferConfirmed
    | FaultRaised
    | FaultCleared
    | PlugInCounted
    | StopButtonPressed
    | LockChanged
    | CableDetected
    | TemperatureMeasured
    | PhasesSwitched
)


class PilotController(Protocol):
    """Pilot and contactor of one EVSE.

    Power flows only while a current is offered *and* the permission is unexpired *and* the EV asks for it.
    """

    @property
    def capabilities(self) -> BoardCapabilities:
        """What this board can do; constant."""

    @property
    def last_beat_s(self) -> float:
        """Monotonic time at which the driver's own loop last came round; it does so even while the board is silent."""

    def offer_current(self, offered_current_a: float) -> None:
        """Signal this current on the pilot, A; 0 withdraws the offer (steady +12 V, X1)."""

    def permit_power(self, until_s: float) -> None:
        """Let the contactor close when the EV asks, until this monotonic time; renew to keep it."""

    def forbid_power(self, reason: ForbidReason) -> None:
        """Open the contactor at once; goes out before anything else that waits."""

    async def run(self, emit: Callable[[BoardEvent], None]) -> None:
        """Own the line for ever: reopen it, poll it, report through `emit`; returns only on cancellation."""


# --------------------------------------------------------------------------- energy meter


class Quality(Enum):
    """How far a reading may be trusted."""

    GOOD = "good"
    NO_ENERGY = "no_energy"
    """The energy register is absent, implausible or backwards: the rest may be shown, nothing is billed from it."""


@dataclass(frozen=True, slots=True)
class MeterReading:
    """One sample of a meter, with its own time; absent quantities are None."""

    at: datetime
    """UTC, when the reply arrived."""
    at_s: float
    quality: Quality
    energy_import_wh: Decimal | None
    energy_export_wh: Decimal | None = None
    power_w: Decimal | None = None
    power_l_w: tuple[Decimal | None, ...] = ()
    voltage_v: tuple[Decimal | None, ...] = ()
    current_a: tuple[Decimal | None, ...] = ()
    frequency_hz: Decimal | None = None


@dataclass(frozen=True, slots=True)
class LinkErrors:
    """Errors counted per device since start."""

    timeouts: int = 0
    bad_frames: int = 0
    exceptions: int = 0
    implausible: int = 0


class EnergyMeter(Protocol):
    """A meter that measures what one EVSE delivers."""

    @property
    def bills(self) -> bool:
        """True if the register may be billed from."""

    @property
    def errors(self) -> LinkErrors:
        """Errors of this device so far."""

    def restore_total(self, energy_import_wh: Decimal) -> None:
        """Tell the total known before a restart, ahead of the first read: a register that wraps goes on above it."""

    async def read(self) -> MeterReading:
        """Take one fresh sample. Raises: HalError."""
