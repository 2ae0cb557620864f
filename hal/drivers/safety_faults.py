"""From what a safety controller reports to faults (rule).

* A fault stands as long as its cause. One that the board stops looking for once it has opened (diode, residual
  current and its self-test, a contactor that does not close) stands until state A is seen, else it would come and go
  for ever. The monitor's own state RCM error outlives its safe state until the next self-test and is no fault here.
* The board cannot tell residual DC from AC; both are `GROUND_FAULT_TRIPPED`.
Source: facts: boards_protocols, chargebyte, safe-state reasons.
"""

from collections.abc import Mapping
from typing import Final

from hal.api import BoardEvent, Fault, FaultCleared, FaultRaised, PilotState
from hal.codecs.safety_values import (
    ChargeState,
    ContactorState,
    EmergencyStop,
    ProximityCode,
    SafeState,
    Temperatures,
)
from hal.codecs.safety_values import SafeStateReason as Reason
from hal.drivers.safety_state import is_used, plausible_c

_REASONS: Final[dict[Reason, Fault]] = {
    Reason.UNKNOWN: Fault.BOARD_INTERNAL,
    Reason.NONE: Fault.BOARD_INTERNAL,
    Reason.INTERNAL_ERROR: Fault.BOARD_INTERNAL,
    Reason.TEMPERATURE_1_MALFUNCTION: Fault.TEMPERATURE_SENSOR,
    Reason.TEMPERATURE_2_MALFUNCTION: Fault.TEMPERATURE_SENSOR,
    Reason.TEMPERATURE_3_MALFUNCTION: Fault.TEMPERATURE_SENSOR,
    Reason.TEMPERATURE_4_MALFUNCTION: Fault.TEMPERATURE_SENSOR,
    Reason.TEMPERATURE_1_TOO_HIGH: Fault.OVER_TEMPERATURE,
    Reason.TEMPERATURE_2_TOO_HIGH: Fault.OVER_TEMPERATURE,
    Reason.TEMPERATURE_3_TOO_HIGH: Fault.OVER_TEMPERATURE,
    Reason.TEMPERATURE_4_TOO_HIGH: Fault.OVER_TEMPERATURE,
    Reason.PROXIMITY: Fault.PROXIMITY,
    Reason.PILOT: Fault.PILOT,
    Reason.PILOT_SHORT: Fault.PILOT,
    Reason.DIODE: Fault.DIODE,
    Reason.EMERGENCY_STOP_1: Fault.EMERGENCY_STOP,
    Reason.EMERGENCY_STOP_2: Fault.EMERGENCY_STOP,
    Reason.EMERGENCY_STOP_3: Fault.EMERGENCY_STOP,
    Reason.RCM_ERROR: Fault.GROUND_FAULT_TRIPPED,
    Reason.RCM_SELF_TEST: Fault.RESIDUAL_CURRENT_SELF_TEST,
}
"""HV_SWITCH is told by the mirror contacts; a missed host (COM_TIMEOUT) by the driver."""
_UNTIL_UNPLUGGED: Final = frozenset(
    {
        Fault.DIODE,
        Fault.GROUND_FAULT_TRIPPED,
        Fault.RESIDUAL_CURRENT_SELF_TEST,
        Fault.CONTACTOR_FAILED_TO_CLOSE,
    }
)


class SafetyFaults:
    """Faults of one board and which of them were told."""

    def __init__(self, *, has_ventilation: bool = False) -> None:
        self._has_ventilation = has_ventilation
        self._latched: dict[Fault, str] = {}
        self._own: dict[Fault, str] = {}
        self._reported: dict[Fault, str] = {}
        self._hot: dict[Fault, str] = {}
        self._told: dict[Fault, str] = {}

    @property
    def standing(self) -> Mapping[Fault, str]:
        """All faults that stand, with their details."""
        return {**self._hot, **self._reported, **self._latched, **self._own}

    def stand(self, fault: Fault, detail: str) -> None:
        """Let a fault that the driver found stand; an empty detail takes it back."""
        self._own.pop(fault, None)
        if detail and fault in _UNTIL_UNPLUGGED:
            self._latched[fault] = detail
        elif detail:
            self._own[fault] = detail

    def observe(self, report: ChargeState) -> None:
        """Take one report."""
        if report.pilot is PilotState.A:
            self._latched.clear()
        self._reported = _reported(report)
        if self._has_ventilation:
            self._reported.pop(Fault.VENTILATION_REQUIRED, None)
        for fault in _UNTIL_UNPLUGGED & self._reported.keys():
            self._latched[fault] = self._reported[fault]

    def measured(self, temperatures: Temperatures) -> None:
        """Take the temperatures."""
        self._hot = {}
        for number, channel in enumerate(temperatures.channels, start=1):
            if is_used(channel) and plausible_c(channel) is None:
                self._hot[Fault.TEMPERATURE_SENSOR] = f"sensor {number} missing or broken"
            elif channel.charging_stopped:
                self._hot[Fault.OVER_TEMPERATURE] = f"sensor {number}: {channel.temperature_c} C"

    def changes(self, now_s: float) -> list[BoardEvent]:
        """Tell what changed since the last call, one by one, cleared first."""
        faults = dict(self.standing)
        cleared: list[BoardEvent] = [FaultCleared(fault, now_s) for fault in self._told if fault not in faults]
        raised = [FaultRaised(fault, detail, now_s) for fault, detail in faults.items() if fault not in self._told]
        self._told = faults
        return cleared + raised


def _reported(report: ChargeState) -> dict[Fault, str]:
    faults: dict[Fault, str] = {}
    if report.safe_state is SafeState.SAFE:
        reason = report.safe_state_reason
        if reason in _REASONS:
            faults[_REASONS[reason]] = f"safe state: {reason.name.lower()}"
        elif reason is Reason.HV_SWITCH:
            welded = ContactorState.CLOSED in report.contactors
            fault = Fault.CONTACTOR_WELDED if welded else Fault.CONTACTOR_FAILED_TO_CLOSE
            faults[fault] = "safe state: mirror contact against its coil"
    if report.pilot_short:
        faults[Fault.PILOT] = "pilot shorted"
    if report.diode_fault:
        faults[Fault.DIODE] = "the EV does not rectify the pilot"
    if report.proximity is ProximityCode.INVALID:
        faults[Fault.PROXIMITY] = "proximity resistance is none of a cable"
    tripped = [n for n, stop in enumerate(report.emergency_stops, start=1) if stop is EmergencyStop.TRIPPED]
    if tripped:
        faults[Fault.EMERGENCY_STOP] = "emergency stop " + ", ".join(map(str, tripped))
    if report.pilot is PilotState.D:
        faults[Fault.VENTILATION_REQUIRED] = "pilot state D"
    return faults
