"""Own scenarios: how sessions begin, pause and end, as drivers and back-ends do it (OWN-01 to OWN-10)."""

import asyncio

from hil.rig import CARD, CHARGING_A, NEVER_S, OTHER_CARD, Rig
from hil.roles import Json
from hil.scenario import scenario
from hil.scenarios.own_looks import is_whole, same_transaction

SWITCH_ON_S = 3.0
SWITCH_OFF_S = 0.1
STOP_S = 6.5
"""The car has 6 s to let go after the offer has ended. Source: IEC 61851-1 Table A.6, sequence 10.2."""
UNTOUCHED_S = 3.0
BOOT_S = 60.0
SHORT_S = 1.0


async def current_flows(rig: Rig, evse: int = 1, within_s: float = 15) -> Json:
    """Wait until the car draws current."""
    return await rig.until(lambda state: state["current_a"] > CHARGING_A, "current flows", evse=evse, within_s=within_s)


async def opened(rig: Rig, evse: int = 1, within_s: float = 15) -> Json:
    """Wait until the contactor is open."""
    return await rig.until(lambda state: not state["contactor_closed"], "power is off", evse=evse, within_s=within_s)


async def last_open_id(rig: Rig) -> str:
    """Id of the transaction that runs."""
    return str((await rig.csms.transactions())[-1]["transaction_id"])


@scenario("OWN-01", title="Card first, plug afterwards", limit="power within 3 s of C; no power before the plug")
async def test_the_card_comes_before_the_plug(rig: Rig) -> None:
    """Lessons 36 and 37: the authorisation waits for the car, and nothing else happens."""
    await rig.ready()
    await rig.authorized()
    await rig.never("duty", output="pwm", for_s=1)
    await rig.car.plug_in(delay_s=NEVER_S)
    await rig.csms.started()
    await rig.seen("duty", output="pwm")
    assert not rig.events("contactor", closed=True), "no power before the car asks"
    asked_t = await rig.car.ev("C")
    closed = await rig.seen("contactor", closed=True)
    rig.measure_span("power on", asked_t, closed["t"], SWITCH_ON_S, "IEC 61851-1 Table A.6, 4")
    await rig.car.plug_out()
    assert (await rig.csms.ended())["id_token"] == CARD
    await is_whole(rig)


@scenario("OWN-02", title="Remote start, then remote stop", limit="power off within 6.5 s of the request")
async def test_the_back_end_starts_and_stops(rig: Rig) -> None:
    """Lessons 13 and 29: the car stays plugged in, and another driver may start afterwards."""
    await rig.ready()
    await rig.car.plug_in()
    await rig.csms.told("Occupied")
    assert await rig.csms.remote_start(CARD) == "Accepted"
    await rig.csms.started()
    await current_flows(rig)
    asked_t = rig.history[-1]["t"]
    assert await rig.csms.remote_stop(await last_open_id(rig)) == "Accepted"
    off = await rig.seen("contactor", closed=False, since=asked_t)
    rig.measure_span("power off", asked_t, off["t"], STOP_S, "IEC 61851-1 Table A.6, 10.2")
    assert (await rig.csms.ended(since=asked_t))["stop_reason"] == "Remote"
    await rig.never("contactor", closed=True, since=off["t"], for_s=UNTOUCHED_S)
    await rig.authorized(token=OTHER_CARD)
    await current_flows(rig)
    await rig.car.plug_out()
    await rig.csms.ended()
    assert (await is_whole(rig, 2))["id_token"] == OTHER_CARD


@scenario("OWN-03", title="The same card stops, another one does not", limit="power off within 6.5 s of the card")
async def test_the_same_card_stops(rig: Rig) -> None:
    """Lesson 58: the final register is read once the contactor is open."""
    await rig.charging()
    strange_t = await rig.reader.swipe(OTHER_CARD)
    await rig.never("contactor", closed=False, since=strange_t, for_s=UNTOUCHED_S)
    swiped_t = await rig.reader.swipe(CARD)
    off = await rig.seen("contactor", closed=False)
    rig.measure_span("power off", swiped_t, off["t"], STOP_S, "IEC 61851-1 Table A.6, 10.2")
    ended = await rig.csms.ended(since=swiped_t)
    assert ended["stop_reason"] in {"Local", None}, "a local stop, which is what 1.6 means without a reason"
    assert int(float(ended["energy_stop_wh"])) == int(await rig.meter.energy_wh()), "the register after the opening"
    await is_whole(rig)


@scenario("OWN-04", title="The car falls asleep and wakes up again", limit="power off within 0.5 s, on within 3 s")
async def test_the_car_sleeps_and_wakes(rig: Rig) -> None:
    """Lessons 31 and 32: no end, no toggling of the contactor while it sleeps, power when it wakes."""
    await rig.charging()
    asleep_t = await rig.car.ev("sleep")
    off = await rig.seen("contactor", closed=False)
    rig.measure_span("power off", asleep_t, off["t"], 0.5, "ours; CP-04 judges the standard's 100 ms")
    await rig.csms.told("SuspendedEV")
    await rig.never("contactor", closed=True, since=off["t"], for_s=UNTOUCHED_S)
    awake_t = await rig.car.ev("C")
    on = await rig.seen("contactor", closed=True)
    rig.measure_span("power on", awake_t, on["t"], SWITCH_ON_S, "IEC 61851-1 Table A.6, 4")
    await rig.csms.told("Charging")
    await same_transaction(rig)


@scenario("OWN-05", title="The car goes from three phases to one under load", limit="no fault, power stays on")
async def test_the_car_changes_its_phases_under_load(rig: Rig) -> None:
    """Lessons 64 and 65: how many phases a car uses is its own business; a phase it leaves alone is none lost."""
    await rig.charging(phases=3)
    changed_t = await rig.car.ev("C", phases=1)
    await rig.until(lambda state: state["phases_supplied"] == 1, "one phase is used")
    await asyncio.sleep(UNTOUCHED_S + 1)  # a missing phase would be told after 3 s
    await rig.car.ev("C", phases=3)
    await rig.never("contactor", closed=False, since=changed_t, for_s=UNTOUCHED_S)
    assert not rig.csms.faults_told("phase_loss"), "no phase is lost"
    await same_transaction(rig)


@scenario(
    "OWN-06",
    title="SIGTERM while charging",
    limit="power off before it exits; it exits within 15 s with 0; the transaction ends with Reboot",
)
async def test_sigterm_stops_the_session_in_order(rig: Rig) -> None:
    """Issue behaviour: a service stop is an ordered end, not a crash."""
    await rig.charging()
    asked_t = rig.history[-1]["t"]
    assert await rig.agent.terminate() == 0, "an ordered exit"
    off = await rig.seen("contactor", closed=False, since=asked_t)
    rig.measure_span("power off", asked_t, off["t"], STOP_S + 1, "ours; the car has 6 s (Table A.6, 10.2)")
    await rig.agent.start()
    ended = await rig.csms.ended(since=asked_t, within_s=BOOT_S)
    assert ended["stop_reason"] == "Reboot"
    await is_whole(rig)


@scenario("OWN-07", title="Made inoperative during a session", limit="answered Scheduled; power stays on until the end")
async def test_unavailability_waits_for_the_session(rig: Rig) -> None:
    """Lesson 97: it waits for the transaction and outlives a restart."""
    await rig.charging()
    asked_t = rig.history[-1]["t"]
    answer = await rig.csms.send(rig.csms.dialect.change_availability(1, operative=False))
    assert answer["status"] == "Scheduled"
    await rig.never("contactor", closed=False, since=asked_t, for_s=UNTOUCHED_S)
    await rig.car.plug_out()
    await rig.csms.told("Unavailable")
    await rig.agent.kill()
    plugged_t = await rig.car.plug_in()
    await rig.agent.start()
    await rig.csms.told("Unavailable", within_s=BOOT_S)
    await rig.reader.swipe(OTHER_CARD)
    await rig.never("contactor", closed=True, since=plugged_t, for_s=UNTOUCHED_S)
    await rig.car.plug_out()
    await rig.csms.send(rig.csms.dialect.change_availability(1, operative=True))
    await rig.csms.told("Available")
    await is_whole(rig)


@scenario(
    "OWN-08", title="Immediate (hard) reset while charging", limit="power off, boot told within 60 s, no power since"
)
async def test_an_immediate_reset_ends_the_session(rig: Rig) -> None:
    """Lessons 9 and 15: the transaction ends with its reason, and the car waits for a new card."""
    await rig.charging()
    asked_t = rig.history[-1]["t"]
    answer = await rig.csms.send(rig.csms.dialect.reset("Immediate"))
    assert answer["status"] == "Accepted"
    off = await rig.seen("contactor", closed=False, since=asked_t)
    boot = await rig.csms.requested("BootNotification", since=asked_t, within_s=BOOT_S)
    rig.measure_span("power off", asked_t, off["t"], STOP_S + 1, "ours; the car has 6 s (Table A.6, 10.2)")
    rig.measure_span("boot told", asked_t, boot["t"], BOOT_S, "ours")
    ended = await rig.csms.ended(since=asked_t, within_s=BOOT_S)
    assert ended["stop_reason"] == rig.csms.reason("ImmediateReset")
    await rig.never("contactor", closed=True, since=off["t"], for_s=UNTOUCHED_S)
    await is_whole(rig)


@scenario("OWN-09", title="Soft reset (on idle) while charging", limit="1.6: ends in order; 2.0.1: waits for the end")
async def test_a_soft_reset_spares_the_session(rig: Rig) -> None:
    """OCPP 1.6 5.14: a soft reset stops transactions first; OCPP 2.0.1 B12: on idle waits for them."""
    await rig.charging()
    asked_t = rig.history[-1]["t"]
    await rig.csms.send(rig.csms.dialect.reset("OnIdle"))
    if rig.csms.dialect.is_16:
        await rig.seen("contactor", closed=False, since=asked_t)
        reason = "SoftReset"
    else:
        await rig.never("contactor", closed=False, since=asked_t, for_s=UNTOUCHED_S)
        assert not rig.csms.requests("BootNotification", since=asked_t), "not before the session's end"
        await rig.car.plug_out()
        reason = "EVDisconnected"
    ended = await rig.csms.ended(since=asked_t, within_s=BOOT_S)
    await rig.csms.requested("BootNotification", since=asked_t, within_s=BOOT_S)
    assert ended["stop_reason"] == reason
    await is_whole(rig)


@scenario("OWN-10", title="A card while the back-end thinks, the plug is pulled", limit="never power; no transaction")
async def test_a_late_answer_authorises_nobody_else(rig: Rig) -> None:
    """Lesson 38: the answer for the driver who left does not start the next car."""
    await rig.ready()
    slow = {"action": "Authorize", "behaviour": [{"delay_s": 3.0, "times": 1}]}
    await rig.csms.ask("script", **slow)
    await rig.car.plug_in()
    await rig.csms.told("Occupied")
    await rig.reader.swipe(CARD)
    await rig.csms.requested("Authorize")
    await rig.car.plug_out()
    await asyncio.sleep(SHORT_S)
    await rig.car.plug_in()
    await rig.never("contactor", closed=True, since=0.0, for_s=UNTOUCHED_S + 1)
    assert not await rig.csms.transactions(), "no transaction"
