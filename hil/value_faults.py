"""Fault kinds that have a value, each with its unit, its range and its default (rule over one EVSE).

`take` undoes what `bring` did with this value, and nothing that has been changed since.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hil.device_line import DeviceLine
from hil.evse_bench import EvseBench
from hil.world import NOMINAL_VOLTAGE_V, EvseWorld, Surroundings

Act = Callable[[EvseBench, float], None]


@dataclass(frozen=True, slots=True)
class ValueFault:
    """What the fault does with its value."""

    default: float
    low: float
    high: float
    unit: str
    bring: Act
    take: Act
    once: bool = False
    """It happens and is over: nothing stands, and nothing can be taken out."""

    def checked(self, value: float | None) -> float:
        """Return the value to use. Raises: ValueError naming the range."""
        if value is None:
            return self.default
        if not self.low <= value <= self.high:
            raise ValueError(f"value must be {self.low:g} to {self.high:g} {self.unit}, not {value:g}")
        return value


def _field(name: str, nominal: float) -> tuple[Act, Act]:
    """Set a field of the electrical world; taken out if it still has the fault's value."""

    def bring(evse: EvseBench, value: float) -> None:
        evse.world.change(**{name: value})

    def take(evse: EvseBench, value: float) -> None:
        if getattr(evse.world, name) == value:
            evse.world.change(**{name: nominal})

    return bring, take


def _surrounding(name: str) -> tuple[Act, Act]:
    def bring(evse: EvseBench, value: float) -> None:
        _surround(evse.world, **{name: value})

    def take(evse: EvseBench, value: float) -> None:
        if getattr(evse.world.surroundings, name) == value:
            _surround(evse.world, **{name: getattr(Surroundings(), name)})

    return bring, take


def _surround(world: EvseWorld, **fields: Any) -> None:
    world.change(surroundings=replace(world.surroundings, **fields))


def _proximity(evse: EvseBench, resistance_ohm: float) -> None:
    evse.world.change(proximity_ohm=resistance_ohm or None)


def _proximity_restored(evse: EvseBench, _resistance_ohm: float) -> None:
    plugged = evse.vehicle.plugged
    evse.world.change(proximity_ohm=evse.vehicle.model.resistor_in_plug_ohm if plugged else None)


def _overdraw(evse: EvseBench, factor: float) -> None:
    evse.vehicle.overdraw(factor)


def _obeys(evse: EvseBench, _factor: float) -> None:
    evse.vehicle.overdraw(1.0)


def _burst(line: Callable[[EvseBench], DeviceLine]) -> Act:
    return lambda evse, size: line(evse).burst(int(size))


def _nothing(_evse: EvseBench, _value: float) -> None:
    """There is nothing to undo."""


VALUE_FAULTS: Mapping[str, ValueFault] = {
    "brown_out": ValueFault(8.0, 0.0, 12.0, "V", *_surrounding("board_supply_v")),
    "line_burst": ValueFault(10_000, 1, 100_000, "bytes", _burst(lambda evse: evse.board_line), _nothing, once=True),
    "over_current": ValueFault(2.0, 1.01, 10.0, "times the offer", _overdraw, _obeys),
    "over_voltage": ValueFault(270.0, 231.0, 500.0, "V", *_field("voltage_v", NOMINAL_VOLTAGE_V)),
    "phase_loss": ValueFault(1, 1, 2, "phases", *_field("lost_phases", 0)),
    "pilot_noise": ValueFault(0.9, 0.0, 5.0, "V", *_field("pilot_noise_v", 0.0)),
    "pilot_offset": ValueFault(-1.0, -3.0, 3.0, "V", *_field("pilot_offset_v", 0.0)),
    "proximity": ValueFault(0.0, 0.0, 1e6, "ohm (0: open)", _proximity, _proximity_restored),
    "pwm_frequency": ValueFault(970.0, 500.0, 2000.0, "Hz", *_field("pwm_frequency_hz", 1000.0)),
    "temperature": ValueFault(85.0, -50.0, 150.0, "degrees Celsius", *_surrounding("enclosure_c")),
    "under_voltage": ValueFault(180.0, 0.0, 229.0, "V", *_field("voltage_v", NOMINAL_VOLTAGE_V)),
    "weak_rail": ValueFault(-9.5, -15.0, 0.0, "V", *_field("negative_rail_v", -12.0)),
}
