"""The meter falls silent, counts backwards, is exchanged, loses its supply (MT).

Register values that cannot be (NaN, 0xFFFFFFFF) are proved at the meter's driver: no simulated meter shows them.
"""

import asyncio
import json
from decimal import Decimal

from hil.rig import Rig
from hil.scenario import scenario

OFTEN = '[variables]\n"SampledDataCtrlr.TxUpdatedInterval" = 1\n'
SIGNING = ("--meter", "iskra_wm3m4c")
SILENT_S = 10.0
SAMPLE_S = 2.0
"""One sample, which is taken each second, and the telling."""
WATCHED_S = 4.0
POWER_LOSS_S = 60.0


async def sampled_wh(rig: Rig) -> Decimal:
    """Wait until energy was counted and told; gives the last register told, Wh."""
    await rig.until(lambda state: float(state["delivered_wh"]) > 5, "energy", within_s=20)
    since = rig.watching.history[-1]["t"]
    await rig.csms.requested(
        "MeterValues" if rig.version == "1.6" else "TransactionEvent", lambda sent: "meterValue" in sent, since=since
    )
    return Decimal((await rig.csms.transactions())[-1]["energy_last_wh"])


@scenario(
    "MT-01",
    title="The meter falls silent while a car charges",
    limit="told within 10 s (ours); charging goes on; the last good register is billed, and never told as new",
    toml=OFTEN,
)
async def test_the_meter_falls_silent(rig: Rig) -> None:
    await rig.charging()
    before_wh = await sampled_wh(rig)
    silent_t = await rig.faults.bring("meter_silent")
    told = await rig.csms.fault("meter_silent")
    rig.measure_span("told", silent_t, told["t"], SILENT_S, "ours, MT-01")
    last_wh = Decimal((await rig.csms.transactions())[-1]["energy_last_wh"])
    await asyncio.sleep(WATCHED_S)
    later = [frame for frame in rig.csms.requests(since=told["t"] + 1) if "Sample.Periodic" in json.dumps(frame)]
    assert not later, "no register is told as if it were new"
    assert (await rig.state())["contactor_closed"], "charging goes on"
    await rig.car.plug_out()
    ended = await rig.csms.ended(within_s=30)
    assert before_wh <= last_wh <= Decimal(ended["energy_stop_wh"]) <= await rig.meter.energy_wh(), "the last good one"


@scenario(
    "MT-01",
    title="The meter falls silent, and sessions are to end then",
    limit="told within 10 s (ours), and the transaction ends",
    toml=OFTEN + "[[evse]]\nid = 1\n[evse.meter]\nfail_on_error = true\n",
)
async def test_the_meter_falls_silent_and_the_session_ends(rig: Rig) -> None:
    await rig.charging()
    await sampled_wh(rig)
    silent_t = await rig.faults.bring("meter_silent")
    told = await rig.csms.fault("meter_silent")
    rig.measure_span("told", silent_t, told["t"], SILENT_S, "ours, MT-01")
    await rig.seen("contactor", closed=False, since=silent_t, within_s=20)
    await rig.csms.ended(since=silent_t, within_s=30)


@scenario(
    "MT-02",
    title="The meter's register goes backwards while a car charges",
    limit="rejected and told within one sample; the bill is unchanged by it",
    toml=OFTEN,
)
async def test_the_register_goes_backwards(rig: Rig) -> None:
    await rig.meter.set(energy_wh=100_000)
    await rig.charging()
    before_wh = await sampled_wh(rig)
    wrong_t = await rig.faults.bring("meter_backwards")
    told = await rig.csms.fault("meter_implausible")
    rig.measure_span("told", wrong_t, told["t"], SAMPLE_S, "ours, MT-02: one sample, taken each second")
    await asyncio.sleep(WATCHED_S)
    assert Decimal((await rig.csms.transactions())[-1]["energy_last_wh"]) >= before_wh, "never told"
    await rig.faults.clear("meter_backwards")
    await rig.car.plug_out()
    ended = await rig.csms.ended(within_s=30)
    assert Decimal(ended["energy_stop_wh"]) >= before_wh, "the bill does not go backwards"


@scenario(
    "MT-02",
    title="The meter's register is not a number while a car charges",
    limit="rejected and told within one sample; the bill is unchanged by it",
    toml=OFTEN,
)
async def test_the_register_is_not_a_number(rig: Rig) -> None:
    """NaN from a meter that counts in floats, all ones from one that counts in integers."""
    await rig.charging()
    before_wh = await sampled_wh(rig)
    wrong_t = await rig.faults.bring("meter_unavailable")
    told = await rig.csms.fault("meter_implausible")
    rig.measure_span("told", wrong_t, told["t"], SAMPLE_S, "ours, MT-02: one sample, taken each second")
    await asyncio.sleep(WATCHED_S)
    told_wh = Decimal((await rig.csms.transactions())[-1]["energy_last_wh"])
    metered_wh = Decimal((await rig.state())["delivered_wh"])
    assert before_wh <= told_wh < metered_wh + 2, "never told"
    await rig.faults.clear("meter_unavailable")
    await rig.car.plug_out()
    ended = await rig.csms.ended(within_s=30)
    assert Decimal(ended["energy_stop_wh"]) >= told_wh, "what flowed meanwhile is billed"


@scenario(
    "MT-03",
    title="Another meter is there after a power cycle",
    limit="told; no power, nothing is billed",
    options=SIGNING,
)
async def test_the_meter_was_exchanged(rig: Rig) -> None:
    await rig.ready()
    await rig.power.cut()
    await rig.faults.bring("meter_exchanged")
    powered_t = await rig.power.on()
    await rig.csms.fault("meter_exchanged", since=powered_t, within_s=30)
    plugged_t = await rig.car.plug_in()
    await rig.authorized()
    await rig.never("contactor", closed=True, for_s=WATCHED_S, since=plugged_t)
    assert not await rig.csms.transactions(), "nothing is billed"


@scenario(
    "MT-04",
    title="Everything is dark while a signed transaction is open",
    limit="ended with PowerLoss and the meter's signature within 60 s of the start (ours)",
    options=SIGNING,
    boards=("safety", "rapi"),
)
async def test_dark_with_an_open_signed_transaction(rig: Rig) -> None:
    """An EVSE-WB cannot tell that it was dark."""
    await rig.charging()
    await rig.until(lambda state: float(state["delivered_wh"]) > 5, "energy", within_s=20)
    await rig.agent.kill()
    await rig.power.cut()
    powered_t = await rig.power.on()
    await rig.agent.start()
    ended = await rig.csms.ended(since=powered_t, within_s=POWER_LOSS_S)
    frame = next(each for each in rig.csms.requests(since=powered_t) if rig.csms.dialect.ends(each))
    rig.measure_span("ended", powered_t, frame["t"], POWER_LOSS_S, "ours, MT-04")
    assert ended["stop_reason"] == rig.csms.reason("PowerLoss")
    records = [value["record"] for value in ended["signed_values"]]
    assert records, "signed by the meter"
    assert any('"TX":"P"' in record.replace(" ", "") for record in records), "signed as ended by a power failure"
