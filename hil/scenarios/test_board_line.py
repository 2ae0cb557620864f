"""The line to the board: unplugged, noisy, split, flooded (LI-03, LI-04)."""

import asyncio

import pytest

from hil.rig import Rig
from hil.scenario import scenario

SILENCE_S = 5.0
POLL_S = 1.0
SETTLED_S = 3.0
DISTURBED_S = 3.0
TWO_FRAMES_S = 2.0
"""So long two requests may wait for answers that were lost."""
REACTION_S = 1.0


async def pulled(rig: Rig, for_s: float) -> float:
    """Pull the serial cable under a car in state B with an offer, and put it back; gives when it was pulled."""
    await rig.offered()
    pulled_t = await rig.faults.bring("cable_pulled", for_s=for_s)
    await asyncio.sleep(for_s)
    return pulled_t


async def still_in_b(rig: Rig, since: float) -> None:
    """Nothing was taken for an unplugged car, and the session goes on to charging."""
    assert not rig.events("pilot_state", since=since, state="A"), "the car was there all the time"
    ends = [frame for frame in rig.csms.requests(since=since) if rig.csms.dialect.ends(frame)]
    assert not ends, "the session goes on"
    await rig.until(lambda state: state["pilot_output"] == "pwm", "offered", within_s=20)
    asked_t = await rig.car.ev("C")
    await rig.seen("contactor", closed=True, since=asked_t, within_s=20)
    await rig.csms.told("Charging", since=asked_t)


@scenario(
    "LI-03", title="The board's cable is unplugged for 3 s", limit="no fault, no false state A; the session goes on"
)
async def test_the_cable_is_unplugged_for_3_s(rig: Rig) -> None:
    """A safety controller and a Heidelberg withdraw the offer by themselves; it comes back."""
    pulled_t = await pulled(rig, 3.0)
    await still_in_b(rig, pulled_t)
    assert not rig.csms.faults_told("board_silent"), "too short to be told"


@scenario(
    "LI-03",
    title="The board's cable is unplugged for 30 s",
    limit="told after 5 s (ours); found again; no false state A",
)
async def test_the_cable_is_unplugged_for_30_s(rig: Rig) -> None:
    """Counted from the last word of the board, at most one poll before the cable was pulled."""
    pulled_t = await pulled(rig, 30.0)
    told = await rig.csms.fault("board_silent", since=pulled_t)
    source = "ours, LI-03: 5 s, and one poll"
    rig.measure_span("silence told", pulled_t, told["t"], SILENCE_S + POLL_S, source, SILENCE_S - POLL_S)
    await still_in_b(rig, pulled_t)


@scenario(
    "LI-04",
    title="Garbage on the board's line while a car charges",
    limit="nothing crashes, no false state; two frames lost at most, then it reacts within 1 s (ours)",
)
@pytest.mark.parametrize("kind", ["line_noise", "line_split", "line_nuls", "line_burst"])
async def test_garbage_on_the_line(rig: Rig, kind: str) -> None:
    """Where frames are lost a safety controller misses its host and opens; that is its duty and no false state."""
    await rig.charging()
    disturbed_t = await rig.faults.bring(kind)
    await asyncio.sleep(DISTURBED_S)
    if kind != "line_burst":
        await rig.faults.clear(kind)
    await asyncio.sleep(TWO_FRAMES_S)
    await rig.until(lambda state: state["contactor_closed"], "charging again", within_s=10)
    await rig.until(lambda state: state["current_a"] > 1, "current flows")
    ends = [frame for frame in rig.csms.requests(since=disturbed_t) if rig.csms.dialect.ends(frame)]
    assert not ends, "the session goes on"
    stopped_t = await rig.car.ev("B")
    told = await rig.csms.told("SuspendedEV", since=stopped_t)
    rig.measure_span("the next change, told", stopped_t, told["t"], REACTION_S, "ours, LI-04")
