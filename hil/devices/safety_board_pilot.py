"""Pilot of the simulated safety controller: drives it, measures it, filters what it sees (lives on the loop given).

Rules kept here:
* The borders between the states move away from the state that stands (facts iec61851_facts, IEC A.4.11).
* A new state counts once it has stood for the filter time; while the pilot is at -12 V it is state F at once.
* With PWM on a plugged vehicle the low level must be about -12 V, else the vehicle's diode is shorted.
"""

from collections.abc import Callable

from hal.codecs.safety_values import PilotState
from hil.devices.safety_board_values import Timing
from hil.devices.timers import Timers
from hil.world import EvseWorld, PilotKind, PilotOutput

DIODE_LIMIT_V = -10.0
"""Source: facts iec61851_facts, diode check (TF)."""
RAIL_BAND_V = (-13.0, -11.0)
FREQUENCY_BAND_HZ = (980.0, 1020.0)
BORDERS_V = ((10.5, PilotState.A), (7.5, PilotState.B), (4.5, PilotState.C), (1.5, PilotState.D))
HYSTERESIS_V = 0.3
PLUGGED_STATES = frozenset({PilotState.B, PilotState.C, PilotState.D})


class SafetyPilot:
    """Drives the pilot and follows what hangs on it; `look_again` is called after each change and measurement."""

    def __init__(self, world: EvseWorld, timing: Timing, look_again: Callable[[], None]) -> None:
        self._world = world
        self._time = timing
        self._look_again = look_again
        self._timers = Timers(world.loop)
        self._pending: PilotState | None = None
        self._levels_v = (0.0, 0.0)
        self.state: PilotState | None = None

    def reset(self) -> None:
        """Know nothing."""
        self._timers.cancel_all()
        self.state = self._pending = None

    def drive(self, output: PilotOutput) -> None:
        """Put this on the pilot."""
        if output != self._world.output:
            self._world.change(output=output)

    def look(self) -> None:
        """Measure, after any change of the levels; a noisy pilot is measured again and again."""
        self._levels_v = self._world.sample_pilot_v()
        self._timers.keep("sample", self._world.pilot_noise_v, self._time.sampling_s, self._look_again)
        seen = self._sense()
        if seen is self.state:
            self._pending = None
            self._timers.cancel("filter")
        elif seen is PilotState.F:
            self._timers.cancel("filter")
            self.state, self._pending = seen, None
        elif "filter" not in self._timers or self._pending is not seen:
            self._pending = seen
            self._timers.after("filter", self._time.pilot_filter_s, lambda: self._confirm(seen))

    @property
    def is_shorted(self) -> bool:
        """True if the pilot does not follow its generator to either side."""
        high_v, low_v = self._levels_v
        kind = self._world.output.kind
        if kind is PilotKind.NEGATIVE:
            return high_v > -BORDERS_V[-1][0]
        return kind is not PilotKind.DARK and abs(high_v) < BORDERS_V[-1][0] and abs(low_v) < BORDERS_V[-1][0]

    @property
    def diode_is_shorted(self) -> bool:
        """True if a plugged vehicle does not rectify."""
        high_v, low_v = self._levels_v
        pwm = self._world.output.kind is PilotKind.PWM
        return pwm and low_v > DIODE_LIMIT_V and not self.is_shorted and high_v < BORDERS_V[0][0]

    @property
    def generator_is_faulty(self) -> bool:
        """True if the board's own rail or frequency is out of bounds."""
        low_v, high_v = RAIL_BAND_V
        low_hz, high_hz = FREQUENCY_BAND_HZ
        good_rail = low_v <= self._world.negative_rail_v <= high_v
        return not good_rail or not low_hz <= self._world.pwm_frequency_hz <= high_hz

    def _confirm(self, seen: PilotState) -> None:
        self.state, self._pending = seen, None
        self._look_again()

    def _sense(self) -> PilotState:
        high_v, _ = self._levels_v
        if self._world.output.kind is PilotKind.NEGATIVE:
            return PilotState.E if self.is_shorted else PilotState.F
        if self.state is not None and self._stays(high_v):
            return self.state
        return next((state for border_v, state in BORDERS_V if high_v >= border_v), PilotState.E)

    def _stays(self, high_v: float) -> bool:
        """Tell whether the level is still within the borders of the state that stands, moved outwards."""
        states = [state for _, state in BORDERS_V] + [PilotState.E]
        if self.state not in states:
            return False
        place = states.index(self.state)
        upper_v = BORDERS_V[place - 1][0] if place else float("inf")
        lower_v = BORDERS_V[place][0] if place < len(BORDERS_V) else float("-inf")
        return lower_v - HYSTERESIS_V <= high_v <= upper_v + HYSTERESIS_V
