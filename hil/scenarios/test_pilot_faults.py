"""Control pilot: ventilation, diode, shorts and broken wires (CP-13 to CP-20).

Source: IEC 61851-1 Table A.6 by sequence, as facts iec61851_facts cites it; `ours`: a limit of this project.
"""

import pytest

from hil.rig import CARD, NEVER_S, Rig
from hil.scenario import scenario

SWITCH_ON_S = 3.0
SWITCH_OFF_S = 0.1
DIODE_OFF_S = 0.35
NOTICE_S = 1.0
HOLD_F_S = 0.3
OPENING_S = 2.0
UNTOUCHED_S = 3.0
UNPLUGGED_S = 20.0


def told_as(rig: Rig, fault: str) -> str:
    """Return what this board can tell of a fault of the pilot.

    OpenEVSE takes a pilot at 0 V with PWM for a broken diode (facts rapi_openevse, trap 7). A Modbus charge controller
    says no more than that it has taken itself out of service; a Heidelberg knows state E beside that.
    """
    if rig.board == "modbus":
        return "pilot" if fault == "pilot" and is_heidelberg(rig) else "board_internal"
    return "diode" if rig.board == "rapi" and fault == "pilot" else fault


def is_heidelberg(rig: Rig) -> bool:
    """Tell whether this Modbus controller is one whose registers know no state D."""
    return rig.plan.bench_file.board_profile == "heidelberg"


async def free_again(rig: Rig, fault: str = "") -> None:
    """Take the cause out and the plug as well: the EVSE is free; `board_internal` wants a power cycle, too."""
    await rig.faults.clear()
    freed_t = await rig.car.plug_out()
    if fault == "board_internal":
        await rig.power.cut()
        freed_t = await rig.power.on()
    await rig.csms.told("Available", since=freed_t, within_s=UNPLUGGED_S)


async def told_of_ventilation(rig: Rig, since: float) -> None:
    """Wait for the fault, where the board can tell of state D."""
    if not is_heidelberg(rig):
        await rig.csms.fault("ventilation_required", since=since)


async def opens(rig: Rig, since: float, limit_s: float, source: str) -> None:
    """Measure from the stimulus to the open contactor, and see that it stays so."""
    opened = await rig.seen("contactor", closed=False, since=since, within_s=OPENING_S)
    rig.measure_span("power off", since, opened["t"], limit_s, source)
    await rig.never("contactor", closed=True, since=since, for_s=UNTOUCHED_S)


@scenario("CP-13", title="State D while power is on, no ventilation", limit="power off within 100 ms; told")
async def test_the_charging_car_asks_for_ventilation(rig: Rig) -> None:
    await rig.charging()
    asked_t = await rig.car.ev("D")
    await opens(rig, asked_t, SWITCH_OFF_S, "IEC 61851-1 Table A.6, 5 and 6: 100 ms class")
    await told_of_ventilation(rig, asked_t)
    await free_again(rig)


@scenario("CP-13", title="State D from B, no ventilation", limit="never power; told")
async def test_the_car_asks_for_ventilation_first(rig: Rig) -> None:
    await rig.offered()
    asked_t = await rig.car.ev("D")
    await told_of_ventilation(rig, asked_t)
    await rig.never("contactor", closed=True, for_s=UNTOUCHED_S)
    await free_again(rig)


@scenario(
    "CP-14",
    title="State D with ventilation",
    limit="the fan runs before power; power within 3 s",
    boards=("safety",),
    options=("--board-profile", "ventilated", "--io"),
)
async def test_the_fan_runs_before_power(rig: Rig) -> None:
    """Of our boards the safety controller alone can be fitted for state D; an OpenEVSE would need its check off."""
    await rig.offered()
    asked_t = await rig.car.ev("D")
    closed = await rig.seen("contactor", closed=True, within_s=10)
    rig.measure_span("power on", asked_t, closed["t"], SWITCH_ON_S, "IEC 61851-1 Table A.6, 4")
    runs = rig.events("fan", running=True)
    assert runs, "the fan runs"
    assert runs[0]["t"] < closed["t"], "before power"
    await rig.csms.told("Charging", since=asked_t)


@scenario("CP-15", title="The diode is shorted in B", limit="told within 1 s (ours); never power; gone after A")
async def test_the_diode_is_shorted_in_b(rig: Rig) -> None:
    await rig.offered()
    shorted_t = await rig.faults.bring("diode")
    told = await rig.csms.fault(told_as(rig, "diode"))
    rig.measure_span("diode fault told", shorted_t, told["t"], NOTICE_S, "ours, CP-15")
    await rig.car.ev("C")
    await rig.never("contactor", closed=True, since=0.0, for_s=UNTOUCHED_S)
    await free_again(rig, told_as(rig, "diode"))


@scenario("CP-16", title="The diode is shorted in C", limit="power off within 350 ms (ours); F for 300 ms, then +12 V")
async def test_the_diode_is_shorted_in_c(rig: Rig) -> None:
    """Only a board that answers with state F shows how long; the others go to +12 V at once, to see the plug pulled."""
    await rig.charging()
    shorted_t = await rig.faults.bring("diode")
    await opens(rig, shorted_t, DIODE_OFF_S, "ours, CP-16 (OpenEVSE measured 312 ms)")
    await rig.csms.fault(told_as(rig, "diode"), since=shorted_t)
    steady = await rig.seen("duty", output="steady_12v", since=shorted_t)
    f_states = rig.events("duty", output="negative_12v", since=shorted_t)
    assert bool(f_states) == (rig.board == "safety"), "state F is the safety controller's answer"
    for f_state in f_states:
        held = ("state F held", f_state["t"], steady["t"])
        rig.measure_span(*held, None, "IEC 61851-1 Table A.5", at_least_s=HOLD_F_S)
    await free_again(rig, told_as(rig, "diode"))


@scenario("CP-17", title="The pilot is shorted to earth in A", limit="told within 1 s (ours); no charging")
async def test_the_pilot_is_shorted_without_a_car(rig: Rig) -> None:
    await rig.ready()
    shorted_t = await rig.faults.bring("pilot_short")
    fault = "pilot" if rig.board == "rapi" else told_as(rig, "pilot")
    told = await rig.csms.fault(fault, since=shorted_t)
    rig.measure_span("pilot fault told", shorted_t, told["t"], NOTICE_S, "ours, CP-17")
    await rig.csms.told("Faulted", since=shorted_t)
    await rig.reader.swipe(CARD)
    await rig.never("duty", output="pwm", since=shorted_t, for_s=UNTOUCHED_S)
    assert not rig.events("contactor", closed=True), "no power"
    assert not await rig.csms.transactions(), "no transaction"
    await free_again(rig, fault)


@scenario("CP-18", title="The pilot is shorted to earth in C", limit="power off within 100 ms; told")
async def test_the_pilot_is_shorted_under_load(rig: Rig) -> None:
    await rig.charging()
    shorted_t = await rig.faults.bring("pilot_short")
    await opens(rig, shorted_t, SWITCH_OFF_S, "IEC 61851-1 Table A.6, 12: 100 ms class")
    await rig.csms.fault(told_as(rig, "pilot"), since=shorted_t)
    await free_again(rig, told_as(rig, "pilot"))


async def the_car_seems_gone(rig: Rig, wire: str) -> None:
    """Break a wire under load: it looks as if the cable had been pulled, until the wire is whole again."""
    await rig.charging()
    broken_t = await rig.faults.bring(wire)
    await opens(rig, broken_t, SWITCH_OFF_S, "IEC 61851-1 Table A.6, 2.2")
    transaction = await rig.csms.ended(since=broken_t)
    assert transaction["stop_reason"] == rig.csms.reason("EVDisconnected")


@scenario(
    "CP-19",
    title="The pilot wire breaks in C",
    limit="power off within 100 ms, as if unplugged",
    boards=("safety", "modbus"),
)
async def test_the_pilot_wire_breaks(rig: Rig) -> None:
    """To an OpenEVSE it is the edge C to A of CP-05, whose debounce is excused there: the next run plays it."""
    await the_car_seems_gone(rig, "pilot_open")


@scenario(
    "CP-05",
    title="The pilot wire breaks in C (CP-19): to the board the cable is pulled under load",
    limit="power off within 100 ms",
    boards=("rapi",),
)
async def test_the_pilot_wire_breaks_at_an_openevse(rig: Rig) -> None:
    await the_car_seems_gone(rig, "pilot_open")


@scenario("CP-20", title="The protective conductor to the car breaks in C", limit="power off within 100 ms")
async def test_the_protective_conductor_breaks_under_load(rig: Rig) -> None:
    await the_car_seems_gone(rig, "pe_loss")


@pytest.mark.parametrize("wire", ["pe_loss", "pilot_open"])
@scenario("CP-20", title="The pilot's way to the car and back is broken before plugging in", limit="never power")
async def test_the_way_to_the_car_is_broken(rig: Rig, wire: str) -> None:
    await rig.ready()
    await rig.faults.bring(wire)
    await rig.car.plug_in(delay_s=NEVER_S)
    await rig.reader.swipe(CARD)
    await rig.car.ev("C")
    await rig.never("contactor", closed=True, since=0.0, for_s=UNTOUCHED_S)
