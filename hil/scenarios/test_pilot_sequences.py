"""Control pilot: a simplified EV, a pause of the station's own, a toggle that moves nothing (CP-06 to CP-10).

Source: IEC 61851-1 Table A.6 by sequence, as facts iec61851_facts cites it; `ours`: a limit of this project.
"""

import asyncio
import json

import pytest

from hal.codecs.safety_frame import SafetyFrameDecoder
from hal.codecs.safety_values import ChargeState, Com
from hil.rig import CARD, CHARGING_A, Rig
from hil.scenario import scenario

SWITCH_ON_S = 3.0
SWITCH_OFF_S = 0.1
GRACE_S, GRACE_END_S = 6.0, 6.5
EV_STOPS_S = 3.0
UNTOUCHED_S = 2.0
LONGEST_S = 20.0
TRAIN_S = 2.4
"""Pulses and pauses together; 3.5 s with what the orders to the bench take."""
C_FROM_B_V = -3.0
"""Shifts a pilot in state B (9 V) to the level of state C."""
HOT_C, COOL_C = 75.0, 25.0
"""Above the step that pauses, and below the one from which the whole current is back (the agent's defaults)."""


async def asked_to_pause(rig: Rig) -> float:
    """Let the back-end stop the transaction that runs; gives when +12 V stood on the pilot."""
    asked_t = rig.history[-1]["t"]
    transaction = (await rig.csms.transactions())[-1]
    assert await rig.csms.remote_stop(str(transaction["transaction_id"])) == "Accepted"
    steady = await rig.seen("duty", evse=1, output="steady_12v", since=asked_t)
    return float(steady["t"])


@scenario("CP-06", title="A simplified EV: A to C directly", limit="power within 3 s of the card, PWM before it")
async def test_a_simplified_car_is_plugged_in(rig: Rig) -> None:
    await rig.ready()
    plugged_t = await rig.car.plug_in(simplified=True)
    await rig.csms.told("Occupied")
    await rig.never("contactor", closed=True, for_s=UNTOUCHED_S)
    assert not rig.events("duty", since=plugged_t, output="pwm"), "nothing is offered to nobody"
    shown_t = await rig.reader.swipe(CARD)
    offered = await rig.seen("duty", output="pwm")
    closed = await rig.seen("contactor", closed=True)
    assert offered["t"] < closed["t"], "PWM before power"
    rig.measure_span("power on", shown_t, closed["t"], SWITCH_ON_S, "IEC 61851-1 Table A.6, 4, from the card on (ours)")
    await rig.csms.told("Charging")
    tellings = [frame for frame in rig.csms.requests(since=plugged_t) if rig.csms.dialect.starts(frame)]
    assert len(tellings) == 1, "one transaction"


@scenario("CP-07", title="The station pauses, the EV goes to B", limit="power off within 100 ms of B")
async def test_the_station_pauses_and_the_car_obeys(rig: Rig) -> None:
    """What makes the station withdraw its offer here is a stop by the back-end: the same sequence as a pause."""
    await rig.charging()
    steady_t = await asked_to_pause(rig)
    left = await rig.seen("pilot_state", state="B", since=steady_t)
    opened = await rig.seen("contactor", closed=False, since=steady_t)
    assert opened["t"] >= left["t"], "not before the car has let go"
    rig.measure_span("car leaves C", steady_t, left["t"], EV_STOPS_S, "IEC 61851-1 Table A.6, 10.1")
    rig.measure_span("power off", left["t"], opened["t"], SWITCH_OFF_S, "IEC 61851-1 Table A.6, 8.2")
    await rig.csms.ended(since=steady_t)


@scenario("CP-08", title="The station pauses, the EV stays in C", limit="power off after 6.0 to 6.5 s")
async def test_the_station_pauses_and_the_car_stays(rig: Rig) -> None:
    """Stopped by the back-end, as CP-07.

    A Modbus controller does not tell that it opened before the EV leaves C. An OpenEVSE tells it at the next poll, when
    the meter may show no load any more, so that the log may lack the load.
    """
    await rig.charging(stubborn=True)
    steady_t = await asked_to_pause(rig)
    opened = await rig.seen("contactor", closed=False, since=steady_t, within_s=LONGEST_S)
    rig.measure_span(
        "power off", steady_t, opened["t"], GRACE_END_S, "IEC 61851-1 Table A.6, 10.2; 6.5 s ours", at_least_s=GRACE_S
    )
    await rig.csms.ended(since=steady_t)
    if rig.board == "modbus":
        await rig.csms.fault("contactor_unconfirmed", since=steady_t)
    elif rig.board == "safety":
        assert any("openings_under_load=1" in line for line in rig.agent.log), "logged as such"


@scenario(
    "CP-09",
    title="The pause is taken back while the EV is still in C",
    limit="PWM and power within 3 s; the contactor does not move later",
    boards=("safety",),
)
async def test_the_pause_is_taken_back(rig: Rig) -> None:
    """Heat is what pauses a session that goes on; of our boards the safety controller alone tells temperatures."""
    await rig.charging(stubborn=True)
    hot_t = await rig.faults.bring("temperature", value=HOT_C)
    await rig.seen("duty", output="steady_12v")
    await rig.csms.told("SuspendedEVSE")
    cool_t = await rig.faults.bring("temperature", value=COOL_C)
    offered = await rig.seen("duty", output="pwm")
    rig.measure_span("offer is back, power stayed", cool_t, offered["t"], SWITCH_ON_S, "ours, CP-09")
    await rig.never("contactor", closed=False, since=hot_t, for_s=GRACE_END_S)
    await rig.until(lambda state: state["contactor_closed"] and state["current_a"] > CHARGING_A, "power flows")
    assert (await rig.csms.ledger())["open"] == 1, "the transaction goes on"


@pytest.mark.parametrize("pulse_s", [0.2, 0.4])
@scenario("CP-10", title="The EV toggles B-C-B", limit="pulses of 200 to 400 ms within 3.5 s move no contactor")
async def test_the_car_toggles(rig: Rig, pulse_s: float) -> None:
    """The bench's clock ends each pulse, so that a busy machine does not make it longer.

    The safety controller's reports every 100 ms show each of them; OpenEVSE's debounce, and the poll of a Modbus
    controller, may be longer than a pulse.
    """
    await rig.offered()
    first_t = rig.stimulus_t
    toggles = round(TRAIN_S / 2 / pulse_s)
    for _ in range(toggles):
        await rig.faults.bring("pilot_offset", value=C_FROM_B_V, for_s=pulse_s)
        await rig.seen("pilot_state", state="C")
        await rig.seen("pilot_state", state="B")
        await asyncio.sleep(pulse_s)
    await rig.never("contactor", closed=True, since=first_t, for_s=UNTOUCHED_S)
    if rig.board == "safety" and rig.recorded:
        assert reported_states(rig.recorded, first_t).count("C") == toggles, "each toggle is reported to the host"
    await rig.car.ev("C")
    await rig.seen("contactor", closed=True)


def reported_states(recording: list[str], since: float) -> list[str]:
    """Return the pilot states that a safety controller reported to its host since then, each change once."""
    decoder, states = SafetyFrameDecoder(), [""]
    for entry in map(json.loads, recording):
        if entry.get("direction") != "from_device" or not entry["line"].endswith("board") or entry["t"] < since:
            continue
        for frame in decoder.feed(bytes.fromhex(entry["hex"])):
            pilot = ChargeState.from_data(frame.data).pilot if frame.com == Com.CHARGE_STATE else None
            if pilot is not None and pilot.value != states[-1]:
                states.append(pilot.value)
    return states
