"""Control pilot: what a board makes of its levels, and its own generator out of bounds (CP-11, CP-12, CP-21, CP-22).

Source: facts iec61851_facts, table of states with tolerances, and IEC 61851-1 A.4.11 (hysteresis).
"""

import asyncio

import pytest

from hil.rig import CARD, NEVER_S, Rig
from hil.scenario import scenario

NOTICE_S = 1.0
UNTOUCHED_S = 3.0
QUIET_S = 20.0
"""In each of the states A, B and C: 60 s in all."""
NOISE_V = 0.9
SEES_WITHIN_S = 3.0
STEP_V, STEPS = 0.1, 12
START_B_V, START_C_V = 0.9, 0.9
"""From a nominal level up to where the sweep begins."""


async def quiet(rig: Rig, statuses: int) -> None:
    """See for `QUIET_S` that nothing moves: contactor, duty cycle, lock, safe state, nor what the back-end is told."""
    from_t = rig.history[-1]["t"]
    await rig.never("contactor", since=from_t, for_s=QUIET_S)
    moved = [each for event in ("duty", "safe_state", "lock", "controller") for each in rig.events(event, since=from_t)]
    assert not moved, f"spurious: {moved[0]}"
    assert len(rig.csms.requests("StatusNotification")) == statuses, "no status is told anew"


@scenario(
    "CP-11",
    title="Noise of 0.9 V on the pilot",
    limit="no spurious event in 60 s",
    boards=("safety", "rapi"),
)
async def test_noise_moves_nothing(rig: Rig) -> None:
    """The simulated Modbus controllers measure without noise; there is nothing to prove."""
    await rig.ready()
    await rig.faults.bring("pilot_noise", value=NOISE_V)
    await quiet(rig, len(rig.csms.requests("StatusNotification")))
    await rig.offered()
    await asyncio.sleep(NOTICE_S)
    await quiet(rig, len(rig.csms.requests("StatusNotification")))
    ready_t = await rig.car.ev("C")
    await rig.seen("contactor", closed=True, since=ready_t)
    await rig.until(lambda state: state["current_a"] > 1, "current flows")
    await asyncio.sleep(NOTICE_S)
    await quiet(rig, len(rig.csms.requests("StatusNotification")))
    assert not rig.events("safe_state", active=True), "no fault"


async def border_v(rig: Rig, level_v: float, before: str, after: str, step_v: float) -> float:
    """Move the pilot's level in steps until the board sees the other state; gives the level."""
    offset_v = level_v - (9.0 if (await rig.state())["vehicle"]["state"] == "B" else 6.0)
    for _ in range(STEPS):
        await rig.faults.bring("pilot_offset", value=round(offset_v, 3))
        await asyncio.sleep(0.1)
        state = await rig.state()
        if state["board"]["pilot"] == after:
            return float(state["pilot_high_v"])
        assert state["board"]["pilot"] == before, f"{before} or {after} at {state['pilot_high_v']} V"
        offset_v += step_v
    raise AssertionError(f"{after} is not seen until {state['pilot_high_v']} V")


@pytest.mark.parametrize(
    ("car", "high", "low", "middle_v"), [("B", "A", "B", 10.5), ("B", "B", "C", 7.5), ("C", "C", "D", 4.5)]
)
@scenario("CP-11", title="Hysteresis between two states", limit="borders differ by direction", boards=("safety",))
async def test_borders_differ_by_direction(rig: Rig, car: str, high: str, low: str, middle_v: float) -> None:
    """The safety controller alone tells continuously what it sees; its hysteresis is the standard's (A.4.11)."""
    await rig.ready()
    await rig.car.plug_in(delay_s=NEVER_S)
    if car == "C":
        await rig.car.ev("C")
    span_v = STEP_V * STEPS / 2
    down_v = await border_v(rig, middle_v + span_v, high, low, -STEP_V)
    up_v = await border_v(rig, middle_v - span_v, low, high, STEP_V)
    assert down_v < middle_v < up_v, f"{high} to {low} at {down_v} V, back at {up_v} V"
    assert not rig.events("contactor", closed=True), "nobody is authorised"


@pytest.mark.parametrize(("pilot_b_ohm", "pilot_c_ohm"), [(1870.0, 612.0), (4610.0, 1254.0)])
@scenario("CP-12", title="Resistors at the ends of the EV's tolerance", limit="B and C are recognised")
async def test_extreme_resistors_are_recognised(rig: Rig, pilot_b_ohm: float, pilot_c_ohm: float) -> None:
    """Both legs together are 1870 with 909, and 4610 with 1723 ohm in parallel."""
    await rig.offered(pilot_b_ohm=pilot_b_ohm, pilot_c_ohm=pilot_c_ohm)
    ready_t = await rig.car.ev("C")
    await rig.seen("contactor", closed=True, since=ready_t, within_s=SEES_WITHIN_S)
    await rig.until(lambda state: state["current_a"] > 1, "current flows")
    stopped_t = await rig.car.ev("B")
    await rig.seen("contactor", closed=False, since=stopped_t)
    await rig.csms.told("SuspendedEV", since=stopped_t)


@scenario("CP-21", title="The negative rail is weak (-9.5 V)", limit="told within 1 s (ours); no new session")
async def test_the_negative_rail_is_weak(rig: Rig) -> None:
    """The safety controller watches its rail; the others see it with PWM, as a diode that does not rectify."""
    await rig.ready()
    weak_t = await rig.faults.bring("weak_rail")
    if rig.board != "safety":
        await rig.car.plug_in(delay_s=NEVER_S)
        await rig.csms.told("Occupied")
    await rig.authorized(token=CARD)
    if rig.board != "safety":
        weak_t = (await rig.seen("duty", output="pwm", since=weak_t))["t"]
    names = {"safety": "pilot", "rapi": "diode", "modbus": "board_internal"}
    told = await rig.csms.fault(names[rig.board], since=weak_t)
    rig.measure_span("fault told", weak_t, told["t"], NOTICE_S, "ours, CP-21")
    await rig.car.plug_in(delay_s=NEVER_S)
    await rig.car.ev("C")
    await rig.never("contactor", closed=True, since=0.0, for_s=UNTOUCHED_S)


@pytest.mark.parametrize("frequency_hz", [970.0, 1030.0])
@scenario("CP-22", title="PWM frequency out of bounds", limit="980 to 1020 Hz; told within 1 s", boards=("safety",))
async def test_the_frequency_is_out_of_bounds(rig: Rig, frequency_hz: float) -> None:
    """Of our boards the safety controller alone measures its own PWM."""
    await rig.charging()
    await rig.faults.bring("pwm_frequency", value=985.0 if frequency_hz < 1000 else 1015.0)
    await rig.never("safe_state", active=True, for_s=1.0)
    wrong_t = await rig.faults.bring("pwm_frequency", value=frequency_hz)
    told = await rig.csms.fault("pilot")
    rig.measure_span("fault told", wrong_t, told["t"], NOTICE_S, "ours, CP-22")
    await rig.seen("contactor", closed=False)
