"""What the simulated safety controller makes of resistors and temperatures (rule).

Source: facts iec61851_facts, proximity pilot: between two bands the lower ampacity counts, below 60 and above 4500 ohm
it is an error; facts boards_protocols, chargebyte, PT1000.
"""

from decimal import Decimal

from hal.codecs.safety_values import ProximityCode, Temperature, Temperatures
from hil.devices.safety_board_values import SafetyBoardModel
from hil.world import EvseWorld, Wiring

MIN_PROXIMITY_OHM, MAX_PROXIMITY_OHM = 60.0, 4500.0
BANDS_FROM_OHM = (
    (936.0, ProximityCode.CABLE_13_A),
    (308.0, ProximityCode.CABLE_20_A),
    (140.0, ProximityCode.CABLE_32_A),
    (0.0, ProximityCode.CABLE_63_A),
)
"""Above this resistance: the upper end of the next band, so that a gap belongs to the lower ampacity."""
MIN_PLAUSIBLE_C, MAX_PLAUSIBLE_C = -80.0, 200.0
HOT_EXCESS_C = 5.0


def proximity_code(resistance_ohm: float | None) -> ProximityCode:
    """Return what this resistor in the plug stands for; None is an empty socket."""
    if resistance_ohm is None:
        return ProximityCode.NO_CABLE
    if not MIN_PROXIMITY_OHM <= resistance_ohm <= MAX_PROXIMITY_OHM:
        return ProximityCode.INVALID
    return next(code for above_ohm, code in BANDS_FROM_OHM if resistance_ohm > above_ohm)


def channel_temperature_c(world: EvseWorld, model: SafetyBoardModel, channel: int) -> float | None:
    """Return what channel 1-4 measures; None if its sensor is broken."""
    sensors = dict(world.surroundings.sensor_c)
    if channel in sensors:
        measured_c = sensors[channel]
        plausible = measured_c is not None and MIN_PLAUSIBLE_C <= measured_c <= MAX_PLAUSIBLE_C
        return measured_c if plausible else None
    limit_c = model.abort_temperature_c[channel - 1]
    if Wiring.HOT in world.wiring and limit_c is not None:
        return limit_c + HOT_EXCESS_C
    return world.surroundings.enclosure_c


def is_too_hot(world: EvseWorld, model: SafetyBoardModel, channel: int, *, stopped: bool) -> bool:
    """Tell whether this channel is above its limit; once it has stopped charging, above the limit less hysteresis."""
    limit_c = model.abort_temperature_c[channel - 1]
    measured_c = channel_temperature_c(world, model, channel)
    if limit_c is None or measured_c is None:
        return False
    return measured_c > (limit_c - model.temperature_hysteresis_c if stopped else limit_c)


def is_broken(world: EvseWorld, model: SafetyBoardModel, channel: int) -> bool:
    """Tell whether a used channel has no plausible reading."""
    return model.abort_temperature_c[channel - 1] is not None and channel_temperature_c(world, model, channel) is None


def temperatures(world: EvseWorld, model: SafetyBoardModel, stopped_by: int | None) -> Temperatures:
    """Return the message of the four channels; `stopped_by` is the channel that stopped charging."""
    first, second, third, fourth = (_channel(world, model, channel, stopped_by) for channel in (1, 2, 3, 4))
    return Temperatures((first, second, third, fourth))


def _channel(world: EvseWorld, model: SafetyBoardModel, channel: int, stopped_by: int | None) -> Temperature:
    if model.abort_temperature_c[channel - 1] is None:
        return Temperature()
    measured_c = channel_temperature_c(world, model, channel)
    stopped = stopped_by == channel
    if measured_c is None:
        return Temperature(Decimal(0), stopped, self_test_failed=True)
    return Temperature(Decimal(str(round(measured_c, 1))), stopped)
