"""Control pilot: what a board does at each change of state, in time.

Source: IEC 61851-1 Table A.6 by sequence, as facts iec61851_facts cites it; `ours`: a limit of this project.
"""

from hil.rig import CARD, NEVER_S, Rig
from hil.scenario import scenario

BOOT_S = 5.0
NOTICE_S = 0.5
SWITCH_OFF_S = 0.1
SWITCH_ON_S = 3.0
OPENING_S = 2.0
"""Longest wait for a contactor that opens too late."""
UNTOUCHED_S = 3.0


@scenario("CP-01", title="Power up without a car", limit="Available within 5 s (ours)")
async def test_power_up_without_a_car(rig: Rig) -> None:
    await rig.power.cut()
    powered_t = await rig.power.on()
    await rig.agent.start()
    told = await rig.csms.told("Available")
    await rig.idle()
    rig.measure_span("ready for a car", powered_t, told["t"], BOOT_S, "ours, CP-01")
    assert not rig.events("contactor", closed=True), "no power"


@scenario("CP-02", title="A car is plugged in: A to B", limit="noticed within 500 ms (ours); no power")
async def test_a_car_is_plugged_in(rig: Rig) -> None:
    await rig.ready()
    plugged_t = await rig.car.plug_in(delay_s=NEVER_S)
    told = await rig.csms.told("Occupied")
    rig.measure_span("plugged in, told", plugged_t, told["t"], NOTICE_S, "ours, CP-02")
    await rig.never("duty", output="pwm", for_s=UNTOUCHED_S)
    tellings = [frame for frame in rig.csms.requests(since=plugged_t) if rig.csms.dialect.tells(frame, "Occupied", 1)]
    assert len(tellings) == 1, "told once"
    await rig.authorized(token=CARD)
    await rig.seen("duty", output="pwm")
    assert not rig.events("contactor", closed=True), "no power in B"


@scenario("CP-03", title="An authorised car asks for power: B to C", limit="power on within 3 s")
async def test_an_authorised_car_asks_for_power(rig: Rig) -> None:
    await rig.offered()
    asked_t = await rig.car.ev("C")
    closed = await rig.seen("contactor", closed=True)
    rig.measure_span("power on", asked_t, closed["t"], SWITCH_ON_S, "IEC 61851-1 Table A.6, 4")
    await rig.csms.told("Charging")


@scenario("CP-04", title="The car stops: C to B while power is on", limit="power off within 100 ms")
async def test_the_car_stops(rig: Rig) -> None:
    await rig.charging()
    stopped_t = await rig.car.ev("B")
    opened = await rig.seen("contactor", closed=False, within_s=OPENING_S)
    rig.measure_span("power off", stopped_t, opened["t"], SWITCH_OFF_S, "IEC 61851-1 Table A.6, 8.1")
    await rig.csms.told("SuspendedEV")
    assert (await rig.csms.ledger())["open"] == 1, "the transaction goes on"


@scenario("CP-05", title="The cable is pulled under load: C to A", limit="power off within 100 ms")
async def test_the_cable_is_pulled_under_load(rig: Rig) -> None:
    await rig.charging()
    pulled_t = await rig.car.plug_out()
    opened = await rig.seen("contactor", closed=False, within_s=OPENING_S)
    rig.measure_span("power off", pulled_t, opened["t"], SWITCH_OFF_S, "IEC 61851-1 Table A.6, 2.2")
    transaction = await rig.csms.ended()
    assert transaction["stop_reason"] == rig.csms.reason("EVDisconnected")
    if rig.probe.sees("lock"):
        unlocked = rig.events("lock", since=pulled_t, locked=False)
        assert all(each["t"] > opened["t"] for each in unlocked), "unlocked only without power"
