"""The electrical world of one EVSE: pilot line, contactor, what flows, and the faults wired into them.

Board and vehicle act on it and are told when something changed; the event stream reports what can be measured from
outside. Energy is the exact integral of what flows through the contactor.
Source: facts iec61851_facts, table of states and diode check.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any

from hil.current_ramp import NO_CURRENT, CurrentRamp

NOMINAL_VOLTAGE_V = 230.0
MAX_PHASES = 3
WATT_SECONDS_PER_WH = 3600
ENERGY_STEP_WH = Decimal("0.000001")
GENERATOR_V, SOURCE_OHM, DIODE_DROP_V = 12.0, 1000.0, 0.7
"""Pilot generator, its source resistance and the vehicle's diode: with 2.74 kOhm these give 9 V."""
PILOT_BOUNDS = ((10.5, "A"), (7.5, "B"), (4.5, "C"), (1.5, "D"))
"""Lowest high level of each state: half-way between the nominal levels."""

Emit = Callable[[str, dict[str, Any]], None]
"""Takes an event's name and fields; the bench adds EVSE and time."""


class PilotKind(Enum):
    """What the board puts on the pilot."""

    DARK = "dark"
    STEADY = "steady_12v"
    PWM = "pwm"
    NEGATIVE = "negative_12v"


@dataclass(frozen=True, slots=True)
class PilotOutput:
    """Pilot generator of the board; the duty cycle counts only with PWM."""

    kind: PilotKind
    duty_percent: float = 0.0


class PilotLoad(Enum):
    """Resistance that the vehicle hangs on the pilot, named by the state it asks for."""

    A = 12.0
    B = 9.0
    C = 6.0
    D = 3.0


class Wiring(Enum):
    """Faults of the wiring and of the contactor."""

    DIODE_SHORTED = "diode"
    PILOT_SHORTED = "pilot_short"
    PILOT_OPEN = "pilot_open"
    PE_OPEN = "pe_open"
    """The protective conductor to the vehicle is broken, which is the pilot's way back; the supply's earth is there."""
    GROUND_MISSING = "ground"
    SELF_TEST_FAILS = "rcd_self_test"
    WELDED = "welded"
    FAILS_TO_CLOSE = "fails_to_close"
    WELDED_2 = "welded_2"
    FAILS_TO_CLOSE_2 = "fails_to_close_2"
    WELDED_3 = "welded_3"
    FAILS_TO_CLOSE_3 = "fails_to_close_3"
    AUXILIARY_BOUNCES = "auxiliary_bounces"
    RESIDUAL_CURRENT = "residual_current"
    """Alternating, above 30 mA."""
    RESIDUAL_DC = "residual_dc"
    """Smooth direct current, above 6 mA."""
    HOT = "over_temperature"


CONTACTOR_FAULTS = {
    1: (Wiring.WELDED, Wiring.FAILS_TO_CLOSE),
    2: (Wiring.WELDED_2, Wiring.FAILS_TO_CLOSE_2),
    3: (Wiring.WELDED_3, Wiring.FAILS_TO_CLOSE_3),
}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What else a board measures."""

    enclosure_c: float = 25.0
    sensor_c: tuple[tuple[int, float | None], ...] = ()
    """Temperature sensors (1-4) that read something else; None: broken."""
    emergency_stops: frozenset[int] = frozenset()
    """Stops (1-3) that are pressed."""
    board_supply_v: float = 12.0
    """The board's own supply."""


@dataclass
class EvseWorld:
    """Everything electrical between the supply and the car."""

    loop: asyncio.AbstractEventLoop
    emit: Emit = lambda _event, _fields: None
    voltage_v: float = NOMINAL_VOLTAGE_V
    supplied: bool = True
    output: PilotOutput = PilotOutput(PilotKind.DARK)
    load: PilotLoad = PilotLoad.A
    load_ohm: dict[PilotLoad, float] = field(default_factory=dict)
    """Resistances of a vehicle that differs from the nominal one, by state."""
    pilot_offset_v: float = 0.0
    """Shifts the high level, as a worn or dirty contact does."""
    pilot_noise_v: float = 0.0
    """Largest deviation of a single measurement of the pilot."""
    negative_rail_v: float = -12.0
    pwm_frequency_hz: float = 1000.0
    proximity_ohm: float | None = None
    """Resistor between proximity contact and earth; None: nothing there."""
    surroundings: Surroundings = Surroundings()
    relay_driven: bool = False
    coil_supplied: bool = True
    """False: an emergency stop interrupts the coils of all contactors, whoever drives them."""
    further_relays_driven: tuple[bool, ...] = ()
    """Contactors 2 (L2 and L3) and 3, for a board that has them; without them the first switches all phases."""
    draw: CurrentRamp = NO_CURRENT
    """What the vehicle takes per phase if it is given power."""
    phases: int = 3
    """Phases that the vehicle uses."""
    lost_phases: int = 0
    """Phases that the supply has lost, from L3 downwards."""
    wiring: set[Wiring] = field(default_factory=set)
    listeners: list[Callable[[], None]] = field(default_factory=list)
    _noise: random.Random = field(default_factory=lambda: random.Random(0))
    _energy_ws: float = 0.0
    _settled_s: float = 0.0
    _changing: bool = False
    _again: bool = False
    _reported: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._settled_s = self.loop.time()

    def change(self, **fields: Any) -> None:
        """Set fields as of now, then tell everyone who listens."""
        self._settle()
        for name, value in fields.items():
            setattr(self, name, value)
        self._changed()

    def set_wiring(self, wiring: Wiring, *, present: bool) -> None:
        """Bring a wiring fault in or take it out."""
        self._settle()
        (self.wiring.add if present else self.wiring.discard)(wiring)
        self._changed()

    @property
    def contactor_closed(self) -> bool:
        """What a voltmeter behind the contactor says of it."""
        return self.is_closed(1)

    def is_closed(self, number: int) -> bool:
        """Tell whether the main contacts of this contactor (1-3) are closed."""
        welded, fails_to_close = CONTACTOR_FAULTS[number]
        driven = (self.relay_driven, *self.further_relays_driven)
        drives = self.coil_supplied and number <= len(driven) and driven[number - 1]
        return welded in self.wiring or (drives and fails_to_close not in self.wiring)

    @property
    def phases_supplied(self) -> int:
        """Phases that the vehicle uses, that the supply has and that are switched through."""
        phases = min(self.phases, MAX_PHASES - self.lost_phases)
        return min(phases, 1) if self.further_relays_driven and not self.is_closed(2) else phases

    @property
    def residual_current_flows(self) -> bool:
        """True while a residual current of either kind flows behind the contactor."""
        return self.live and bool(self.wiring & {Wiring.RESIDUAL_CURRENT, Wiring.RESIDUAL_DC})

    @property
    def live(self) -> bool:
        """True if the car is given voltage."""
        return self.contactor_closed and self.supplied

    @property
    def pilot_voltage_v(self) -> tuple[float, float]:
        """High and low level of the pilot at the EVSE; equal when steady."""
        if Wiring.PILOT_SHORTED in self.wiring or self.output.kind is PilotKind.DARK:
            return 0.0, 0.0
        if self.output.kind is PilotKind.NEGATIVE:
            return self.negative_rail_v, self.negative_rail_v
        load = self.load_at_pilot
        high_v = self._high_v(load)
        if self.output.kind is PilotKind.STEADY:
            return high_v, high_v
        shorted = Wiring.DIODE_SHORTED in self.wiring and load is not PilotLoad.A
        return high_v, -high_v if shorted else self.negative_rail_v

    def sample_pilot_v(self) -> tuple[float, float]:
        """Measure the two levels once, noise included."""
        high_v, low_v = self.pilot_voltage_v
        noise_v = self.pilot_noise_v
        if not noise_v:
            return high_v, low_v
        return high_v + self._noise.uniform(-noise_v, noise_v), low_v + self._noise.uniform(-noise_v, noise_v)

    def _high_v(self, load: PilotLoad) -> float:
        level_v = load.value
        if load in self.load_ohm:
            resistance_ohm = self.load_ohm[load]
            level_v = DIODE_DROP_V + (GENERATOR_V - DIODE_DROP_V) * resistance_ohm / (resistance_ohm + SOURCE_OHM)
        return level_v + self.pilot_offset_v

    @property
    def load_at_pilot(self) -> PilotLoad:
        """The vehicle's load as far as pilot and protective conductor carry it."""
        return PilotLoad.A if self.wiring & {Wiring.PILOT_OPEN, Wiring.PE_OPEN} else self.load

    @property
    def output_at_vehicle(self) -> PilotOutput:
        """What reaches the vehicle."""
        if self.wiring & {Wiring.PILOT_SHORTED, Wiring.PILOT_OPEN, Wiring.PE_OPEN}:
            return PilotOutput(PilotKind.DARK)
        return self.output

    @property
    def pilot_state(self) -> str:
        """IEC 61851-1 state that the pilot levels show: A-F."""
        high, _ = self.pilot_voltage_v
        if high < 0:
            return "F"
        return next((state for bound_v, state in PILOT_BOUNDS if high >= bound_v), "E")

    @property
    def current_a(self) -> float:
        """Current flowing per phase now, A."""
        return self.draw.current_a(self.loop.time()) if self.live else 0.0

    @property
    def power_w(self) -> float:
        """Power flowing now, W."""
        return self.current_a * self.voltage_v * self.phases_supplied

    @property
    def energy_wh(self) -> Decimal:
        """Energy that has passed the contactor since this world began, Wh."""
        return Decimal(self.energy_ws / WATT_SECONDS_PER_WH).quantize(ENERGY_STEP_WH)

    @property
    def energy_ws(self) -> float:
        """The same in watt seconds."""
        self._settle()
        return self._energy_ws

    def seconds_until_energy(self, energy_ws: float) -> float | None:
        """Seconds until this much more energy has flowed, if nothing changes; None if never."""
        if not self.live or self.voltage_v <= 0 or self.phases_supplied == 0:
            return None
        return self.draw.seconds_until_charge(energy_ws / (self.voltage_v * self.phases_supplied), self.loop.time())

    def _settle(self) -> None:
        now_s = self.loop.time()
        if self.live:
            power_per_a = self.voltage_v * self.phases_supplied
            self._energy_ws += self.draw.charge_as(self._settled_s, now_s) * power_per_a
        self._settled_s = now_s

    def _changed(self) -> None:
        self._again = True
        if self._changing:
            return
        self._changing = True
        try:
            while self._again:
                self._again = False
                self._report()
                for listener in tuple(self.listeners):
                    listener()
        finally:
            self._changing = False

    def _report(self) -> None:
        high, low = (round(level_v, 3) for level_v in self.pilot_voltage_v)
        duty = self.output.duty_percent if self.output.kind is PilotKind.PWM else None
        self._report_change("pilot_voltage", high_v=high, low_v=low)
        self._report_change("pilot_state", state=self.pilot_state)
        self._report_change("duty", duty_percent=duty, output=self.output.kind.value)
        self._report_change("coil", driven=self.relay_driven and self.coil_supplied)
        if self._report_change("contactor", closed=self.contactor_closed):
            self.emit("energy", {"energy_wh": str(self.energy_wh)})
        for number in range(2, 2 + len(self.further_relays_driven)):
            self._report_change(f"contactor_{number}", closed=self.is_closed(number))
        target_a = self.draw.target_a if self.live else 0.0
        phases = self.phases_supplied
        self._report_change("current", target_a=round(target_a, 3), voltage_v=self.voltage_v, phases=phases)

    def _report_change(self, event: str, **fields: Any) -> bool:
        values = tuple(fields.values())
        if self._reported.get(event) == values:
            return False
        self._reported[event] = values
        if event in {"contactor", "current"}:
            fields["current_a"] = round(self.current_a, 3)
        if event == "current":
            fields["reached_in_s"] = round(max(0.0, self.draw.end_s - self.loop.time()), 3) if self.live else 0.0
        self.emit(event, fields)
        return True
