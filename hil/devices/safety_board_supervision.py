"""What brings the simulated safety controller into its safe state: one table (lives on the loop it is given).

Each condition must hold for its filter time. Where the list of reasons has no entry of its own the nearest is used:
a mirror contact against its coil is HV_SWITCH, a browned-out supply INTERNAL_ERROR, a pilot generator out of bounds
PILOT (unsourced). Source: facts boards_protocols, chargebyte, safe-state reasons.
"""

from collections.abc import Callable
from functools import partial

from hal.codecs.safety_values import ProximityCode, SafeStateReason
from hil.devices.safety_board_contactors import SafetyContactors
from hil.devices.safety_board_pilot import PLUGGED_STATES, SafetyPilot
from hil.devices.safety_board_rcm import SafetyRcm
from hil.devices.safety_board_sensors import is_broken, is_too_hot, proximity_code
from hil.devices.safety_board_values import SafetyBoardModel
from hil.devices.timers import Timers
from hil.world import EvseWorld

CHANNELS = (1, 2, 3, 4)
STOPS = (1, 2, 3)
Condition = Callable[[], bool]


class SafetySupervision:
    """Watches every condition; calls `trip` with the first that stood long enough."""

    def __init__(
        self,
        world: EvseWorld,
        model: SafetyBoardModel,
        parts: tuple[SafetyPilot, SafetyContactors, SafetyRcm],
        trip: Callable[[SafeStateReason], None],
    ) -> None:
        self._world = world
        self._model = model
        self._pilot, self._contactors, self._rcm = parts
        self._trip = trip
        self._timers = Timers(world.loop)
        self._stopped_by = SafeStateReason.NONE
        self._conditions = self._table()

    def reset(self) -> None:
        """Begin anew: nothing has tripped."""
        self._timers.cancel_all()
        self._stopped_by = SafeStateReason.NONE

    def look(self) -> None:
        """Look at every condition, after any change."""
        for reason, (condition, filter_s) in self._conditions.items():
            holds = condition()
            if holds and not filter_s:
                self._trips(reason)
                return
            self._timers.keep(reason.name, holds, filter_s, partial(self._trips, reason))

    def suspend(self) -> None:
        """Stop watching; what has tripped is kept for its hysteresis."""
        self._timers.cancel_all()

    @property
    def anything_stands(self) -> bool:
        """True while the cause of any fault is still there."""
        invalid_plug = self._model.socket and proximity_code(self._world.proximity_ohm) is ProximityCode.INVALID
        return invalid_plug or any(condition() for condition, _ in self._conditions.values())

    @property
    def hot_channel(self) -> int | None:
        """PT1000 channel that stopped charging."""
        number = self._stopped_by - SafeStateReason.TEMPERATURE_1_TOO_HIGH + 1
        broken = self._stopped_by - SafeStateReason.TEMPERATURE_1_MALFUNCTION + 1
        return next((channel for channel in (broken, number) if channel in CHANNELS), None)

    def _trips(self, reason: SafeStateReason) -> None:
        self._timers.cancel_all()
        self._stopped_by = reason
        self._trip(reason)

    def _table(self) -> dict[SafeStateReason, tuple[Condition, float]]:
        filter_s = self._model.timing.fault_filter_s
        table: dict[SafeStateReason, tuple[Condition, float]] = {
            SafeStateReason.RCM_ERROR: (self._residual_current, 0.0),
            **{
                SafeStateReason(SafeStateReason.EMERGENCY_STOP_1 + number - 1): (self._stop(number), filter_s)
                for number in STOPS
            },
            SafeStateReason.PILOT: (lambda: self._pilot.generator_is_faulty, filter_s),
            SafeStateReason.PILOT_SHORT: (lambda: self._pilot.is_shorted, filter_s),
            SafeStateReason.DIODE: (lambda: self._pilot.diode_is_shorted, filter_s),
            SafeStateReason.PROXIMITY: (self._proximity, filter_s),
            SafeStateReason.INTERNAL_ERROR: (self._brown_out, filter_s),
            SafeStateReason.HV_SWITCH: (lambda: self._contactors.disagree, self._model.timing.contactor_check_s),
        }
        for channel in CHANNELS:
            table[SafeStateReason(SafeStateReason.TEMPERATURE_1_TOO_HIGH + channel - 1)] = (
                self._hot(channel),
                filter_s,
            )
            broken = SafeStateReason(SafeStateReason.TEMPERATURE_1_MALFUNCTION + channel - 1)
            table[broken] = (self._broken(channel), filter_s)
        return table

    def _residual_current(self) -> bool:
        return self._model.rcm and self._rcm.sees_residual_current

    def _brown_out(self) -> bool:
        return self._world.surroundings.board_supply_v < self._model.min_supply_v

    def _proximity(self) -> bool:
        if not self._model.socket or self._pilot.state not in PLUGGED_STATES:
            return False
        code = proximity_code(self._world.proximity_ohm)
        return code is ProximityCode.INVALID or (code is ProximityCode.NO_CABLE and self._contactors.driven[0])

    def _stop(self, number: int) -> Condition:
        return lambda: self._model.emergency_stops[number - 1] and number in self._world.surroundings.emergency_stops

    def _hot(self, channel: int) -> Condition:
        reason = SafeStateReason(SafeStateReason.TEMPERATURE_1_TOO_HIGH + channel - 1)
        return lambda: is_too_hot(self._world, self._model, channel, stopped=self._stopped_by is reason)

    def _broken(self, channel: int) -> Condition:
        return lambda: is_broken(self._world, self._model, channel)
