"""Temperature: less current as it gets warmer, and never a missing sensor taken for a cold one (TH).

The simulated Modbus charge controllers tell no temperature that could be set. An OpenEVSE board stops by itself at 71
degrees and then wants to be unplugged, so the station's steps are set below that, and there it is the station that
stops. With `sensor_fallback_a` there is nothing to show at a safety controller, which opens by itself when a sensor is
missing.
"""

from hil.rig import Rig
from hil.roles import Json
from hil.scenario import scenario

STOP_S = 5.0
FOLLOWED_S = 15.0
UNTOUCHED_S = 4.0
OFFERS_PERCENT = (40.0, 26.67)
"""24 A and 16 A of 32 A."""
STEPS_C, RECOVER_C = (65.0, 68.0, 71.0), 62.0
BELOW_OPENEVSE_C = 4.0
LOWER = f"""[[evse]]
id = 1
[evse.temperature]
steps_c = {[step - BELOW_OPENEVSE_C for step in STEPS_C]}
recover_c = {RECOVER_C - BELOW_OPENEVSE_C}
"""
FULL_PERCENT = 53.33
TOLERANCE_PERCENT = 0.5


async def offered_percent(rig: Rig, percent: float, since: float) -> Json:
    """Wait for this duty cycle."""

    def fits(event: Json) -> bool:
        return event["duty_percent"] is not None and abs(event["duty_percent"] - percent) <= TOLERANCE_PERCENT

    return await rig.watching.find(
        lambda: next(filter(fits, rig.events("duty", since=since)), None), f"{percent} % duty", FOLLOWED_S
    )


@scenario(
    "TH-01",
    title="The enclosure warms up to 65, 68 and 71 degrees, and cools down",
    boards=("safety",),
    limit="less, still less, open within 5 s (ours); back at 62 degrees, not before",
)
async def test_the_enclosure_warms_up(rig: Rig) -> None:
    await warms_up(rig, STEPS_C, RECOVER_C)


@scenario(
    "TH-01",
    title="The enclosure warms up to 61, 64 and 67 degrees, below the board's own stop, and cools down",
    boards=("rapi",),
    limit="less, still less, open within 5 s (ours); back at 58 degrees, not before",
    toml=LOWER,
)
async def test_the_enclosure_warms_up_below_the_boards_own_stop(rig: Rig) -> None:
    await warms_up(rig, tuple(step - BELOW_OPENEVSE_C for step in STEPS_C), RECOVER_C - BELOW_OPENEVSE_C)


async def warms_up(rig: Rig, steps_c: tuple[float, ...], recover_c: float) -> None:
    """Go through the steps, and back to where the whole current is offered again."""
    await rig.charging()
    *derated_c, stopped_c = steps_c
    for temperature_c, percent in zip(derated_c, OFFERS_PERCENT, strict=True):
        warmed_t = await rig.faults.bring("temperature", value=temperature_c)
        await offered_percent(rig, percent, warmed_t)
    hot_t = await rig.faults.bring("temperature", value=stopped_c)
    opened = await rig.seen("contactor", closed=False, within_s=20)
    rig.measure_span("power off", hot_t, opened["t"], STOP_S, "ours, TH-01")
    cooler_t = await rig.faults.bring("temperature", value=recover_c + 1.0)
    await rig.never("contactor", closed=True, for_s=UNTOUCHED_S, since=cooler_t)
    cool_t = await rig.faults.bring("temperature", value=recover_c)
    await rig.seen("contactor", closed=True, since=cool_t, within_s=30)
    await offered_percent(rig, FULL_PERCENT, cool_t)
    assert (await rig.csms.ledger())["open"] == 1, "the transaction goes on"


@scenario(
    "TH-02",
    title="The temperature sensor is missing",
    boards=("safety", "rapi"),
    limit="a fault, no power",
)
async def test_the_sensor_is_missing(rig: Rig) -> None:
    missing_t = await rig.faults.bring("sensor_missing")
    await rig.agent.start()
    await rig.csms.fault("temperature_sensor", since=missing_t, within_s=30)
    await rig.csms.told("Faulted", since=missing_t)
    plugged_t = await rig.car.plug_in()
    await rig.authorized()
    await rig.never("contactor", closed=True, for_s=UNTOUCHED_S, since=plugged_t)
