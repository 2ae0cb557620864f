"""What a simulated Modbus charge controller is made of (value); times are ours, no source tells the devices' own."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

Kind = Literal["evse_wb", "phoenix_ev_cc", "heidelberg", "phoenix_charx"]
Framing = Literal["rtu", "tcp"]


class Trouble(Enum):
    """Why a controller has taken itself out of service."""

    DIODE = "diode"
    RESIDUAL_CURRENT = "residual_current"
    WELDED = "welded"
    FAILS_TO_CLOSE = "fails_to_close"


@dataclass(frozen=True, slots=True)
class ControllerTiming:
    """How fast the controller is, s."""

    boot_s: float = 0.5
    reply_s: float = 0.005
    debounce_s: float = 0.03
    """A pilot level must stand so long before it counts."""
    close_s: float = 0.5
    """From state C with a current on offer until the contactor is driven: a toggle of 200 to 400 ms moves nothing.

    Facts iec61851_facts: Tinkerforge's board wants C for 500 ms.
    """
    x1_opening_s: float = 6.0
    """From a withdrawn offer until it opens under load; facts: iec61851_facts, sequence 10.2."""
    mirror_s: float = 0.3
    """A contactor may disagree with its coil for so long."""


@dataclass(frozen=True, slots=True)
class ModbusControllerModel:
    """Which controller it is, and how it is set."""

    kind: Kind = "evse_wb"
    unit: int = 1
    charging_point: int = 1
    fine_steps: bool = False
    """EVSE-WB: 0.01 A units are configured."""
    firmware: int = 18
    """EVSE-WB: number in its register."""
    boot_current_a: int = 16
    """EVSE-WB: what it offers after a restart, until it is told otherwise."""
    timing: ControllerTiming = field(default_factory=ControllerTiming)

    @property
    def framing(self) -> Framing:
        """How it frames what it sends."""
        return "tcp" if self.kind == "phoenix_charx" else "rtu"
