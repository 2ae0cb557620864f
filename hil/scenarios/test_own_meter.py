"""Own scenarios: what a meter does wrong, and what the supply does that only the meter sees (OWN-11 to OWN-18)."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from hil.rig import OTHER_CARD, Rig
from hil.scenario import scenario
from hil.scenarios.own_looks import SAMPLING, is_whole, same_transaction, told_registers
from hil.scenarios.test_contactor import repaired
from hil.scenarios.test_own_sessions import current_flows
from hil.scenarios.test_pilot_faults import told_as

SILENT_S = 10.0
SAMPLE_S = 2.5
"""One poll of 1 s, the reading itself and the message."""
VOLTAGE_S = 6.0
"""3 s of wrong voltage, then as after one sample."""
SWITCH_OFF_S = 7.5
"""6 s that the car has to let go, after the fault is known."""
READING_S = timedelta(seconds=1)
"""A reading that was on its way."""
UNTOUCHED_S = 3.0
OTHER_METER_WH = 7_654_321.0


async def sampled(rig: Rig, since: float, count: int = 2) -> None:
    """Wait for so many samples of the import register that were told since then."""
    async with asyncio.timeout(20):
        while len(told_registers(rig.csms.requests(since=since))) < count:  # noqa: ASYNC110 - samples come by the second
            await asyncio.sleep(0.2)


@scenario(
    "OWN-11",
    title="The meter goes stale under load",
    limit="told within 10 s (ours); no value is ever told as newer than it is",
    toml=SAMPLING,
)
async def test_a_stale_meter_is_never_told_as_fresh(rig: Rig) -> None:
    """Lesson 52: dead meters whose last value came again with fresh timestamps."""
    await rig.charging()
    await sampled(rig, 0.0)
    silent_t = await rig.faults.bring("meter_silent")
    silent_from = datetime.now(UTC)
    told = await rig.csms.fault("meter_silent", since=silent_t)
    rig.measure_span("silence told", silent_t, told["t"], SILENT_S, "ours, MT-01")
    await rig.never("contactor", closed=False, since=silent_t, for_s=UNTOUCHED_S)
    fresh = [at for at, _ in told_registers(rig.csms.requests()) if at > silent_from + READING_S]
    assert not fresh, "a value that nobody measured"
    back_t = await rig.faults.clear("meter_silent")
    await sampled(rig, back_t, count=1)
    await rig.car.plug_out()
    await rig.csms.ended()
    await is_whole(rig)


@scenario(
    "OWN-12",
    title="Another unit answers on the meter's bus",
    limit="told within 10 s (ours); none of its values is taken",
    toml=SAMPLING,
)
async def test_the_reply_of_another_unit_is_never_taken(rig: Rig) -> None:
    """Lesson 54: a reply matched to the wrong request."""
    await rig.charging()
    wrong_t = await rig.faults.bring("meter_wrong_unit")
    wrong_from = datetime.now(UTC)
    told = await rig.csms.fault("meter_silent", since=wrong_t)
    rig.measure_span("told", wrong_t, told["t"], SILENT_S, "ours, MT-01")
    taken = [at for at, _ in told_registers(rig.csms.requests()) if at > wrong_from + READING_S]
    assert not taken, "a value of another unit"
    await rig.faults.clear("meter_wrong_unit")
    await rig.csms.told("Charging") if rig.csms.dialect.is_16 else await sampled(rig, rig.stimulus_t, 1)
    await same_transaction(rig)


@scenario(
    "OWN-13",
    title="One of two meters answers 2 s late",
    limit="its late replies are no values; the other meter is read on",
    evses=2,
    toml=SAMPLING,
)
async def test_a_slow_meter_delays_no_other(rig: Rig) -> None:
    """Lessons 54 and 56: late replies answer nothing, and each source has its own timer."""
    await rig.charging(1)
    await rig.car.plug_in(2)
    await rig.csms.told("Occupied", 2)
    await rig.authorized(2, OTHER_CARD)
    await current_flows(rig, 2)
    slow_t = await rig.faults.bring("meter_slow", 1)
    slow_from = datetime.now(UTC)
    told = await rig.csms.fault("meter_silent", 1, since=slow_t)
    rig.measure_span("told", slow_t, told["t"], SILENT_S, "ours, MT-01")
    frames = rig.csms.requests(since=slow_t)
    late = [
        at for at, _ in told_registers([each for each in frames if evse_of(each) == 1]) if at > slow_from + READING_S
    ]
    assert not late, "a value that answers an older question"
    await sampled(rig, rig.history[-1]["t"], count=2)
    assert not rig.csms.faults_told("meter_silent", 2), "the other meter is read on"
    await rig.never("contactor", closed=False, since=slow_t, for_s=1)


def evse_of(frame: dict[str, object]) -> object:
    """EVSE of a sample as told: 1.6 has the connector; 2.0.1 names it at the start alone, and both run alike here."""
    payload = frame["payload"]
    assert isinstance(payload, dict)
    return payload.get("connectorId", payload.get("evse", {}).get("id"))


@scenario(
    "OWN-14",
    title="The register jumps back under load",
    limit="told after one sample (ours, 2.5 s); never billed, never told",
    toml=SAMPLING,
)
async def test_a_register_that_jumps_back_is_never_billed(rig: Rig) -> None:
    """Lesson 57: the import register only ever grows."""
    await rig.meter.set(energy_wh=500_000)
    await rig.charging()
    await sampled(rig, 0.0)
    back_t = await rig.faults.bring("meter_backwards")
    told = await rig.csms.fault("meter_implausible", since=back_t)
    rig.measure_span("told", back_t, told["t"], SAMPLE_S, "ours, MT-02: one sample")
    await rig.never("contactor", closed=False, since=back_t, for_s=UNTOUCHED_S)
    await rig.faults.clear("meter_backwards")
    await rig.car.plug_out()
    ended = await rig.csms.ended()
    values = [value for _, value in told_registers(rig.csms.requests())]
    assert min(values) >= Decimal(500_000), "nothing of the wrong register"
    assert values == sorted(values), "never less than before"
    assert Decimal(0) <= Decimal(ended["energy_wh"]) < Decimal(500)
    await is_whole(rig)


@scenario(
    "OWN-15",
    title="The meter is exchanged under load for another one",
    limit="told after one sample (ours, 2.5 s); its energy is not billed",
    toml=SAMPLING,
)
async def test_energy_of_an_exchanged_meter_is_not_billed(rig: Rig) -> None:
    """Lesson 57: an unsigned meter has no name, but no car takes megawatt hours in a second."""
    await rig.charging()
    await sampled(rig, 0.0)
    exchanged_t = await rig.meter.set(energy_wh=OTHER_METER_WH)
    told = await rig.csms.fault("meter_implausible", since=exchanged_t)
    rig.measure_span("told", exchanged_t, told["t"], SAMPLE_S, "ours, MT-02: one sample")
    await rig.car.plug_out()
    ended = await rig.csms.ended()
    assert Decimal(ended["energy_wh"]) < Decimal(500), "what this car took at most"
    await is_whole(rig)


@scenario(
    "OWN-16",
    title="A signing meter is exchanged under load for another one",
    limit="power off within 10 s (ours); the transaction ends; nothing new starts",
    options=("--meter", "iskra_wm3m4c"),
)
async def test_a_signing_meter_is_exchanged_under_load(rig: Rig) -> None:
    """Rules, Eichrecht: values of another meter than the registered one are worth nothing."""
    await rig.charging()
    exchanged_t = await rig.faults.bring("meter_exchanged")
    await rig.csms.fault("meter_exchanged", since=exchanged_t)
    off = await rig.seen("contactor", closed=False, since=exchanged_t, within_s=15)
    rig.measure_span("power off", exchanged_t, off["t"], SILENT_S, "ours")
    await rig.csms.ended(since=exchanged_t)
    await rig.never("contactor", closed=True, since=off["t"], for_s=UNTOUCHED_S)


@pytest.mark.parametrize("kind", ["over_voltage", "under_voltage", "phase_loss"])
@scenario(
    "OWN-17",
    title="The supply is wrong under load, seen by the meter",
    limit="told within 6 s, power off within 13.5 s (ours); back by itself when the supply is",
)
async def test_a_wrong_supply_pauses_the_session(rig: Rig, kind: str) -> None:
    """Issue, supervision by the meter: no board sees its voltage."""
    await rig.charging()
    wrong_t = await rig.faults.bring(kind)
    told = await rig.csms.fault(kind, since=wrong_t)
    rig.measure_span("told", wrong_t, told["t"], VOLTAGE_S, "ours: 3 s of it, and one sample")
    off = await rig.seen("contactor", closed=False, since=wrong_t)
    rig.measure_span("power off", wrong_t, off["t"], VOLTAGE_S + SWITCH_OFF_S, "ours")
    await rig.csms.told("Faulted", since=wrong_t)
    await rig.faults.clear(kind)
    await current_flows(rig)
    await same_transaction(rig)


@scenario("OWN-18", title="Two faults at once, and they leave one by one", limit="Faulted until the last one is gone")
async def test_two_faults_are_told_and_cleared_one_by_one(rig: Rig) -> None:
    """Lesson 110: cleared errors that were not reported one by one; lesson 33: one must not clear the other."""
    await rig.ready()
    first_t = await rig.faults.bring("pilot_short")
    await rig.faults.bring("over_voltage")
    of_board = told_as(rig, "pilot") if rig.board == "modbus" else "pilot"
    await rig.csms.fault(of_board, since=first_t)
    await rig.csms.fault("over_voltage", since=first_t)
    latched = of_board == "board_internal"
    first, last = ("over_voltage", "pilot_short") if latched else ("pilot_short", "over_voltage")
    cleared_t = await rig.faults.clear(first)
    await asyncio.sleep(UNTOUCHED_S)
    freed = [each for each in rig.csms.requests(since=cleared_t) if rig.csms.dialect.tells(each, "Available", 1)]
    assert not freed, "the other fault stands"
    if latched:
        await repaired(rig)
        return
    last_t = await rig.faults.clear(last)
    told = await rig.csms.told("Available", since=last_t)
    rig.measure_span("free again", last_t, told["t"], SAMPLE_S, "ours: one sample")
