"""Residual current: the board opens alone, the host is told afterwards (RC).

A Modbus charge controller says no more than that it has taken itself out of service: `board_internal`. A safety
controller and an OpenEVSE have one word for both kinds of residual current.
"""

from hil.rig import Rig
from hil.scenario import scenario
from hil.scenarios.test_contactor import repaired

OPENING_S = 0.1
TOLD_S = 1.0
SELF_TEST_S = 3.0
LATCHED_S = 4.0


async def residual_current(rig: Rig, kind: str, source: str) -> None:
    """Let a residual current flow while the agent hangs, then let it go on."""
    await rig.charging()
    rig.agent.pause()
    flows_t = await rig.faults.bring(kind)
    opened = await rig.seen("contactor", closed=False, within_s=2)
    rig.agent.resume()
    rig.measure_span("power off, without its host", flows_t, opened["t"], OPENING_S, source)
    told = await rig.csms.fault("board_internal" if rig.board == "modbus" else "ground_fault_tripped")
    rig.measure_span("told", opened["t"], told["t"], TOLD_S, "ours, RC-01")
    await rig.csms.told("Faulted", since=flows_t)
    ended = await rig.csms.ended(since=flows_t)
    assert ended["stop_reason"] in {rig.csms.reason("GroundFault"), "Other"}
    cleared_t = await rig.faults.clear(kind)
    await rig.never("contactor", closed=True, for_s=LATCHED_S, since=cleared_t)
    freed = [frame for frame in rig.csms.requests(since=flows_t) if rig.csms.dialect.tells(frame, "Available", 1)]
    assert not freed, "not Available while the car is plugged in"
    unplugged_t = await rig.car.plug_out()
    if rig.board == "modbus":
        await repaired(rig)
    else:
        await rig.csms.told("Available", since=unplugged_t)


@scenario(
    "RC-01",
    title="6 mA of smooth residual direct current",
    limit="power off by the board alone; told within 1 s (ours); Faulted until unplugged or reset",
)
async def test_residual_direct_current(rig: Rig) -> None:
    await residual_current(rig, "rcd_dc", "ours; the monitor's data sheet has the last word (IEC 62955)")


@scenario(
    "RC-02",
    title="30 mA of residual alternating current",
    limit="power off by the board alone; told within 1 s (ours); Faulted until unplugged or reset",
)
async def test_residual_alternating_current(rig: Rig) -> None:
    """An OpenEVSE would try again by itself after five minutes; the agent holds the fault until the car is gone."""
    await residual_current(rig, "rcd_ac", "ours (OpenEVSE measured 8 us)")


@scenario(
    "RC-03",
    title="The residual current monitor fails its self-test before closing",
    boards=("safety", "rapi"),
    limit="no power; told within 3 s (ours)",
)
async def test_the_self_test_fails(rig: Rig) -> None:
    """No register of a charge controller tells whether it tests its monitor."""
    await rig.offered()
    await rig.faults.bring("rcd_self_test")
    asked_t = await rig.car.ev("C")
    told = await rig.csms.fault("residual_current_self_test")
    rig.measure_span("told", asked_t, told["t"], SELF_TEST_S, "ours, RC-03")
    await rig.csms.told("Faulted", since=asked_t)
    await rig.never("contactor", closed=True, for_s=LATCHED_S, since=asked_t)
