"""The tables that guard: what a meter must not show, how heat derates, how often to switch."""

from agent.config_schema import Listing, Number, setting, settings

_HOUR_S = 3600


@settings
class SupervisionConfig:
    """When the meter's values are a fault. The voltages are this project's choice, from no standard."""

    over_current_factor: float = setting(Number(1, 2), "of the offer, with the margin on top", default=1.1)
    over_current_margin_a: float = setting(Number(0, 10, "A"), "drawn above that is too much, A", default=0.5)
    over_current_s: float = setting(Number(1, 60, "s"), "too much for so long is a fault, s", default=7.0)
    over_current_grace_s: float = setting(Number(0, 60, "s"), "an EV may follow a lower offer so long, s", default=5.0)
    under_voltage_v: float = setting(Number(0, 400, "V"), "a phase below this is a fault, V; 0 = never", default=195.5)
    over_voltage_v: float = setting(Number(100, 1000, "V"), "a phase above this is a fault, V", default=264.5)
    voltage_hysteresis_v: float = setting(Number(0, 50, "V"), "back inside by so much clears, V", default=4.0)
    voltage_s: float = setting(Number(0, 600, "s"), "wrong voltage, or a missing phase, for so long, s", default=3.0)
    unexpected_current_a: float = setting(Number(0.1, 32, "A"), "so much past an open contactor, A", default=1.0)
    unexpected_current_s: float = setting(Number(0, 60, "s"), "for so long is a fault, s", default=2.0)


@settings
class TemperatureConfig:
    """How the offer goes down as it gets warmer, on boards with sensors."""

    steps_c: tuple[float, ...] = setting(
        Listing(Number(-20, 150, "degrees Celsius"), min_items=1),
        "temperatures from which less is offered, rising, degrees Celsius",
        default=(65.0, 68.0, 71.0),
    )
    fractions: tuple[float, ...] = setting(
        Listing(Number(0, 1), min_items=1),
        "what is left of the current from each of them on, falling; 0 = pause",
        default=(0.75, 0.5, 0.0),
    )
    recover_c: float = setting(
        Number(-20, 150, "degrees Celsius"), "the whole current again at or below, degrees Celsius", default=62.0
    )
    sensor_fallback_a: float | None = setting(
        Number(6, 80, "A"),
        "offer at most this while a sensor is silent, A; absent = that is a fault; what the board raises stands anyway",
        default=None,
    )


@settings
class ContactorConfig:
    """How often the contactor may move for what is merely wished; never delays an opening that must be."""

    min_off_s: float = setting(Number(0, _HOUR_S, "s"), "from opening to the next permission, s", default=2.0)
    min_on_s: float = setting(Number(0, _HOUR_S, "s"), "from closing to a voluntary pause, s", default=5.0)
