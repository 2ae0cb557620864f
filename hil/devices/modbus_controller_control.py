"""Pilot and contactor of a simulated Modbus charge controller (lives on the loop it is given).

It is a complete charger: it debounces the pilot, closes in C while a current is on offer, opens at once when the
EV leaves C, and after `x1_opening_s` when the offer is withdrawn under load. Trouble opens and stands: a weld until the
supply was off, all else until the car is unplugged.
Source: facts iec61851_facts, sequences 2, 4, 7, 10.2 and the diode check.
"""

from collections.abc import Callable

from hil.devices.modbus_controller_values import ControllerTiming, Trouble
from hil.devices.timers import Timers
from hil.world import EvseWorld, PilotKind, PilotOutput

DIODE_LIMIT_V = -10.0
MIN_OFFER_A = 6.0
LOWER_RANGE_END_A, UPPER_RANGE_START_A = 51.0, 52.5
ASKING = frozenset({"C"})
"""D is given no power: the controller is not set up for ventilation."""
CONNECTED = frozenset({"B", "C", "D"})


class ControllerControl:
    """Drives the pilot and the contactor; `offer_a` is what it may offer now."""

    def __init__(self, world: EvseWorld, timing: ControllerTiming, changed: Callable[[], None]) -> None:
        self._world = world
        self._time = timing
        self._changed = changed
        self._timers = Timers(world.loop)
        self._pending = "A"
        self._looking = self._look_again = False
        self.running = False
        self.state = "A"
        """What it sees on the pilot: A to E."""
        self.trouble: Trouble | None = None
        self.offer_a = 0.0
        world.listeners.append(self._look)

    def start(self) -> None:
        """Begin to work, with nothing on offer."""
        self.running, self.state, self.trouble, self.offer_a = True, "A", None, 0.0
        self._drive()
        self._look()

    def stop(self) -> None:
        """Go dark."""
        self.running = False
        self._timers.cancel_all()
        self.offer_a = 0.0
        self._world.change(relay_driven=False, output=PilotOutput(PilotKind.DARK))

    def offer(self, current_a: float) -> None:
        """Offer this current from now on, A; below 6 nothing is offered."""
        offer_a = current_a if current_a >= MIN_OFFER_A else 0.0
        if offer_a == self.offer_a or not self.running:
            return
        self.offer_a = offer_a
        self._drive()
        self._look()

    @property
    def signalled_a(self) -> float:
        """What the pilot tells the car now, A."""
        return self.offer_a if self._world.output.kind is PilotKind.PWM else 0.0

    @property
    def relay_driven(self) -> bool:
        """What it drives."""
        return self._world.relay_driven

    # -------------------------------------------------------------- pilot

    def _drive(self) -> None:
        pwm = self.offer_a > 0 and self.state in CONNECTED and self.trouble is None
        output = PilotOutput(PilotKind.PWM, _duty_percent(self.offer_a)) if pwm else PilotOutput(PilotKind.STEADY)
        self._world.change(output=output)

    def _look(self) -> None:
        """Look at pilot and contactor after any change."""
        self._look_again = True
        if not self.running or self._looking:
            return
        self._looking = True
        try:
            while self._look_again and self.running:
                self._look_again = False
                self._watch_pilot()
                self._watch_protection()
                self._decide()
        finally:
            self._looking = False

    def _watch_pilot(self) -> None:
        seen = self._world.pilot_state
        if seen == self.state:
            self._timers.cancel("debounce")
        elif "debounce" not in self._timers or self._pending != seen:
            self._pending = seen
            self._timers.after("debounce", self._time.debounce_s, lambda: self._confirm(seen))

    def _confirm(self, seen: str) -> None:
        self.state = seen
        if seen == "A" and self.trouble is not Trouble.WELDED:
            self.trouble = None
        self._drive()
        self._look()
        self._changed()

    # -------------------------------------------------------------- contactor

    def _decide(self) -> None:
        may_close = self.trouble is None and self.state in ASKING
        if not may_close:
            self._timers.cancel("close", "x1")
            self._relay(closed=False)
            return
        self._timers.keep("close", self.offer_a > 0 and not self.relay_driven, self._time.close_s, self._close)
        self._timers.keep("x1", self.offer_a == 0 and self.relay_driven, self._time.x1_opening_s, self._open)

    def _close(self) -> None:
        self._relay(closed=True)
        self._look()

    def _open(self) -> None:
        self._relay(closed=False)
        self._look()

    def _relay(self, *, closed: bool) -> None:
        if closed != self.relay_driven:
            self._world.change(relay_driven=closed)
            self._changed()

    def _watch_protection(self) -> None:
        world = self._world
        if world.residual_current_flows:
            self._fail(Trouble.RESIDUAL_CURRENT)
        pwm = world.output.kind is PilotKind.PWM
        shorted = pwm and self.state in CONNECTED and world.pilot_state != "E"
        shorted = shorted and world.pilot_voltage_v[1] > DIODE_LIMIT_V
        self._timers.keep("diode", shorted, self._time.debounce_s, lambda: self._fail(Trouble.DIODE))
        welded = world.contactor_closed and not self.relay_driven and self.trouble is not Trouble.WELDED
        self._timers.keep("weld", welded, self._time.mirror_s, lambda: self._fail(Trouble.WELDED))
        stays_open = self.relay_driven and not world.contactor_closed
        self._timers.keep("closing", stays_open, self._time.mirror_s, lambda: self._fail(Trouble.FAILS_TO_CLOSE))

    def _fail(self, trouble: Trouble) -> None:
        if self.trouble is trouble:
            return
        self.trouble = trouble
        self._relay(closed=False)
        self._drive()
        self._changed()


def _duty_percent(current_a: float) -> float:
    """Duty cycle that offers this current. Source: facts iec61851_facts, duty cycle, as EVerest generates it."""
    if current_a < UPPER_RANGE_START_A:
        return min(current_a, LOWER_RANGE_END_A) / 0.6
    return current_a / 2.5 + 64
