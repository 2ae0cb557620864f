"""Charge control of the simulated OpenEVSE board: states, relay, faults, limits (lives on the loop it is given).

Reacts to changes of the electrical world after the measured times, and to commands at once. Faults latch as the facts
say: GFI and ground are tried again every 5 minutes, diode, vent and over-current wait for the unplug, a stuck relay for
a power cycle. Pilot levels of faults follow the firmware: steady +12 V, so that the unplug is seen.
"""

from collections.abc import Callable

from hil.devices.openevse_board_counters import PlugInCounters
from hil.devices.openevse_board_heartbeat import Heartbeat
from hil.devices.openevse_board_limits import PlugInLimits
from hil.devices.openevse_board_pilot import BoardPilot
from hil.devices.openevse_board_temperature import is_hot
from hil.devices.openevse_board_values import (
    CLEARED_BY_UNPLUGGING,
    MAX_COUNTER,
    MAX_RETRIES,
    MIN_CURRENT_A,
    RETRIED,
    BoardModel,
    Eeprom,
    Setting,
    State,
    VFlag,
)
from hil.devices.timers import Timers
from hil.world import EvseWorld, PilotKind, PilotOutput, Wiring

STOPPED_WHEN_OFF = ("relay", "retry", "over_current", "over_current_pause", "hot", "sleep", "ground", "closing")
"""Timers that mean nothing any more once the board has disabled itself or stands in a fault."""
PLUGGED_STATES = frozenset({State.B, State.C})


class ChargeControl:
    """The board's controller; `changed` is called after every change, `relay_closed` when the relay pulls in."""

    def __init__(
        self,
        world: EvseWorld,
        model: BoardModel,
        eeprom: Eeprom,
        changed: Callable[[], None],
        relay_closed: Callable[[], None],
    ) -> None:
        self._world = world
        self._model = model
        self._time = model.timing
        self._eeprom = eeprom
        self._changed = changed
        self._relay_closed = relay_closed
        self._timers = Timers(world.loop)
        self.heartbeat = Heartbeat(world.loop, eeprom, self._heartbeat_missed, self._heartbeat_restored)
        self.limits = PlugInLimits(world, self._limit_reached)
        self.counters = PlugInCounters(world, eeprom)
        self.pilot = BoardPilot(world, self._time, eeprom, self._pilot_became)
        self._reset()
        world.listeners.append(self._world_changed)

    def _reset(self) -> None:
        self.running = False
        self.state = State.UNKNOWN
        self.pilot.reset()
        self.flags = VFlag.SESSION_ENDED
        self.capacity_a = 0
        self.limits.clear()
        self.busy_until_s = 0.0
        self._latched: State | None = None
        self._retries = 0
        self.counters.reset()

    # -------------------------------------------------------------- power

    def power_up(self) -> None:
        """Start with what the EEPROM holds: enabled, pilot steady at +12 V."""
        self._reset()
        self._drive(PilotKind.STEADY)

    def self_test(self) -> State | None:
        """Test at power-on; returns the fault that ends it, if any."""
        wiring = self._world.wiring
        if self._world.live and not self._off(Setting.STUCK_RELAY_OFF):
            return State.STUCK_RELAY
        if Wiring.GROUND_MISSING in wiring and not self._off(Setting.GROUND_OFF):
            return State.NO_GROUND
        if Wiring.SELF_TEST_FAILS in wiring and not self._off(Setting.GFI_SELF_TEST_OFF):
            return State.GFI_SELF_TEST
        return None

    def run(self) -> None:
        """Begin to work, after the power-on test passed."""
        self.running = True
        self.capacity_a = min(self._eeprom.capacity_a, self._eeprom.max_capacity_a)
        self.heartbeat.start()
        self._world_changed()

    def power_down(self) -> None:
        """Lose supply: relay open, pilot dark, everything volatile gone."""
        self._timers.cancel_all()
        self.heartbeat.stop()
        self._reset()
        self._world.change(output=PilotOutput(PilotKind.DARK), relay_driven=False)

    # -------------------------------------------------------------- commands

    def enable(self) -> None:
        """Leave sleep or disabled (`$FE`); a latched fault comes back."""
        if self.state not in {State.SLEEPING, State.DISABLED}:
            return
        self.flags &= ~VFlag.LIMIT_SLEEP
        if self._latched is not None:
            self._fault(self._latched)
            return
        self._evaluate_again()

    def sleep(self) -> None:
        """Withdraw the offer (`$FS`); the relay opens when the car leaves C, or after 3.08 s."""
        if self.state in {State.SLEEPING, State.STUCK_RELAY} or not self.running:
            return
        self._timers.cancel("relay", "retry", "over_current", "hot")
        self.state = State.SLEEPING
        self.busy_until_s = 0.0
        if self.relay_driven:
            self._timers.after("sleep", self._time.sleep_open_s, self._open_relay)
        self._drive(PilotKind.STEADY)
        self._changed()

    def disable(self) -> None:
        """Go to -12 V and open the relay at once (`$FD`)."""
        if self.state in {State.DISABLED, State.STUCK_RELAY} or not self.running:
            return
        self._timers.cancel(*STOPPED_WHEN_OFF)
        self.state = State.DISABLED
        self.busy_until_s = 0.0
        self._timers.after("disable", self._time.disable_open_s, self._open_relay)
        self._drive(PilotKind.NEGATIVE)
        self._changed()

    def set_capacity(self, amps: int, *, volatile: bool) -> bool:
        """Set the current (`$SC`), clamped to 6 A and the maximum; False if it was, but the clamped value stands."""
        if self.state is State.OVER_TEMPERATURE and amps > self.capacity_a:
            return False
        clamped = min(max(amps, MIN_CURRENT_A), self._eeprom.max_capacity_a)
        if not volatile:
            self._eeprom.write(capacity_a=clamped)
        self._offer(clamped)
        return clamped == amps

    def set_time_limit(self, quarters: int) -> bool:
        """Stop after this many quarters of an hour of charging in this plug-in (`$S3`); only while plugged in."""
        if self.state not in PLUGGED_STATES:
            return False
        self.limits.set_time(quarters)
        self._set_flag(VFlag.TIME_LIMIT, on=bool(self.limits.quarters))
        return True

    def set_charge_limit(self, kwh: int) -> bool:
        """Stop after this much energy in this plug-in (`$SH`); only while plugged in."""
        if self.state not in PLUGGED_STATES:
            return False
        self.limits.set_energy(kwh, self.counters.session_ws)
        self._set_flag(VFlag.CHARGE_LIMIT, on=bool(self.limits.kwh))
        return True

    # -------------------------------------------------------------- readings

    @property
    def relay_driven(self) -> bool:
        """What the board believes of its relay: that it drives it."""
        return VFlag.RELAY_CLOSED in self.flags

    # -------------------------------------------------------------- the world changes

    def _world_changed(self) -> None:
        if not self.running:
            return
        if self.state in {State.A, State.B, State.C, State.SLEEPING}:
            self._watch_protection()
        self._watch_relay()
        self._watch_sleep()
        self.pilot.look()
        self._plan_limits()
        if self.state is State.OVER_TEMPERATURE and self.pilot.state is State.A:
            self._unplugged_clears()

    def _watch_protection(self) -> None:
        wiring = self._world.wiring
        if self._world.residual_current_flows:
            self.flags |= VFlag.GFI_TRIPPED
            self._eeprom.write(gfi_trips=min(self._eeprom.gfi_trips + 1, MAX_COUNTER))
            self._fault(State.GFCI)
            return
        hot = is_hot(self._world) and not self._off(Setting.TEMPERATURE_OFF)
        if hot and "hot" not in self._timers:
            self._timers.after("hot", self._time.over_temperature_open_s, lambda: self._fault(State.OVER_TEMPERATURE))
            self._drive(PilotKind.STEADY)
        ground = Wiring.GROUND_MISSING in wiring and self.relay_driven and not self._off(Setting.GROUND_OFF)
        self._timers.keep("ground", ground, self._time.ground_s, self._ground_lost)
        stuck_open = self.relay_driven and not self._world.contactor_closed
        self._timers.keep("closing", stuck_open, self._time.closing_check_s, self._closing_failed)
        self._watch_over_current()

    def _watch_over_current(self) -> None:
        draw, limit_a = self._world.draw, self.capacity_a + self._time.over_current_margin_a
        over = self.relay_driven and self.state is State.C and self._world.live and draw.target_a > limit_a
        now_s = self._world.loop.time()
        rising_s = 0.0 if draw.current_a(now_s) >= limit_a else (limit_a - draw.current_a(now_s)) / draw.rate_a_per_s
        if "over_current_pause" not in self._timers:
            delay_s = rising_s + self._time.over_current_s
            self._timers.keep("over_current", over, delay_s, self._over_current)

    def _watch_sleep(self) -> None:
        """In sleep the firmware compares each reading with the border of C and does not debounce it."""
        let_go = self.state is State.SLEEPING and self.relay_driven and self.pilot.is_above_c
        self._timers.keep("let_go", let_go, self._time.sleep_let_go_s, self._open_relay)

    def _watch_relay(self) -> None:
        welded = self._world.live and not self.relay_driven and not self._off(Setting.STUCK_RELAY_OFF)
        welded = welded and self.state is not State.STUCK_RELAY
        self._timers.keep("welded", welded, self._time.welded_s, self._relay_stuck)

    def _pilot_became(self, before: State, seen: State) -> None:
        if seen is State.A:
            self._unplugged()
        elif seen in PLUGGED_STATES:
            self._plugged()
        if self.state in {State.UNKNOWN, State.A, State.B, State.C}:
            self._enter(seen)
        elif self.state is State.SLEEPING and before is State.C:
            self._open_relay()
        self._changed()
        self._world_changed()

    # -------------------------------------------------------------- states

    def _enter(self, state: State) -> None:
        if state is State.VENT and self._off(Setting.VENT_OFF):
            state = State.C
        if state.is_fault:
            self._fault(state)
            return
        self._timers.cancel("relay")
        self.state = state
        if state is not State.C:
            self._open_relay()
            self._drive(PilotKind.STEADY if state is State.A else PilotKind.PWM)
            return
        test_s = self._time.b_to_relay_s - self._time.to_c_s
        self.busy_until_s = self._world.loop.time() + test_s if self._model.self_test_blocks else 0.0
        self._timers.after("relay", test_s, self._close_relay)
        self._drive(PilotKind.PWM)

    def _evaluate_again(self) -> None:
        """Start over from what was last seen: A, or B and then C by itself."""
        self._timers.cancel("sleep")
        connected = VFlag.EV_CONNECTED in self.flags
        self.pilot.reset(State.B if connected else State.A)
        self._enter(self.pilot.state)
        self._changed()
        self._world_changed()

    def _fault(self, state: State) -> None:
        self._timers.cancel(*STOPPED_WHEN_OFF)
        self.state, self.busy_until_s = state, 0.0
        if state in CLEARED_BY_UNPLUGGING:
            self._latched = state
        elif state in RETRIED and self._retries < MAX_RETRIES:
            self._timers.after("retry", self._time.retry_s, self._retry)
        else:
            self.flags |= VFlag.HARD_FAULT
        self._open_relay()
        self._drive(PilotKind.STEADY)
        self._changed()

    def _retry(self) -> None:
        self._retries += 1
        self.flags &= ~(VFlag.GFI_TRIPPED | VFlag.NO_GROUND_TRIPPED)
        self._evaluate_again()

    def _plugged(self) -> None:
        if VFlag.EV_CONNECTED in self.flags:
            return
        self.flags |= VFlag.EV_CONNECTED
        self.counters.plugged()

    def _unplugged(self) -> None:
        self.flags &= ~(VFlag.EV_CONNECTED | VFlag.TIME_LIMIT | VFlag.CHARGE_LIMIT)
        self.flags |= VFlag.SESSION_ENDED
        self.limits.clear()
        self._retries = 0
        self.counters.unplugged()
        if self.state is State.SLEEPING and VFlag.LIMIT_SLEEP in self.flags:
            self.flags &= ~VFlag.LIMIT_SLEEP
            self.state = State.A
        self._unplugged_clears()

    def _unplugged_clears(self) -> None:
        if self._latched is State.OVER_TEMPERATURE and is_hot(self._world):
            return
        self._latched = None
        if self.state in CLEARED_BY_UNPLUGGING:
            self.state = State.A
            self._drive(PilotKind.STEADY)
            self._changed()

    # -------------------------------------------------------------- relay

    def _close_relay(self) -> None:
        if Wiring.SELF_TEST_FAILS in self._world.wiring and not self._off(Setting.GFI_SELF_TEST_OFF):
            self._fault(State.GFI_SELF_TEST)
            return
        self.counters.relay_closes(first=VFlag.SESSION_ENDED in self.flags)
        self.flags = (self.flags | VFlag.RELAY_CLOSED) & ~VFlag.SESSION_ENDED
        self._relay_closed()
        self._world.change(relay_driven=True)
        self._changed()

    def _open_relay(self) -> None:
        self._timers.cancel("sleep", "disable")
        if not self.relay_driven:
            return
        self.counters.relay_opens()
        self.flags &= ~VFlag.RELAY_CLOSED
        self._world.change(relay_driven=False)

    def _ground_lost(self) -> None:
        self.flags |= VFlag.NO_GROUND_TRIPPED
        self._eeprom.write(ground_trips=min(self._eeprom.ground_trips + 1, MAX_COUNTER))
        self._fault(State.NO_GROUND)

    def _closing_failed(self) -> None:
        if self._off(Setting.CGMI):
            self._fault(State.RELAY_CLOSURE)
        else:
            self._ground_lost()

    def _relay_stuck(self) -> None:
        self._eeprom.write(stuck_trips=min(self._eeprom.stuck_trips + 1, MAX_COUNTER))
        self._fault(State.STUCK_RELAY)

    def _over_current(self) -> None:
        self._timers.after(
            "over_current_pause", self._time.over_current_pause_s, lambda: self._fault(State.OVER_CURRENT)
        )
        self._drive(PilotKind.STEADY)

    # -------------------------------------------------------------- current and limits

    def _offer(self, amps: int) -> None:
        self.capacity_a = amps
        if self._world.output.kind is PilotKind.PWM:
            self._drive(PilotKind.PWM)
        self._changed()
        self._world_changed()

    def _drive(self, kind: PilotKind) -> None:
        self.pilot.drive(kind, self.capacity_a)

    def _heartbeat_missed(self, fallback_a: int) -> None:
        self._offer(min(self.capacity_a, max(fallback_a, MIN_CURRENT_A)))

    def _heartbeat_restored(self) -> None:
        self._offer(min(self._eeprom.capacity_a, self._eeprom.max_capacity_a))

    def _plan_limits(self) -> None:
        self.limits.plan(self.counters.elapsed_s, charging=self.counters.charging)

    def _limit_reached(self) -> None:
        self.limits.clear()
        self.flags = (self.flags & ~(VFlag.TIME_LIMIT | VFlag.CHARGE_LIMIT)) | VFlag.LIMIT_SLEEP
        self.sleep()

    def _set_flag(self, flag: VFlag, *, on: bool) -> None:
        self.flags = self.flags | flag if on else self.flags & ~flag
        self._plan_limits()
        self._changed()

    def _off(self, setting: Setting) -> bool:
        return bool(self._eeprom.flags & setting)
