"""Control pilot: what is offered when limits move, and an EV that does not do what it is offered (CP-23 to CP-27).

What moves limits here is the supply that several EVSEs share, the one source of limits that every board has.
Source: IEC 61851-1 Table A.6, sequences 5 and 6, and A.5.3, as facts iec61851_facts cites it.
"""

import asyncio
from itertools import pairwise

from hil.rig import CARD, NEVER_S, OTHER_CARD, Rig
from hil.scenario import scenario

DUTY_INTERVAL_S = 5.0
LEAST_DUTY_PERCENT = 9.85
"""10 %, less what OpenEVSE's timer is known to lose (facts iec61851_facts: 0.15 %)."""
DUTY_6_A_PERCENT = 10.0
TOLERANCE_PERCENT = 0.15
SWITCH_ON_S = 3.0
EVERY_S = 1.0
GRACE_S, OVER_CURRENT_S = 5.0, 7.0
WAIT_S, F_S, F_TOLERANCE_S, X1_S = 10.0, 4.0, 0.2, (0.5, 1.0)
FRAME_S = 0.1
"""A safety controller is told anew this often."""
LATE_S = 30.0
OFFERED_A = 31.5
"""32 A, but for what is rounded off."""
ONCE_S = 14.0
FREE = """[station]
supply_max_current_a = {supply_a}
[authorization]
free_vend = true
free_vend_token = "FREE"
"""
SHARED = "[station]\nsupply_max_current_a = {supply_a}\n"


def is_duty(event: dict[str, object], percent: float) -> bool:
    """Tell whether this event of the pilot shows this duty cycle."""
    return event["output"] == "pwm" and abs(float(str(event["duty_percent"])) - percent) <= TOLERANCE_PERCENT


@scenario(
    "CP-23",
    title="The limit moves every second: 16, 9, 16, 6 A",
    limit="duty cycle changes at most each 5 s, never below 10 %",
    evses=3,
    toml=FREE.format(supply_a=18) + "[[evse]]\nid = 1\nmax_current_a = 16\n",
)
async def test_the_limit_moves_every_second(rig: Rig) -> None:
    """18 A for one car, two, one and three of them; nobody has to show a card."""
    await rig.ready()
    began_t = await rig.car.plug_in(1)
    await rig.seen("contactor", evse=1, closed=True, since=began_t)
    await asyncio.sleep(DUTY_INTERVAL_S)
    for plugged in ((2,), (), (2, 3)):
        for evse in (2, 3):
            await (rig.car.plug_in(evse) if evse in plugged else rig.car.plug_out(evse))
        await asyncio.sleep(EVERY_S)
    await rig.until(
        lambda state: abs((state["duty_percent"] or 0) - DUTY_6_A_PERCENT) <= TOLERANCE_PERCENT, "6 A", within_s=LATE_S
    )
    await asyncio.sleep(2 * EVERY_S)
    duties = rig.events("duty", evse=1, since=began_t, output="pwm")
    for before, after in pairwise(duties):
        span = ("between two duty cycles", before["t"], after["t"])
        rig.measure_span(*span, None, "IEC 61851-1 Table A.6, 5 and 6", at_least_s=DUTY_INTERVAL_S)
    assert len(duties) > 1, "the duty cycle moved"
    assert min(each["duty_percent"] for each in duties) >= LEAST_DUTY_PERCENT
    assert is_duty(duties[-1], DUTY_6_A_PERCENT), "the last limit is reached"
    assert not rig.events("contactor", evse=1, closed=False, since=began_t), "the contactor stays closed"


@scenario(
    "CP-24",
    title="A limit of 5 A, below the minimum",
    limit="+12 V (X1) within 5 s, and no duty cycle of 8.3 %",
    evses=2,
    toml=SHARED.format(supply_a=11) + "[[evse]]\nid = 1\nmax_current_a = 6\n",
)
async def test_a_limit_below_the_minimum_is_a_pause(rig: Rig) -> None:
    """Of 11 A the first EVSE, wired for 6 A, leaves 5 A to the second."""
    await rig.charging(1)
    await rig.car.plug_in(2, delay_s=NEVER_S)
    await rig.csms.told("Occupied", 2)
    shown_t = await rig.reader.swipe(OTHER_CARD)
    told = await rig.csms.told("SuspendedEVSE", 2)
    rig.measure_span("paused, told", shown_t, told["t"], DUTY_INTERVAL_S, "ours, CP-24")
    await rig.car.ev("C", 2)
    await rig.never("duty", evse=2, output="pwm", since=0.0, for_s=DUTY_INTERVAL_S)
    assert (await rig.state(2))["pilot_output"] == "steady_12v"
    assert not rig.events("contactor", evse=2, closed=True), "no power"
    duties = rig.events("duty", evse=1, output="pwm")
    assert all(is_duty(each, DUTY_6_A_PERCENT) for each in duties), "the first keeps its 6 A"


@scenario(
    "CP-25",
    title="A limit of 0, then 6 A",
    limit="SuspendedEVSE; power within 3 s of C once there are 6 A",
    evses=2,
    toml=SHARED.format(supply_a=6),
)
async def test_a_limit_of_nothing_and_then_six_ampere(rig: Rig) -> None:
    """The first car has all 6 A until it leaves."""
    await rig.charging(1)
    await rig.car.plug_in(2)
    await rig.csms.told("Occupied", 2)
    await rig.reader.swipe(OTHER_CARD)
    await rig.csms.told("SuspendedEVSE", 2)
    assert not rig.events("duty", evse=2, output="pwm"), "nothing is offered"
    left_t = await rig.car.plug_out(1)
    offered = await rig.seen("duty", evse=2, output="pwm", since=left_t)
    assert is_duty(offered, DUTY_6_A_PERCENT), "6 A"
    asked = await rig.seen("pilot_state", evse=2, state="C", since=left_t)
    closed = await rig.seen("contactor", evse=2, closed=True, since=left_t)
    rig.measure_span("power on", asked["t"], closed["t"], SWITCH_ON_S, "IEC 61851-1 Table A.6, 4")
    await rig.csms.told("Charging", 2, since=left_t)


@scenario("CP-26", title="The EV draws 20 % more than offered", limit="stopped 7 s after a grace of 5 s (ours)")
async def test_the_car_draws_too_much(rig: Rig) -> None:
    await rig.charging()
    await rig.until(lambda state: state["current_a"] > OFFERED_A, "it draws what is offered")
    over_t = await rig.faults.bring("over_current", value=1.2)
    opened = await rig.seen("contactor", closed=False, within_s=LATE_S)
    source = "ours, CP-26 (EVerest: 10 % + 0.5 A for 7 s)"
    rig.measure_span("power off", over_t, opened["t"], GRACE_S + OVER_CURRENT_S, source, at_least_s=OVER_CURRENT_S)
    await rig.csms.fault("over_current")
    transaction = await rig.csms.ended()
    assert transaction["stop_reason"] == rig.csms.reason("OvercurrentFault")


@scenario(
    "CP-27",
    title="The EV sleeps under an offer",
    limit="F for 4 s, +12 V for 0.5 to 1 s, PWM; once",
    boards=("safety",),
    toml=f"[[evse]]\nid = 1\n[evse.board]\nwake_up_after_s = {WAIT_S}\n",
)
async def test_a_sleeping_car_is_woken_once(rig: Rig) -> None:
    """The other boards drive their pilot by themselves; their drivers have no state F to wake a car with."""
    await rig.ready()
    await rig.car.plug_in(delay_s=NEVER_S)
    await rig.car.ev("sleep")
    await rig.reader.swipe(CARD)
    offered = await rig.seen("duty", output="pwm")
    f_state = await rig.seen("duty", output="negative_12v", since=offered["t"], within_s=LATE_S)
    steady = await rig.seen("duty", output="steady_12v", since=f_state["t"])
    again = await rig.seen("duty", output="pwm", since=steady["t"])
    at_least_s = WAIT_S - FRAME_S
    rig.measure_span(
        "in B with an offer", offered["t"], f_state["t"], None, "ours, as configured", at_least_s=at_least_s
    )
    source = "IEC 61851-1 A.5.3"
    f_s = (F_S + F_TOLERANCE_S, source, F_S - F_TOLERANCE_S)
    rig.measure_span("state F", f_state["t"], steady["t"], *f_s)
    rig.measure_span("+12 V before PWM", steady["t"], again["t"], X1_S[1], source, at_least_s=X1_S[0])
    await rig.until(lambda state: state["vehicle"]["state"] == "C" and state["contactor_closed"], "it woke up")
    await rig.car.ev("sleep")
    slept_t = rig.stimulus_t
    await rig.csms.told("SuspendedEV", since=slept_t)
    await rig.never("duty", output="negative_12v", since=slept_t, for_s=ONCE_S)
