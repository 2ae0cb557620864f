"""Values of the simulated safety controller: model, times, states (value).

Source: facts boards_protocols, chargebyte, and the manufacturer's public documentation (chargebyte-docs,
safety_controller.rst); what neither says is marked "unsourced".
"""

from dataclasses import dataclass
from enum import Enum

from hal.codecs.safety_values import FirmwareVersion
from hil.world import PilotKind


class McuState(Enum):
    """Life of the controller: it leaves INIT with the first control frame; inquiries alone do not count."""

    DARK = "dark"
    BOOTING = "booting"
    INIT = "init"
    RUNNING = "running"
    SAFE = "safe"


class SafeStateExit(Enum):
    """What ends the safe state."""

    RESTART = "restart"
    """The cause is gone and a control frame without contactors has come: the permission is begun anew by the host.

    This project's choice, after Klipper's outputs that stay down until an explicit restart; unsourced for this board.
    """
    RESET = "reset"
    """Only a reset, as the manufacturer documents it."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Reaction times, s."""

    boot_s: float = 0.3
    report_s: float = 0.1
    inquiry_s: float = 0.005
    """At most 0.03."""
    host_silence_s: float = 0.5
    """Unsourced: the manufacturer's limit is not public."""
    pilot_filter_s: float = 0.03
    """Of the 50 ms that may be spent on filtering (facts iec61851_facts, sequences 7 and 8.1)."""
    fault_filter_s: float = 0.03
    sampling_s: float = 0.01
    """Between two measurements of a noisy pilot."""
    stable_c_s: float = 0.5
    """State C must have stood so long before a contactor closes: a B-C-B toggle of 200-400 ms moves nothing."""
    rcm_self_test_s: float = 0.5
    contactor_check_s: float = 0.3
    """A mirror contact may disagree with the coil for so long."""
    bounce_s: float = 0.02
    hold_f_s: float = 0.3
    """State F after a fault lasts at least so long (facts iec61851_facts, sequence 12)."""


FIRMWARE = FirmwareVersion(0, 3, 1)


@dataclass(frozen=True, slots=True)
class SafetyBoardModel:
    """Which board this is and what its parameter block says. Raises: ValueError for contactors out of order."""

    firmware: FirmwareVersion = FIRMWARE
    git_hash: bytes = bytes.fromhex("0123456789abcdef")
    part_number: str = "SIMULATED-SAFETY"
    """Up to 16 ASCII characters."""
    timing: Timing = Timing()
    contactors: tuple[bool, bool, bool] = (True, True, False)
    """Which are fitted: 1 switches L1 and N, 2 switches L2 and L3."""
    ventilation: bool = False
    """True: state D is given power."""
    socket: bool = False
    """True: a socket outlet, whose proximity contact is watched."""
    rcm: bool = True
    emergency_stops: tuple[bool, bool, bool] = (True, False, False)
    """Which are wired."""
    abort_temperature_c: tuple[float | None, float | None, float | None, float | None] = (80.0, None, None, None)
    """Per PT1000 channel; None: not used."""
    temperature_hysteresis_c: float = 5.0
    """Unsourced."""
    min_supply_v: float = 10.0
    """Below this the board calls its own supply browned out. Unsourced."""
    pilot_when_disabled: PilotKind = PilotKind.NEGATIVE
    """What stands on the pilot at boot and until the host enables it. Unsourced: state F, as in the safe state."""
    safe_state_exit: SafeStateExit = SafeStateExit.RESTART

    def __post_init__(self) -> None:
        first, second, third = self.contactors
        if not first or (third and not second):
            raise ValueError("contactors are fitted in order: 1, then 2, then 3")
