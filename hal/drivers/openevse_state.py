"""What an OpenEVSE board last told of itself, and which events that means (rule).

Source: facts: rapi_openevse, States, vflags and traps 7 and 8.
"""

from typing import Final

from hal.api import BoardEvent, Fault, PilotChanged, PilotState, PowerOff, PowerOn
from hal.codecs.rapi_values import EvseState, VFlags

_FAULTS: Final = {
    EvseState.VENTILATION_REQUIRED: Fault.VENTILATION_REQUIRED,
    EvseState.DIODE_CHECK_FAILED: Fault.DIODE,
    EvseState.GROUND_FAULT: Fault.GROUND_FAULT_TRIPPED,
    EvseState.NO_GROUND: Fault.GROUND_MISSING,
    EvseState.STUCK_RELAY: Fault.CONTACTOR_WELDED,
    EvseState.GROUND_FAULT_SELF_TEST_FAILED: Fault.RESIDUAL_CURRENT_SELF_TEST,
    EvseState.OVER_TEMPERATURE: Fault.OVER_TEMPERATURE,
    EvseState.OVER_CURRENT: Fault.OVER_CURRENT,
    EvseState.RESERVED_0C: Fault.BOARD_UNSUITABLE,
    EvseState.RESERVED_0D: Fault.BOARD_UNSUITABLE,
    EvseState.RELAY_CLOSURE_FAILED: Fault.CONTACTOR_FAILED_TO_CLOSE,
}
_NEED_POWER_CYCLE: Final = frozenset({Fault.CONTACTOR_WELDED, Fault.RESIDUAL_CURRENT_SELF_TEST})
_HEALTHY: Final = {EvseState.A: PilotState.A, EvseState.B: PilotState.B, EvseState.C: PilotState.C}
_OF_THE_CAR: Final = {**_HEALTHY, EvseState.VENTILATION_REQUIRED: PilotState.D}
_OFF: Final = frozenset({EvseState.SLEEPING, EvseState.DISABLED})


class OpenEvseState:
    """The board's state as last heard; None is unknown."""

    def __init__(self) -> None:
        self.evse: EvseState | None = None
        self.pilot: PilotState | None = None
        self.contactor_closed: bool | None = None
        self.fault: Fault | None = None
        self.fault_detail = ""
        self._relay_driven: bool | None = None
        self.elapsed_s = 0
        """Charging time of this plug-in, or less: it never proves more than is so."""

    @property
    def enabled(self) -> bool:
        """True unless the board is asleep or disabled: it closes the contactor when the EV asks."""
        return self.evse is not None and self.evse not in _OFF

    @property
    def has_opened_by_itself(self) -> bool:
        """True while the board stands in a fault with its contactor open."""
        return self.evse is not None and self.evse.is_fault and self.contactor_closed is False

    @property
    def is_off_and_open(self) -> bool:
        """True while the board is asleep or disabled with its contactor open."""
        return self.evse in _OFF and self.contactor_closed is False

    @property
    def ev_connected(self) -> bool:
        """True in B, C and D."""
        return self.pilot in {PilotState.B, PilotState.C, PilotState.D}

    def forget(self) -> None:
        """The board restarted or its line is gone: all is unknown; a fault stands until something better is seen."""
        self.evse = None
        self.pilot = None
        self.contactor_closed = None

    def observe(self, evse: EvseState, pilot: EvseState, vflags: VFlags, at_s: float) -> list[BoardEvent]:
        """Take one `$AT` or `$GS`, keep the fault, and tell what changed of pilot and contactor.

        A welded contactor counts as closed for as long as the fault stands: a `PowerOff` told before is taken back.
        """
        connected = VFlags.EV_CONNECTED in vflags
        self.elapsed_s = plug_in_elapsed_s(self.elapsed_s, vflags)
        shown = evse if evse.is_fault else pilot
        self._keep_fault(self._fault(evse, pilot, connected=connected), f"board state {shown:02X}")
        events: list[BoardEvent] = []
        state = _pilot_state(evse, pilot, connected=connected, short=self.fault is Fault.PILOT)
        if state is not None and state is not self.pilot:
            self.pilot = state
            events.append(PilotChanged(state, at_s))
        # The flag tells the relay's drive. Mains sensed behind it, 1 s after it let go, shows that it did not open.
        self._relay_driven = VFlags.RELAY_CLOSED in vflags
        closed = self._relay_driven or self.fault is Fault.CONTACTOR_WELDED
        if closed is not self.contactor_closed:
            self.contactor_closed = closed
            events.append(PowerOn(at_s) if closed else PowerOff(at_s))
        self.evse = evse
        return events

    def restarted(self) -> None:
        """Let go of what only a power cycle clears, unless shown: a board whose self-test fails goes no further."""
        if self.fault in _NEED_POWER_CYCLE and (self.evse is None or not self.evse.is_fault):
            self._keep_fault(None, "")
            self.contactor_closed = None if self.evse is None else self._relay_driven

    def observe_boot(self, post_code: int) -> None:
        """Take the power-on self-test's code of `$AB`; after a failed one the board says nothing more."""
        for state, fault in _FAULTS.items():
            if state == post_code:
                self._keep_fault(fault, f"power-on self-test {post_code:02X}")

    def _fault(self, evse: EvseState, pilot: EvseState, *, connected: bool) -> Fault | None:
        # Trap 7: a short of pilot to PE is reported as 04 in A; RAPI has no state E. Asleep, the pilot field alone is.
        nobody_plugged = self.pilot in {PilotState.A, PilotState.E} or (self.pilot is None and not connected)
        if evse is EvseState.VENTILATION_REQUIRED:
            return Fault.PILOT if nobody_plugged else Fault.VENTILATION_REQUIRED
        if evse is EvseState.SLEEPING and pilot is EvseState.VENTILATION_REQUIRED and nobody_plugged:
            return Fault.PILOT
        if evse.is_fault:
            return _FAULTS[evse]
        if evse in _HEALTHY:
            return None
        # Asleep or disabled the board tests nothing: only the unplugging clears, as it does in the board (trap 8).
        unplugged = evse is EvseState.SLEEPING and pilot is not EvseState.UNKNOWN and not connected
        return None if unplugged and self.fault not in _NEED_POWER_CYCLE else self.fault

    def _keep_fault(self, fault: Fault | None, detail: str) -> None:
        if fault is not self.fault:
            self.fault, self.fault_detail = fault, detail


def plug_in_elapsed_s(elapsed_s: int, vflags: VFlags) -> int:
    """Charging time of this plug-in: the board goes on showing the last plug-in's until the relay closes again.

    Source: open_evse 8.2.3: `SESSION_ENDED` is set by the unplugging and cleared by `chargingOn`, which restarts it.
    """
    return 0 if VFlags.SESSION_ENDED in vflags else elapsed_s


def _pilot_state(evse: EvseState, pilot: EvseState, *, connected: bool, short: bool) -> PilotState | None:
    """State of the pilot line; None if the board cannot tell.

    Disabled it holds -12 V and sees nothing; put to sleep just after its start it has not looked yet, and its missing
    EV_CONNECTED says nothing of a car.
    """
    if short:
        return PilotState.E
    if evse in _HEALTHY:
        return _HEALTHY[evse]
    if evse is EvseState.VENTILATION_REQUIRED:
        return PilotState.D
    if evse is EvseState.SLEEPING and pilot is EvseState.UNKNOWN and not connected:
        return None
    if evse is EvseState.SLEEPING:
        # Steady +12 V: EV_CONNECTED tells plugged or not, the pilot field B from C.
        return _OF_THE_CAR.get(_plugged(pilot), PilotState.B) if connected else PilotState.A
    if evse.is_fault and not connected:
        return PilotState.A
    return _OF_THE_CAR.get(_plugged(pilot)) if evse.is_fault else None


def _plugged(pilot: EvseState) -> EvseState:
    """Drop an A that contradicts EV_CONNECTED: the flag follows first."""
    return EvseState.UNKNOWN if pilot is EvseState.A else pilot
