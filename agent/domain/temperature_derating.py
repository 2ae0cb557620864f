"""Less current as it gets warmer, with hysteresis; a sensor that tells nothing is never taken for a cold one.

Source: facts bench scenarios TH-01 (65, 68, 71 and back at 62 degrees Celsius) and TH-02.
"""

from collections.abc import Mapping
from typing import Final

from agent.domain import events as ev
from hal.api import Fault
from hal.value import dataclass

PLAUSIBLE_C: Final = (-50.0, 150.0)
_SOURCE: Final = ev.FaultSource.DERATING


@dataclass(frozen=True, slots=True)
class DeratingSteps:
    """From which temperature on how much of the current is left; the last step pauses."""

    steps: tuple[tuple[float, float], ...] = ((65.0, 0.75), (68.0, 0.5), (71.0, 0.0))
    """Temperature, degrees Celsius, and the fraction left from there on; rising."""
    recover_c: float = 62.0
    """At or below this the whole current is back; between this and the first step nothing changes."""
    sensor_fallback_a: float | None = None
    """Offer while a sensor tells nothing, A; None: that is a fault."""
    pause_s: float = 4.0
    """How long the EV may take to stop by itself before power is cut; the scenario allows 5 s until it is open."""


class TemperatureDerating:
    """Follows the sensors of one EVSE."""

    def __init__(self, steps: DeratingSteps | None = None) -> None:
        self._steps = steps or DeratingSteps()
        self._sensors: dict[str, float | None] = {}
        self._step = -1
        self._sensor_fault = False
        self._stopped_at_s: float | None = None
        self._heat_fault = False

    @property
    def hottest_c(self) -> float | None:
        """The highest temperature known, degrees Celsius."""
        return max((value for value in self._sensors.values() if value is not None), default=None)

    def measured(self, temperatures_c: Mapping[str, float | None], at_s: float) -> tuple[ev.Event, ...]:
        """Take the present values, by sensor; return faults that appear or disappear. To be told every second."""
        for name, value in temperatures_c.items():
            plausible = value is not None and PLAUSIBLE_C[0] <= value <= PLAUSIBLE_C[1]
            self._sensors[name] = value if plausible else None
        self._follow(self.hottest_c)
        return (*self._judge_sensors(), *self._judge_heat(at_s))

    def limit_a(self, max_current_a: float, min_current_a: float) -> float:
        """Return the most to offer now, A; 0 pauses. Derating never goes below the minimum, only stopping does."""
        limit_a = max_current_a
        if self._missing and self._steps.sensor_fallback_a is not None:
            limit_a = min(limit_a, self._steps.sensor_fallback_a)
        if self._step < 0:
            return limit_a
        factor = self._steps.steps[self._step][1]
        return 0.0 if factor <= 0 else min(limit_a, max(min_current_a, max_current_a * factor))

    @property
    def _missing(self) -> list[str]:
        return sorted(name for name, value in self._sensors.items() if value is None)

    @property
    def _is_stopped(self) -> bool:
        return self._step >= 0 and self._steps.steps[self._step][1] <= 0

    def _follow(self, hottest_c: float | None) -> None:
        if hottest_c is None:
            return
        if hottest_c <= self._steps.recover_c:
            self._step = -1
            return
        reached = sum(hottest_c >= from_c for from_c, _ in self._steps.steps) - 1
        self._step = max(self._step, reached)

    def _judge_sensors(self) -> tuple[ev.Event, ...]:
        fault = bool(self._missing) and self._steps.sensor_fallback_a is None
        if fault == self._sensor_fault:
            return ()
        self._sensor_fault = fault
        if fault:
            detail = f"no value from {', '.join(self._missing)}"
            return (ev.FaultAppeared(Fault.TEMPERATURE_SENSOR, detail, _SOURCE),)
        return (ev.FaultDisappeared(Fault.TEMPERATURE_SENSOR, _SOURCE),)

    def _judge_heat(self, at_s: float) -> tuple[ev.Event, ...]:
        """Too hot is told once the EV had time to stop by itself, and withdrawn when it has cooled down."""
        if not self._is_stopped:
            self._stopped_at_s = None
        elif self._stopped_at_s is None:
            self._stopped_at_s = at_s
        too_hot = self._stopped_at_s is not None and at_s - self._stopped_at_s >= self._steps.pause_s
        if too_hot == self._heat_fault:
            return ()
        self._heat_fault = too_hot
        if too_hot:
            return (ev.FaultAppeared(Fault.OVER_TEMPERATURE, f"{self.hottest_c:.0f} degrees Celsius", _SOURCE),)
        return (ev.FaultDisappeared(Fault.OVER_TEMPERATURE, _SOURCE),)
