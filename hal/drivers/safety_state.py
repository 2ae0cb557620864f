"""What a safety controller last told of itself, and which events that means (rule).

Source: facts: boards_protocols, chargebyte; iec61851_facts, proximity pilot.
"""

import math
from decimal import Decimal
from typing import Final

from hal.api import BoardEvent, CableDetected, PilotChanged, PilotState, PowerOff, PowerOn, TemperatureMeasured
from hal.codecs.safety_values import ChargeState, ContactorState, ProximityCode, SafeState, Temperature, Temperatures

_AMPACITY_A: Final = {
    ProximityCode.CABLE_13_A: 13.0,
    ProximityCode.CABLE_20_A: 20.0,
    ProximityCode.CABLE_32_A: 32.0,
    ProximityCode.CABLE_63_A: 63.0,
}
_PLAUSIBLE_C: Final = (Decimal(-60), Decimal(200))
_TEMPERATURE_STEP_C: Final = Decimal("0.5")
_TEMPERATURE_INTERVAL_S: Final = 5.0


class SafetyState:
    """The board's state as last heard; None is unknown."""

    def __init__(self) -> None:
        self.report: ChargeState | None = None
        self.pilot: PilotState | None = None
        self.contactor_closed: bool | None = None
        self.pilot_since_s = -math.inf
        self.heard_s = -math.inf
        self._ampacity_a: float | None = None
        self._cable_known = False
        self._temperatures: dict[str, tuple[Decimal | None, float]] = {}

    def forget(self) -> None:
        """The board restarted or its line is gone: all is unknown."""
        self.report = self.pilot = self.contactor_closed = None
        self._cable_known = False
        self._temperatures.clear()

    @property
    def is_normal(self) -> bool:
        """True while the board is not in its safe state."""
        return self.report is not None and self.report.safe_state in {SafeState.NORMAL, SafeState.NOT_AVAILABLE}

    @property
    def awaits_host(self) -> bool:
        """True in a board that has started and has not been steered since: its pilot is not enabled."""
        return self.report is not None and self.is_normal and not self.report.pwm_enabled

    def cable(self, now_s: float) -> CableDetected:
        """Tell the cable as it was last heard."""
        return CableDetected(self._ampacity_a, now_s)

    def observe(self, report: ChargeState, now_s: float) -> list[BoardEvent]:
        """Take one report and tell what changed: the cable first, so that nothing is offered that it cannot carry."""
        self.report, self.heard_s = report, now_s
        events: list[BoardEvent] = []
        ampacity_a = _AMPACITY_A.get(report.proximity)
        if not self._cable_known or ampacity_a != self._ampacity_a:
            self._cable_known, self._ampacity_a = True, ampacity_a
            events.append(self.cable(now_s))
        if report.pilot is not None and report.pilot is not self.pilot:
            self.pilot, self.pilot_since_s = report.pilot, now_s
            events.append(PilotChanged(report.pilot, now_s))
        closed = contactor_closed(report)
        if closed is not None and closed is not self.contactor_closed:
            self.contactor_closed = closed
            events.append(PowerOn(now_s) if closed else PowerOff(now_s))
        return events

    def measured(self, temperatures: Temperatures, now_s: float) -> list[BoardEvent]:
        """Tell temperatures that moved, and each of them now and then."""
        events: list[BoardEvent] = []
        for number, channel in enumerate(temperatures.channels, start=1):
            if not is_used(channel):
                continue
            sensor, measured_c = f"pt1000_{number}", plausible_c(channel)
            last_c, told_s = self._temperatures.get(sensor, (None, -math.inf))
            if now_s - told_s >= _TEMPERATURE_INTERVAL_S or _moved(last_c, measured_c):
                self._temperatures[sensor] = (measured_c, now_s)
                events.append(TemperatureMeasured(sensor, measured_c, now_s))
        return events


def contactor_closed(report: ChargeState) -> bool | None:
    """Tell from the mirror contacts whether anything is connected; None while one of them bounces or none is used."""
    used = [state for state in report.contactors if state is not ContactorState.UNUSED]
    if ContactorState.CLOSED in used:
        return None if ContactorState.UNDEFINED in used else True
    return False if used and all(state is ContactorState.OPEN for state in used) else None


def is_used(channel: Temperature) -> bool:
    """Tell whether a sensor is configured for this channel."""
    return channel.temperature_c is not None or channel.self_test_failed


def plausible_c(channel: Temperature) -> Decimal | None:
    """Temperature, degrees Celsius; None for a sensor that failed or shows what cannot be."""
    low_c, high_c = _PLAUSIBLE_C
    if channel.self_test_failed or channel.temperature_c is None or not low_c <= channel.temperature_c <= high_c:
        return None
    return channel.temperature_c


def _moved(last_c: Decimal | None, measured_c: Decimal | None) -> bool:
    if last_c is None or measured_c is None:
        return last_c is not measured_c
    return abs(measured_c - last_c) >= _TEMPERATURE_STEP_C
