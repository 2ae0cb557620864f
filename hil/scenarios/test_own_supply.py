"""Own scenarios: two EVSEs on one supply (OWN-19 to OWN-22). The bench sees both pilots; their sum is what counts."""

import asyncio
import itertools

from hil.rig import NEVER_S, OTHER_CARD, Rig
from hil.scenario import scenario
from hil.scenarios.own_looks import largest_offer_a
from hil.scenarios.test_own_sessions import current_flows, opened

SUPPLY_20_A = "[station]\nsupply_max_current_a = 20\n"
SUPPLY_10_A = "[station]\nsupply_max_current_a = 10\n"
ROUNDING_A = 0.1
"""A duty cycle has steps."""
SHARE_S = 25.0
DUTY_INTERVAL_S = 4.9
"""5 s by IEC 61851-1 Table A.6, sequences 5 and 6; less what the bench's clock may differ."""
FOLLOWING_S = 30.0


async def second_car(rig: Rig, **model: object) -> None:
    """A second driver comes to EVSE 2; started from the back-end, since a reader takes a card once in 2 s."""
    plugged_t = await rig.car.plug_in(2, **model)
    await rig.csms.told("Occupied", 2, since=plugged_t)
    assert await rig.csms.remote_start(OTHER_CARD, 2) == "Accepted"
    await rig.csms.started(since=plugged_t)


@scenario("OWN-19", title="Two cars share one supply", limit="sum of offers at most 20 A", evses=2, toml=SUPPLY_20_A)
async def test_two_cars_share_one_supply(rig: Rig) -> None:
    """Lesson 30: what one car gives back the other one gets."""
    await rig.charging(1)
    joined_t = rig.history[-1]["t"]
    await second_car(rig)
    await current_flows(rig, 2, SHARE_S)
    assert (await rig.state(1))["contactor_closed"], "the first goes on with less"
    assert not rig.events("contactor", evse=1, closed=False, since=joined_t)
    left_t = await rig.car.plug_out(1)
    await rig.until(lambda state: state["current_a"] > 19, "all of it for who stays", evse=2, within_s=SHARE_S)
    rig.measure_span("all of it for who stays", left_t, rig.history[-1]["t"], SHARE_S, "ours")
    assert largest_offer_a(rig) <= 20 + ROUNDING_A, "never more than the supply"


@scenario(
    "OWN-20",
    title="No current is left for the second car",
    limit="SuspendedEVSE, then power",
    evses=2,
    toml=SUPPLY_10_A,
)
async def test_a_car_for_which_nothing_is_left_waits(rig: Rig) -> None:
    """Lessons 30 and 46: it waits inside its transaction, and its demand is not forgotten."""
    await rig.charging(1)
    await second_car(rig)
    await rig.csms.told("SuspendedEVSE", 2)
    await rig.never("duty", evse=2, output="pwm", for_s=3)
    left_t = await rig.car.plug_out(1)
    on = await rig.seen("contactor", evse=2, closed=True, within_s=SHARE_S)
    rig.measure_span("its turn", left_t, on["t"], SHARE_S, "ours")
    assert largest_offer_a(rig) <= 10 + ROUNDING_A, "never more than the supply"


@scenario(
    "OWN-21",
    title="The limit flaps: the neighbour comes and goes",
    limit="sum at most 20 A; an offer is raised at most every 5 s; the contactor does not move",
    evses=2,
    toml=SUPPLY_20_A,
)
async def test_a_flapping_limit_moves_no_contactor(rig: Rig) -> None:
    """Section 1.6 of the lessons: a change of mode must not cycle the relay; IEC 61851-1 Table A.6, 5 and 6."""
    await rig.charging(1)
    flapping_t = rig.history[-1]["t"]
    await second_car(rig, delay_s=NEVER_S)
    for _ in range(2):
        plugged_out_t = await rig.car.plug_out(2)
        await rig.csms.ended(since=plugged_out_t)
        await rig.csms.told("Available", 2, since=plugged_out_t)
        await second_car(rig, delay_s=NEVER_S)
    assert not rig.events("contactor", evse=1, closed=False, since=flapping_t), "the contactor does not move"
    assert largest_offer_a(rig) <= 20 + ROUNDING_A, "never more than the supply"
    duties = [(each["t"], each["duty_percent"] or 0.0) for each in rig.events("duty", evse=1, since=flapping_t)]
    raises = [at for (_, before), (at, after) in itertools.pairwise(duties) if after > before]
    for earlier_t, later_t in itertools.pairwise(raises):
        rig.measure_span(
            "between two raises", earlier_t, later_t, None, "IEC 61851-1 Table A.6, 5 and 6", DUTY_INTERVAL_S
        )


@scenario(
    "OWN-22",
    title="A car never follows its lower offer",
    limit="its current stays committed; over-current after 5 s of grace and 7 s; power off",
    evses=2,
    toml=SUPPLY_20_A,
)
async def test_a_car_that_never_follows_keeps_its_current_until_it_is_switched_off(rig: Rig) -> None:
    """Lesson 42, main breaker tripped: what is drawn counts, not what was offered; limits of bench scenario CP-26."""
    await rig.charging(1, reaction_s=600)
    lowered_t = rig.history[-1]["t"]
    await second_car(rig)
    lower = await rig.seen("duty", evse=1, since=lowered_t, output="pwm")
    early = asyncio.create_task(rig.never("contactor", evse=2, closed=True, since=lowered_t, for_s=8))
    off = await rig.seen("contactor", evse=1, closed=False, since=lowered_t, within_s=FOLLOWING_S)
    await early
    rig.measure_span("power off", lower["t"], off["t"], 5 + 7 + 2.5, "ours, CP-26", 5.0)
    await rig.csms.fault("over_current", 1, since=lowered_t)
    await opened(rig, 1)
    await current_flows(rig, 2, SHARE_S)
    assert rig.events("contactor", evse=2, closed=True)[0]["t"] > off["t"], "the other one only afterwards"
