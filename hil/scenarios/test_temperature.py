"""Temperature: less current as it gets warmer, and never a missing sensor taken for a cold one (TH).

The simulated Modbus charge controllers tell no temperature that could be set. The OpenEVSE driver does not read the
board's sensors (`$GP`), so that only the board's own stop at 71 degrees protects there. With `sensor_fallback_a` there
is nothing to show, for a safety controller opens by itself when a sensor is missing.
"""

from hil.rig import Rig
from hil.roles import Json
from hil.scenario import scenario

STOP_S = 5.0
FOLLOWED_S = 15.0
UNTOUCHED_S = 4.0
OFFERS_PERCENT = {65.0: 40.0, 68.0: 26.67}
"""24 A and 16 A of 32 A."""
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
    await rig.charging()
    for temperature_c, percent in OFFERS_PERCENT.items():
        warmed_t = await rig.faults.bring("temperature", value=temperature_c)
        await offered_percent(rig, percent, warmed_t)
    hot_t = await rig.faults.bring("temperature", value=71.0)
    opened = await rig.seen("contactor", closed=False, within_s=20)
    rig.measure_span("power off", hot_t, opened["t"], STOP_S, "ours, TH-01")
    cooler_t = await rig.faults.bring("temperature", value=63.0)
    await rig.never("contactor", closed=True, for_s=UNTOUCHED_S, since=cooler_t)
    cool_t = await rig.faults.bring("temperature", value=62.0)
    await rig.seen("contactor", closed=True, since=cool_t, within_s=30)
    await offered_percent(rig, FULL_PERCENT, cool_t)
    assert (await rig.csms.ledger())["open"] == 1, "the transaction goes on"


@scenario(
    "TH-02",
    title="The temperature sensor is missing",
    boards=("safety",),
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
