"""The one temperature sensor of the simulated OpenEVSE board (rule).

It stops charging from 71 degrees on; the throttling that the firmware has below that is not simulated.
Source: facts rapi_openevse, `$GP`; bench_scenarios, TH-01.
"""

from hil.world import EvseWorld, Wiring

SENSOR = 1
HOT_C = 75.0
STOP_FROM_C = 71.0


def temperature_c(world: EvseWorld) -> float | None:
    """Return what the sensor in the enclosure reads; None if it is missing."""
    sensors = dict(world.surroundings.sensor_c)
    if SENSOR in sensors:
        return sensors[SENSOR]
    return HOT_C if Wiring.HOT in world.wiring else world.surroundings.enclosure_c


def is_hot(world: EvseWorld) -> bool:
    """Tell whether the board stops charging; a missing sensor stops nothing."""
    measured_c = temperature_c(world)
    return measured_c is not None and measured_c >= STOP_FROM_C
