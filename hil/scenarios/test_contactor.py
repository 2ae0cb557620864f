"""Contactor: it welds, stays open, bounces (RL).

A Modbus charge controller says no more than that it has taken itself out of service; there the fault is told as
`board_internal`, and the controller latches it.
"""

import asyncio

from hil.rig import NEVER_S, Rig
from hil.scenario import scenario

WELD_S = 1.5
CLOSING_S = 1.0
FIRMWARE = "OpenEVSE's firmware looks behind its relay 1,000 ms after closing (GROUND_CHK_DELAY): recorded, not judged"
UNTOUCHED_S = 3.0
DARK_S = 1.0
RESTART_S = 20.0


def fault_at(rig: Rig, name: str) -> str:
    """What this board can tell of a contactor's fault."""
    return "board_internal" if rig.board == "modbus" else name


async def repaired(rig: Rig) -> None:
    """Take the fault out and switch the board off and on, as a technician does; the EVSE is free again."""
    await rig.faults.clear()
    await rig.power.cut()
    await asyncio.sleep(DARK_S)
    powered_t = await rig.power.on()
    await rig.csms.told("Available", since=powered_t, within_s=RESTART_S)


@scenario(
    "RL-01",
    title="The contactor is welded when the car stops: C to B",
    limit="told within 1.5 s (ours); latched over unplugging and a restart, until the board was off and on",
)
async def test_the_contactor_is_welded(rig: Rig) -> None:
    await rig.charging()
    await rig.faults.bring("welded")
    stopped_t = await rig.car.ev("B")
    told = await rig.csms.fault(fault_at(rig, "contactor_welded"), within_s=10)
    rig.measure_span("weld told", stopped_t, told["t"], WELD_S, "ours, RL-01 (OpenEVSE: 1 s after opening)")
    await rig.csms.told("Faulted")
    assert not rig.events("contactor", since=stopped_t, closed=False), "it never opened"
    await rig.csms.ended()
    await rig.faults.clear()  # it lets go by itself, which proves nothing
    unplugged_t = await rig.car.plug_out()
    await rig.agent.terminate()
    await rig.agent.start()
    await rig.csms.told("Faulted", since=unplugged_t, within_s=RESTART_S)
    await rig.never("contactor", closed=True, for_s=UNTOUCHED_S)
    freed = [frame for frame in rig.csms.requests(since=stopped_t) if rig.csms.dialect.tells(frame, "Available", 1)]
    assert not freed, "not Available before somebody has looked after it"
    await repaired(rig)


@scenario(
    "RL-02",
    title="The board starts up with a welded contactor",
    limit="told before the first Available",
)
async def test_it_starts_up_welded(rig: Rig) -> None:
    """An OpenEVSE says so once, at its start, and then nothing more: who listens too late finds it silent."""
    await rig.power.cut()
    await rig.faults.bring("welded")
    powered_t = await rig.power.on()
    await rig.agent.start()
    if rig.board == "rapi":
        await rig.csms.told("Faulted", within_s=RESTART_S)
    else:
        await rig.csms.fault(fault_at(rig, "contactor_welded"), within_s=RESTART_S)
    await rig.never("duty", output="pwm", for_s=UNTOUCHED_S)
    freed = [frame for frame in rig.csms.requests(since=powered_t) if rig.csms.dialect.tells(frame, "Available", 1)]
    assert not freed, "never Available"
    await repaired(rig)


@scenario(
    "RL-03",
    title="The contactor does not close",
    limit="told, and the order withdrawn, within 1 s (ours)",
)
async def test_the_contactor_does_not_close(rig: Rig) -> None:
    """An OpenEVSE without CGMI looks for voltage behind its relay; its word for none is that the earth is missing."""
    await rig.offered()
    await rig.faults.bring("fails_to_close")
    await rig.car.ev("C")
    driven = await rig.seen("coil", driven=True)
    released = await rig.seen("coil", driven=False, since=driven["t"], within_s=5)
    if rig.board == "rapi":
        told = await rig.csms.fault("ground_missing")
        rig.measure_span("order withdrawn", driven["t"], released["t"], None, FIRMWARE)
        rig.measure_span("told after the board has given up", released["t"], told["t"], CLOSING_S, "ours, RL-03")
    else:
        told = await rig.csms.fault(fault_at(rig, "contactor_failed_to_close"))
        rig.measure_span("order withdrawn", driven["t"], released["t"], CLOSING_S, "ours, RL-03")
        rig.measure_span("told", driven["t"], told["t"], CLOSING_S, "ours, RL-03")
    await rig.csms.told("Faulted")
    await rig.never("contactor", closed=True, for_s=UNTOUCHED_S)


@scenario(
    "RL-04",
    title="The auxiliary contact bounces for 20 ms",
    boards=("safety",),
    limit="counted as one closing and one opening, no fault",
)
async def test_the_auxiliary_contact_bounces(rig: Rig) -> None:
    """OpenEVSE senses voltage, and no charge controller reports an auxiliary contact."""
    await rig.ready()
    await rig.faults.bring("auxiliary_bounce")
    plugged_t = await rig.car.plug_in(delay_s=NEVER_S)
    await rig.authorized()
    await rig.seen("duty", output="pwm", since=plugged_t)
    asked_t = await rig.car.ev("C")
    await rig.csms.told("Charging", since=asked_t)
    await rig.never("contactor", closed=False, for_s=UNTOUCHED_S, since=asked_t)
    assert len(changes_to(rig, "Charging", asked_t)) == 1, "power on is told once"
    stopped_t = await rig.car.ev("B")
    await rig.csms.told("SuspendedEV", since=stopped_t)
    await rig.never("contactor", closed=True, for_s=UNTOUCHED_S, since=stopped_t)
    assert len(changes_to(rig, "SuspendedEV", stopped_t)) == 1, "power off is told once"
    for name in ("contactor_welded", "contactor_failed_to_close", "contactor_unconfirmed"):
        assert not rig.csms.faults_told(name), f"no fault {name}"


def changes_to(rig: Rig, state: str, since: float) -> list[object]:
    """Requests that tell a change to this charging state; samples repeat it and are none."""
    return [
        frame
        for frame in rig.csms.requests(since=since)
        if rig.csms.dialect.tells(frame, state, 1)
        and frame["payload"].get("triggerReason", "ChargingStateChanged") == "ChargingStateChanged"
    ]
