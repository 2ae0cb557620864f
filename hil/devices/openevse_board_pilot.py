"""What the board sees on its pilot, debounced with the measured times (lives on the loop it is given).

Source: facts rapi_openevse, measured reactions and trap 7: a pilot shorted to earth looks like state D without PWM and
like a broken diode with PWM. The board drives its pilot itself: a quarter of a percent less duty than the table asks
for (measured, facts iec61851_facts).
"""

from collections.abc import Callable

from hil.devices.openevse_board_values import Eeprom, Setting, State, Timing
from hil.devices.timers import Timers
from hil.world import EvseWorld, PilotKind, PilotOutput

MEASURED_DUTY_FACTOR = 0.9975
"""26.60 % for 16 A instead of 26.67 %."""
DIODE_LIMIT_V = -10.0
SHORT_LIMIT_V = 1.0
BORDERS_V = ((10.5, State.A), (7.5, State.B), (4.5, State.C))
"""Half-way between the nominal levels, without hysteresis; the firmware's own numbers are not in the facts."""


class BoardPilot:
    """Drives the pilot and debounces what hangs on it; `became` is called when a new state has stood long enough."""

    def __init__(
        self, world: EvseWorld, timing: Timing, eeprom: Eeprom, became: Callable[[State, State], None]
    ) -> None:
        self._world = world
        self._time = timing
        self._eeprom = eeprom
        self._became = became
        self._timers = Timers(world.loop)
        self._pending = State.UNKNOWN
        self.state = State.UNKNOWN

    def reset(self, state: State = State.UNKNOWN) -> None:
        """Begin anew from this state."""
        self._timers.cancel_all()
        self.state = state

    def drive(self, kind: PilotKind, capacity_a: int = 0) -> None:
        """Put this on the pilot."""
        duty = duty_percent(capacity_a) if kind is PilotKind.PWM else 0.0
        self._world.change(output=PilotOutput(kind, duty))

    def look(self) -> None:
        """Look at the levels, after any change of them."""
        seen = self._sense()
        if seen is None or seen is self.state:
            self._timers.cancel("debounce")
        elif "debounce" not in self._timers or self._pending is not seen:
            self._pending = seen
            self._timers.after("debounce", self._reaction_s(seen), lambda: self._confirm(seen))

    @property
    def is_above_c(self) -> bool:
        """True while the level shows that the car has let go: higher than state C."""
        return self._world.pilot_voltage_v[0] >= BORDERS_V[1][0]

    def _confirm(self, seen: State) -> None:
        before, self.state = self.state, seen
        self._became(before, seen)

    def _sense(self) -> State | None:
        high_v, low_v = self._world.pilot_voltage_v
        if self._world.output.kind is PilotKind.NEGATIVE:
            return None
        # Of 100 samples it takes the extremes (open_evse 8.2.3, `ReadPilot`), so that noise widens what it sees.
        high_v, low_v = high_v + self._world.pilot_noise_v, low_v - self._world.pilot_noise_v
        pwm = self._world.output.kind is PilotKind.PWM
        if pwm and low_v > DIODE_LIMIT_V and not self._eeprom.flags & Setting.DIODE_OFF:
            return State.DIODE
        return next((state for border_v, state in BORDERS_V if high_v >= border_v), State.VENT)

    def _reaction_s(self, seen: State) -> float:
        if self._world.pilot_voltage_v[0] < SHORT_LIMIT_V:
            return self._time.pilot_short_s
        times = {State.A: self._time.to_a_s, State.B: self._time.to_b_s, State.C: self._time.to_c_s}
        return times.get(seen, self._time.diode_s if seen is State.DIODE else self._time.to_d_s)


def duty_percent(current_a: int) -> float:
    """Return the duty cycle that the board's timer gives for 6-51 A."""
    return current_a / 0.6 * MEASURED_DUTY_FACTOR
