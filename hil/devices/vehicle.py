"""A car: what it hangs on the pilot and what it draws (event-driven, on the loop it is given).

Source: facts iec61851_facts, duty cycle table (EV side) and timing: a new duty is followed within 5 s, state B is
reached within 3 s of the PWM's end (sequences 6, 9, 10), a sleeping car wakes after a spell of state E or F (A.5.3).
"""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from hil.current_ramp import NO_CURRENT, CurrentRamp
from hil.devices.timers import Timers
from hil.world import WATT_SECONDS_PER_WH, EvseWorld, PilotKind, PilotLoad, PilotOutput

LEAST_DUTY_PERCENT = 8.0
"""Below this a car that only knows duty cycles does not charge."""
WAKE_UP_S = 3.0
"""State E or F for this long wakes a sleeping car."""
SIMPLIFIED_MAX_CURRENT_A = 10.0
CABLE_OHM = {13: 1500.0, 20: 680.0, 32: 220.0, 63: 100.0}
"""Nominal proximity resistor by the cable's ampacity. Source: facts iec61851_facts, proximity pilot."""


@dataclass(frozen=True, slots=True)
class VehicleModel:
    """How this car behaves; the limits are the standard's, the defaults a brisk car."""

    current_a: float = 32.0
    phases: int = 3
    cable_a: float | None = None
    delay_s: float = 0.0
    """From plugging in until it is ready for energy."""
    capacity_wh: float | None = None
    reaction_s: float = 0.5
    """From a new duty cycle to its first effect; at most 5 s."""
    stop_s: float = 1.0
    """From the end of the PWM until it leaves state C; at most 3 s."""
    ramp_a_per_s: float = 8.0
    stubborn: bool = False
    """Stays in C when the PWM ends."""
    simplified: bool = False
    """Goes to C without looking at the PWM and draws at most 10 A."""
    overdraw: float = 1.0
    """Draws this many times what it is offered."""
    proximity_ohm: float | None = None
    """Resistor in the plug, if it is not the nominal one of `cable_a`."""
    pilot_b_ohm: float | None = None
    """Resistance in state B, if it is not the nominal 2740."""
    pilot_c_ohm: float | None = None
    """Resistance of both legs together in state C, if it is not the nominal 882."""

    @property
    def resistor_in_plug_ohm(self) -> float | None:
        """What the proximity contact of a socket sees; None: a cable without one."""
        if self.proximity_ohm is not None or self.cable_a is None:
            return self.proximity_ohm
        return CABLE_OHM.get(int(self.cable_a))

    @property
    def pilot_ohm(self) -> dict[PilotLoad, float]:
        """Resistances that differ from the nominal ones."""
        own = {PilotLoad.B: self.pilot_b_ohm, PilotLoad.C: self.pilot_c_ohm}
        return {load: ohm for load, ohm in own.items() if ohm is not None}


class Vehicle:
    """One car at one EVSE, plugged in or not."""

    def __init__(self, world: EvseWorld) -> None:
        self._world = world
        self._loop = world.loop
        self.model = VehicleModel()
        self.plugged = False
        self._wish = PilotLoad.B
        self._forced = False
        self._asleep = False
        self._offer_a: float | None = None
        self._dark_since_s: float | None = None
        self._energy_at_plug_ws = 0.0
        self._power_seen = False
        self._timers = Timers(world.loop)
        world.listeners.append(self._world_changed)

    @property
    def asleep(self) -> bool:
        """True if it stays in B until woken."""
        return self._asleep

    @property
    def session_energy_wh(self) -> float:
        """Energy it took since it was plugged in."""
        return (self._world.energy_ws - self._energy_at_plug_ws) / WATT_SECONDS_PER_WH if self.plugged else 0.0

    def plug_in(self, model: VehicleModel) -> None:
        """Plug in; a car that is already plugged in is unplugged first."""
        self.plug_out()
        self.model, self.plugged, self._asleep = model, True, False
        self._energy_at_plug_ws = self._world.energy_ws
        self._wish = PilotLoad.C if model.delay_s <= 0 else PilotLoad.B
        if model.delay_s > 0:
            self._timers.after("ready", model.delay_s, self._ready)
        self._forced = model.simplified and self._wish is PilotLoad.C
        load = PilotLoad.C if self._forced else PilotLoad.B
        self._offer_a = offered_current_a(self._world.output_at_vehicle)
        self._world.change(
            load=load,
            load_ohm=model.pilot_ohm,
            proximity_ohm=model.resistor_in_plug_ohm,
            phases=model.phases,
            draw=NO_CURRENT,
        )
        self._follow_offer()

    def plug_out(self) -> None:
        """Pull the cable, under load if need be."""
        self._timers.cancel_all()
        self.plugged = self._forced = self._power_seen = False
        self._world.change(load=PilotLoad.A, load_ohm={}, proximity_ohm=None, draw=NO_CURRENT)

    def demand(self, load: PilotLoad, current_a: float | None = None, phases: int | None = None) -> None:
        """Ask for state B, C or D from now on, whatever is offered; wakes a sleeping car."""
        self._timers.cancel("ready", "stop", "react")
        if phases is not None:
            self.model = replace(self.model, phases=phases)
        if current_a is not None:
            self.model = replace(self.model, current_a=current_a)
        self._wish, self._asleep, self._forced = load, False, load is not PilotLoad.B
        self._offer_a = offered_current_a(self._world.output_at_vehicle)
        self._world.change(load=load, phases=self.model.phases)
        self._retarget()

    def sleep(self) -> None:
        """Fall asleep: B, and no way out of it but waking."""
        self._timers.cancel("ready", "stop", "react")
        self._asleep, self._forced, self._wish = True, False, PilotLoad.C
        self._world.change(load=PilotLoad.B, draw=NO_CURRENT)

    def overdraw(self, factor: float) -> None:
        """Draw this many times the offer; 1 is a car that obeys."""
        self.model = replace(self.model, overdraw=factor)
        self._retarget()

    def to_json(self) -> dict[str, Any]:
        """Everything needed to put the same car back after a restart of the bench."""
        used_wh = self.session_energy_wh
        left_wh = None if self.model.capacity_wh is None else max(0.0, self.model.capacity_wh - used_wh)
        model = asdict(replace(self.model, delay_s=0.0, capacity_wh=left_wh))
        return {"plugged": self.plugged, "asleep": self._asleep, "wish": self._wish.name, "model": model}

    def restore(self, saved: dict[str, Any]) -> None:
        """Put the car of `to_json` back."""
        if not saved["plugged"]:
            return
        self.plug_in(VehicleModel(**saved["model"]))
        self._wish = PilotLoad[saved["wish"]]
        if saved["asleep"]:
            self.sleep()

    def _ready(self) -> None:
        self._wish = PilotLoad.C
        if self.model.simplified:
            self._forced = True
        self._go_to_c_if_offered()

    def _world_changed(self) -> None:
        if not self.plugged:
            return
        self._watch_for_wake_up()
        offer_a = offered_current_a(self._world.output_at_vehicle)
        if offer_a != self._offer_a:
            self._offer_a = offer_a
            self._follow_offer()
        if self._world.live != self._power_seen:
            self._power_seen = self._world.live
            self._retarget()
        self._plan_full_battery()

    def _follow_offer(self) -> None:
        if self._offer_a is None:
            self._timers.cancel("react")
            if self._world.load in {PilotLoad.C, PilotLoad.D} and not self.model.stubborn and not self.model.simplified:
                self._timers.after("stop", self.model.stop_s, self._stop)
            return
        self._timers.cancel("stop")
        self._timers.after("react", self.model.reaction_s, self._react)

    def _react(self) -> None:
        self._forced = False
        self._go_to_c_if_offered()
        self._retarget()

    def _stop(self) -> None:
        self._forced = False
        self._world.change(load=PilotLoad.B, draw=NO_CURRENT)

    def _go_to_c_if_offered(self) -> None:
        offered = self._offer_a is not None and "react" not in self._timers
        if self.plugged and not self._asleep and (offered or self._forced) and self._wish is not PilotLoad.B:
            self._world.change(load=self._wish)
            self._retarget()

    def _retarget(self) -> None:
        """Move the drawn current towards what is allowed now, on a ramp."""
        now_s = self._loop.time()
        if not self._world.live or not self.plugged or self._world.load in {PilotLoad.A, PilotLoad.B}:
            if self._world.draw != NO_CURRENT:
                self._world.change(draw=NO_CURRENT)
            return
        target_a = self._target_a()
        if target_a != self._world.draw.target_a:
            draw = CurrentRamp(now_s, self._world.draw.current_a(now_s), target_a, self.model.ramp_a_per_s)
            self._world.change(draw=draw)
        self._plan_full_battery()

    def _target_a(self) -> float:
        cable_a = math.inf if self.model.cable_a is None else self.model.cable_a
        if self.model.capacity_wh is not None and self.session_energy_wh >= self.model.capacity_wh:
            return 0.0
        if self.model.simplified:
            return min(SIMPLIFIED_MAX_CURRENT_A, self.model.current_a, cable_a)
        if self._offer_a is None:
            return min(self._world.draw.target_a, self.model.current_a)
        if self.model.overdraw > 1:
            return self._offer_a * self.model.overdraw
        return min(self._offer_a, self.model.current_a, cable_a)

    def _plan_full_battery(self) -> None:
        self._timers.cancel("full")
        if self.model.capacity_wh is None or self._asleep:
            return
        left_ws = (self.model.capacity_wh - self.session_energy_wh) * WATT_SECONDS_PER_WH
        seconds = self._world.seconds_until_energy(max(0.0, left_ws))
        if seconds is not None and self._world.draw is not NO_CURRENT:
            self._timers.after("full", seconds, self.sleep)

    def _watch_for_wake_up(self) -> None:
        dark = self._world.output_at_vehicle.kind in {PilotKind.DARK, PilotKind.NEGATIVE}
        if dark and self._dark_since_s is None:
            self._dark_since_s = self._loop.time()
        elif not dark and self._dark_since_s is not None:
            if self._loop.time() - self._dark_since_s >= WAKE_UP_S:
                self._asleep = False
            self._dark_since_s = None


def offered_current_a(output: PilotOutput) -> float | None:
    """Return what a car reads from the pilot, A; None if it must not charge.

    Source: facts iec61851_facts, EV-side interpretation of the duty cycle.
    """
    if output.kind is not PilotKind.PWM:
        return None
    duty = output.duty_percent
    if duty < LEAST_DUTY_PERCENT or duty > 97:  # noqa: PLR2004 - the table's own limits
        return None
    if duty <= 10:  # noqa: PLR2004
        return 6.0
    if duty <= 85:  # noqa: PLR2004
        return duty * 0.6
    return min((duty - 64) * 2.5, 80.0)
