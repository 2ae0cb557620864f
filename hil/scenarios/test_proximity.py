"""Proximity pilot: what a cable may carry (PP-01 to PP-03), at a socket whose contact the board watches.

Of our boards that is the safety controller: RAPI tells no proximity (facts rapi_openevse), and the Modbus controllers
on the bench read no cable. Source: facts iec61851_facts, proximity pilot.
"""

import pytest

from hil.rig import CARD, NEVER_S, Rig
from hil.scenario import scenario

SOCKET = ("--board-profile", "socket")
FREE = """[station]
supply_max_current_a = 63
[authorization]
free_vend = true
free_vend_token = "FREE"
[[evse]]
id = 1
max_current_a = 63
"""
DUTY_PERCENT = {13: 21.67, 20: 33.33, 32: 53.33, 63: 89.2}
"""Of an offer, A. Source: facts iec61851_facts, anchor pairs."""
TOLERANCE_PERCENT = 0.15
NOTICE_S = 1.0
UNTOUCHED_S = 3.0
BANDS = ((1500, 13), (680, 20), (220, 32), (100, 63))
EDGES = ((1100, 13), (2460, 13), (400, 20), (936, 20), (164, 32), (308, 32), (80, 63), (140, 63))
GAPS = ((2461, 13), (4499, 13), (937, 13), (1099, 13), (309, 20), (399, 20), (141, 32), (163, 32), (61, 63), (79, 63))
"""Between two bands the lower ampacity counts; from 60 ohm and up to 4500 ohm it is a cable still."""


def duty_of(ampacity_a: int) -> float:
    """Return the duty cycle that offers what this cable carries, %."""
    return DUTY_PERCENT[ampacity_a]


@pytest.mark.parametrize("cables", [BANDS, EDGES, GAPS], ids=["nominal", "edges", "gaps"])
@scenario(
    "PP-01",
    title="Cables of every coding",
    limit="13, 20, 32, 63 A before any PWM; gaps take the lower value",
    boards=("safety",),
    options=SOCKET,
    toml=FREE,
)
async def test_the_cable_limits_the_offer(rig: Rig, cables: tuple[tuple[int, int], ...]) -> None:
    """The first PWM of each plug-in has to be right."""
    await rig.ready()
    for resistance_ohm, ampacity_a in cables:
        plugged_t = await rig.car.plug_in(cable_ohm=resistance_ohm, delay_s=NEVER_S)
        offered = await rig.seen("duty", output="pwm")
        difference = abs(offered["duty_percent"] - duty_of(ampacity_a))
        assert difference <= TOLERANCE_PERCENT, f"{resistance_ohm} ohm: {offered['duty_percent']} %"
        left_t = await rig.car.plug_out()
        await rig.csms.told("Available", since=left_t)
        assert len(rig.events("duty", since=plugged_t, output="pwm")) == 1, f"{resistance_ohm} ohm: one offer"


@pytest.mark.parametrize("resistance_ohm", [30, 6000])
@scenario(
    "PP-02",
    title="A resistor that is no cable's",
    limit="told within 1 s (ours); no offer, no power",
    boards=("safety",),
    options=SOCKET,
)
async def test_a_wrong_resistor_gets_nothing(rig: Rig, resistance_ohm: int) -> None:
    await rig.ready()
    plugged_t = await rig.car.plug_in(cable_ohm=resistance_ohm, delay_s=NEVER_S)
    told = await rig.csms.fault("proximity")
    rig.measure_span("proximity fault told", plugged_t, told["t"], NOTICE_S, "ours, PP-02")
    await rig.authorized(token=CARD)
    await rig.car.ev("C")
    await rig.never("contactor", closed=True, since=0.0, for_s=UNTOUCHED_S)
    assert not rig.events("duty", output="pwm"), "no offer"
    left_t = await rig.car.plug_out()
    await rig.csms.told("Available", since=left_t)


@scenario(
    "PP-02",
    title="The proximity contact opens in C",
    limit="stopped and told within 1 s (ours)",
    boards=("safety",),
    options=SOCKET,
)
async def test_the_proximity_contact_opens_under_load(rig: Rig) -> None:
    await rig.charging(cable_a=32)
    opened_t = await rig.faults.bring("proximity", value=0)
    opened = await rig.seen("contactor", closed=False)
    told = await rig.csms.fault("proximity")
    rig.measure_span("power off", opened_t, opened["t"], NOTICE_S, "ours, PP-02")
    rig.measure_span("proximity fault told", opened_t, told["t"], NOTICE_S, "ours, PP-02")
    await rig.csms.ended()
    await rig.never("contactor", closed=True, for_s=UNTOUCHED_S)


@scenario(
    "PP-03",
    title="A cable for 13 A where the station may offer 32 A",
    limit="13 A are offered (21.67 %)",
    boards=("safety",),
    options=SOCKET,
)
async def test_a_thin_cable_is_offered_what_it_carries(rig: Rig) -> None:
    """The 32 A are the station's own limit, as long as no charging profile can be set."""
    plugged_t = rig.stimulus_t
    await rig.charging(cable_a=13, current_a=32)
    duties = rig.events("duty", since=plugged_t, output="pwm")
    assert all(abs(each["duty_percent"] - duty_of(13)) <= TOLERANCE_PERCENT for each in duties), duties
    state = await rig.until(lambda state: state["current_a"] > 12, "it draws what is offered")
    assert state["current_a"] <= 13.1, "and no more"
