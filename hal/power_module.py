"""A DC power module as the rest of Pilotline may know it: values, events and one interface.

As with `hal.api`: commands never block and never raise, what came of them arrives as an event, and what is off is known
by measurement alone. `switch_off` is the exception that waits, because what follows it (opening DC contactors,
releasing the connector) must not happen under current.
Source: facts: safety_split_and_interfaces, PowerModule.
"""

from collections.abc import Callable
from enum import Enum
from typing import Protocol

from hal.api import FaultCleared, FaultRaised
from hal.value import dataclass

SAFE_CURRENT_A = 1.0
"""Below this a DC circuit counts as free of current; this project's choice, under the limits of IEC 61851-23."""
OFF_TIMEOUT_S = 3.0


class PowerMode(Enum):
    """What a module does, by its own word."""

    OFF = "off"
    EXPORT = "export"


@dataclass(frozen=True, slots=True)
class PowerModuleCapabilities:
    """What the modules can deliver together, V, A and W."""

    min_voltage_v: float
    max_voltage_v: float
    max_current_a: float
    max_power_w: float
    host_loss_off_s: float
    """The modules switch off by themselves after so long without a word of the host, s."""


@dataclass(frozen=True, slots=True)
class PowerModuleConnected:
    """The modules answer; nothing is set and nothing is permitted."""

    capabilities: PowerModuleCapabilities
    at_s: float


@dataclass(frozen=True, slots=True)
class PowerModuleLost:
    """Nothing was heard for longer than modules deliver by themselves: they are off, the setpoint is forgotten."""

    reason: str
    at_s: float


@dataclass(frozen=True, slots=True)
class VoltageCurrentMeasured:
    """Voltage and current at the output, at least once a second while the modules answer, V and A."""

    voltage_v: float
    current_a: float
    at_s: float


@dataclass(frozen=True, slots=True)
class PowerModeChanged:
    """Feedback: the modules are in another mode."""

    mode: PowerMode
    at_s: float


@dataclass(frozen=True, slots=True)
class OutputRefused:
    """What was asked for lies outside what the modules can do; the setpoint is as it was."""

    reason: str
    at_s: float


PowerModuleEvent = (
    PowerModuleConnected
    | PowerModuleLost
    | VoltageCurrentMeasured
    | PowerModeChanged
    | OutputRefused
    | FaultRaised
    | FaultCleared
)


class PowerModule(Protocol):
    """DC output of one EVSE; it delivers only with a setpoint *and* an unexpired permission."""

    @property
    def last_beat_s(self) -> float:
        """Monotonic time at which the driver's own loop last came round."""

    def set_output(self, voltage_v: float, current_a: float) -> None:
        """Hold this voltage with at most this current, V and A; more than can be had is refused by an event."""

    def permit_output(self, until_s: float) -> None:
        """Let the modules deliver until this monotonic time; renew to keep it. Expiry is `switch_off`."""

    async def switch_off(self, timeout_s: float = OFF_TIMEOUT_S) -> bool:
        """Switch off at once and forget the setpoint; True once less than `SAFE_CURRENT_A` is measured, else False."""

    async def run(self, emit: Callable[[PowerModuleEvent], None]) -> None:
        """Own the line for ever: reopen it, poll, report through `emit`; returns only on cancellation."""
