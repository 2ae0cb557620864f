"""What a charge controller shows beside its state: temperatures, cable and lock (rule)."""

import math
from decimal import Decimal
from typing import Final

from hal.api import BoardEvent, CableDetected, LockChanged, TemperatureMeasured
from hal.controllers.points import ControllerProfile
from hal.drivers.modbus_controller_image import ControllerImage

_PLAUSIBLE_C: Final = (Decimal(-60), Decimal(200))
_STEP_C: Final = Decimal("0.5")
_INTERVAL_S: Final = 5.0


class ControllerSensors:
    """Tells changes, and each temperature now and then."""

    def __init__(self, profile: ControllerProfile, image: ControllerImage) -> None:
        self._profile = profile
        self._image = image
        self._temperatures: dict[str, tuple[Decimal | None, float]] = {}
        self._cable: float | None = None
        self._cable_known = False
        self._locked: bool | None = None

    def forget(self) -> None:
        """The controller was lost: tell everything anew."""
        self._temperatures.clear()
        self._cable_known, self._locked = False, None

    def events(self, now_s: float) -> list[BoardEvent]:
        """What changed since the last call. Raises: BadFrameError if a register was never read."""
        return [*self._measured(now_s), *self._detected(now_s), *self._locking(now_s)]

    def _measured(self, now_s: float) -> list[BoardEvent]:
        events: list[BoardEvent] = []
        for sensor, quantity in self._profile.temperatures.items():
            (value,) = self._image.values(quantity)
            measured_c = value if value is not None and _PLAUSIBLE_C[0] <= value <= _PLAUSIBLE_C[1] else None
            last_c, told_s = self._temperatures.get(sensor, (None, -math.inf))
            if now_s - told_s >= _INTERVAL_S or _moved(last_c, measured_c):
                self._temperatures[sensor] = (measured_c, now_s)
                events.append(TemperatureMeasured(sensor, measured_c, now_s))
        return events

    def _detected(self, now_s: float) -> list[BoardEvent]:
        proximity = self._profile.proximity
        if proximity is None:
            return []
        ampacity = proximity.ampacity_a.get(self._image.word(proximity.span))
        cable = None if ampacity is None else float(ampacity)
        if self._cable_known and cable == self._cable:
            return []
        self._cable_known, self._cable = True, cable
        return [CableDetected(cable, now_s)]

    def _locking(self, now_s: float) -> list[BoardEvent]:
        lock = self._profile.lock
        if lock is None:
            return []
        locked = self._image.word(lock.span) in lock.values
        if locked is self._locked:
            return []
        self._locked = locked
        return [LockChanged(locked, now_s)]


def _moved(last_c: Decimal | None, measured_c: Decimal | None) -> bool:
    if last_c is None or measured_c is None:
        return last_c is not measured_c
    return abs(measured_c - last_c) >= _STEP_C
