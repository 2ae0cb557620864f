"""Own scenarios: the way to the back-end breaks, and no session is lost or told twice (OWN-23 to OWN-26)."""

import asyncio
import itertools

from hil.rig import CARD, NEVER_S, Rig
from hil.scenario import scenario
from hil.scenarios.own_looks import SAMPLING, is_whole, told_registers
from hil.scenarios.test_own_sessions import current_flows, opened

OFFLINE = '[authorization]\noffline_unknown_token = "accept"\n'
SWITCH_ON_S = 3.0
SETTLE_S = 30.0
CHARGE_S = 3.0
DEBOUNCE_S = 2.5
"""A reader takes the same card once in 2 s."""


@scenario(
    "OWN-23",
    title="A whole session while the network is cut",
    limit="power within 3 s of C; told whole, once and in order afterwards",
    toml=OFFLINE,
)
async def test_an_offline_session_is_told_whole_later(rig: Rig) -> None:
    """Lesson 1: of an offline start and stop only the stop survived; lesson 7: it works without a back-end."""
    await rig.ready()
    rig.network.cut()
    await rig.car.plug_in(delay_s=NEVER_S)
    await rig.until(lambda state: state["pilot_state"] == "B", "plugged in")
    await rig.reader.swipe(CARD)
    await rig.seen("duty", output="pwm")
    asked_t = await rig.car.ev("C")
    on = await rig.seen("contactor", closed=True)
    rig.measure_span("power on", asked_t, on["t"], SWITCH_ON_S, "IEC 61851-1 Table A.6, 4")
    await current_flows(rig)
    await asyncio.sleep(CHARGE_S)
    await rig.car.plug_out()
    await opened(rig)
    assert not await rig.csms.transactions(), "nothing was told yet"
    rig.network.restore()
    ended = await rig.csms.ended(since=asked_t, within_s=SETTLE_S)
    metered_wh = int(await rig.meter.energy_wh())
    assert (ended["id_token"], ended["stop_reason"]) == (CARD, "EVDisconnected")
    assert abs(int(float(ended["energy_wh"])) - metered_wh) <= 1, "billed is what the meter counted"
    await is_whole(rig)


@scenario("OWN-24", title="The network goes in the moment of the start", limit="one transaction, told without conflict")
async def test_the_start_is_lost_with_the_network(rig: Rig) -> None:
    """Lessons 3, 4 and 22: the answer to the start never comes; the stop waits for it."""
    await rig.ready()
    lost = [{"drop": "before", "times": 1}]
    await rig.csms.ask("script", action=rig.csms.dialect.start_action, behaviour=lost)
    await rig.car.plug_in()
    await rig.csms.told("Occupied")
    await rig.authorized()
    await current_flows(rig)
    await rig.car.plug_out()
    await rig.csms.ended(within_s=SETTLE_S)
    await told_once(rig)


@scenario("OWN-25", title="The network goes in the moment of the stop", limit="one transaction, told without conflict")
async def test_the_stop_is_lost_with_the_network(rig: Rig) -> None:
    """Lessons 5 and 10: told again under another message id, and counted once."""
    await rig.charging()
    lost = [{"drop": "before", "times": 1}]
    await rig.csms.ask("script", action=rig.csms.dialect.stop_action, behaviour=lost)
    await asyncio.sleep(DEBOUNCE_S)
    swiped_t = await rig.reader.swipe(CARD)
    await rig.seen("contactor", closed=False, since=swiped_t)
    async with asyncio.timeout(SETTLE_S):
        while not (await rig.csms.ledger())["repeats"]:  # noqa: ASYNC110 - the ledger has no events
            await asyncio.sleep(0.2)
    await rig.csms.ended(since=swiped_t, within_s=SETTLE_S)
    await told_once(rig)


async def told_once(rig: Rig) -> None:
    """Check that what came twice was the same message twice."""
    ledger = await rig.csms.ledger()
    [transaction] = ledger["transactions"]
    assert (transaction["starts"], transaction["ends"], transaction["conflicts"]) == (1, 1, 0), "one and the same"
    assert transaction["repeats"] >= 1, "the lost message came again"
    assert not transaction["missing_seq_nos"], "and nothing is missing"


@scenario(
    "OWN-26",
    title="The network is gone for 6 s under load",
    limit="the contactor does not move; every sample of the gap is told",
    toml=SAMPLING,
)
async def test_a_gap_in_the_network_moves_no_contactor(rig: Rig) -> None:
    """Lessons 6 and 25: samples keep their own times, and come in order."""
    await rig.charging()
    cut_t = rig.history[-1]["t"]
    rig.network.cut()
    await rig.never("contactor", closed=False, since=cut_t, for_s=6)
    back_t = rig.history[-1]["t"]
    rig.network.restore()
    await rig.csms.requested(
        "MeterValues" if rig.csms.dialect.is_16 else "TransactionEvent", since=back_t, within_s=SETTLE_S
    )
    await asyncio.sleep(CHARGE_S)
    await rig.car.plug_out()
    await rig.csms.ended(since=back_t, within_s=SETTLE_S)
    times = [at for at, _ in told_registers(rig.csms.requests())]
    assert times == sorted(times), "in order"
    gaps = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(times)]
    assert max(gaps) < 4, "no sample of the gap is missing"
    await is_whole(rig)
