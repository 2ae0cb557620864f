"""What `PilotSequences` is configured with, where it stands and what it commands (values)."""

from enum import Enum, auto

from agent.domain.control_pilot import X1_GRACE_S
from hal.abilities import Phases
from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class SequenceValues:
    """Configured times of the pilot sequences. Source: facts: iec61851_facts, Timing."""

    duty_interval_s: float = 5.5
    """The duty cycle changes at most once in 5 s (IEC 61851-1 Table A.6, sequences 5 and 6).

    Half a second more, since a change may reach the pilot that much sooner than the one before it did.
    """
    x1_grace_s: float = X1_GRACE_S
    wakes_up: bool = True
    wake_up_after_s: float = 30.0
    """In B with an offer for so long: the EV sleeps (A.5.3)."""
    wake_up_f_s: float = 4.0
    wake_up_x1_s: float = 0.75
    phases: Phases = 3
    """Connected at start."""
    phase_dead_time_s: float = 10.0
    """From the open contactor to the switching of phases."""
    phase_confirm_s: float = 5.0
    """A switching that is not confirmed in this time is asked for again."""
    max_phase_switches: int = 10
    """In one plug-in."""
    phase_switch_in_f: bool = False
    """F instead of X1 on the pilot while phases are switched."""
    one_to_three_while_plugged: bool = True
    """More phases under a plugged-in car can destroy some EVs (facts: EVerest on the Zoe of the first generation)."""


class Step(Enum):
    """Where the sequence stands."""

    WITHDRAWN = auto()
    """X1: nothing is offered."""
    OFFERING = auto()
    WAKING = auto()
    """F, to wake a sleeping EV."""
    RETURNING = auto()
    """X1 between F and the offer."""
    LETTING_GO = auto()
    """X1 or F: the EV has its time to stop drawing before phases are switched."""
    OPENING = auto()
    DEAD_TIME = auto()
    SWITCHING = auto()


@dataclass(frozen=True, slots=True)
class OfferOnPilot:
    """Signal this current, at least 6 A."""

    current_a: float


@dataclass(frozen=True, slots=True)
class SteadyPilot:
    """Put X1 on the pilot."""


@dataclass(frozen=True, slots=True)
class InterruptPilot:
    """Put F on the pilot."""


@dataclass(frozen=True, slots=True)
class OpenContactor:
    """Open, and keep open until power is permitted anew."""


@dataclass(frozen=True, slots=True)
class ConnectPhases:
    """Switch to so many phases; the contactor is confirmed open."""

    phases: Phases


Command = OfferOnPilot | SteadyPilot | InterruptPilot | OpenContactor | ConnectPhases
