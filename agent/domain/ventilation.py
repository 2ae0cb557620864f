"""When the fan of an EVSE is to run, and whether power may flow: a rule.

A car in state D gasses while it charges: the fan runs before power is permitted. One that is charging already when it
asks for the fan is given `FAN_TIMEOUT_S`; a fan that does not run by then takes the power away and is a fault.
Source: IEC 61851-1 Table A.6, sequences 5 and 6; facts: bench_scenarios CP-14.
"""

from typing import Final

from hal.api import PilotState

FAN_TIMEOUT_S: Final = 3.0
RUN_ON_S: Final = 60.0
"""The fan clears the air after the car is done."""


class Ventilation:
    """Knows the pilot, the contactor and the fan of one EVSE."""

    def __init__(self) -> None:
        self.fan_wished = False
        self.failed = False
        """The fan did not run in time; stands until it runs or the car no longer asks."""
        self._asked = False
        self._fan_runs = False
        self._closed = False
        self._until_s: float | None = None

    @property
    def holds_power(self) -> bool:
        """True while no power may be permitted for want of a running fan."""
        return self._asked and not self._fan_runs and not (self._closed and not self.failed)

    @property
    def deadline_s(self) -> float | None:
        """When `time_passed` is to be called, if ever."""
        return self._until_s

    def pilot_changed(self, state: PilotState | None, now_s: float) -> None:
        """Take note of the pilot; None: not known, and a fan that runs goes on."""
        if state is None or (state is PilotState.D) == self._asked:
            return
        self._asked = state is PilotState.D
        self.failed = False
        if self._asked:
            self.fan_wished = True
            self._until_s = None if self._fan_runs else now_s + FAN_TIMEOUT_S
        else:
            self._until_s = now_s + RUN_ON_S

    def contactor_changed(self, closed: bool | None) -> None:  # noqa: FBT001 - the feedback itself
        """Take note of the contactor's feedback; None: not known."""
        self._closed = closed is not False

    def fan_changed(self, running: bool, now_s: float) -> None:  # noqa: FBT001 - the feedback itself
        """Take note of the fan's feedback."""
        self._fan_runs = running
        if not self._asked:
            return
        self.failed = self.failed and not running
        self._until_s = None if running else now_s + FAN_TIMEOUT_S

    def time_passed(self, now_s: float) -> None:
        """Decide what was waited for."""
        if self._until_s is None or now_s < self._until_s:
            return
        self._until_s = None
        if self._asked:
            self.failed = not self._fan_runs
        else:
            self.fan_wished = False
