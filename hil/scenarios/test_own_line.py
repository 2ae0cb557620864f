"""Own scenarios: the board's line is disturbed, cut or pulled (OWN-31 to OWN-36).

CPU time is the agent's own, from /proc; its log must not be flooded: one line per change of state.
"""

import asyncio

from hil.rig import CARD, NEVER_S, Rig
from hil.scenario import scenario
from hil.scenarios.own_looks import complaints, cpu_s, is_whole, same_transaction
from hil.scenarios.test_own_sessions import BOOT_S, UNTOUCHED_S, current_flows

NOISE_S = 6.0
AWAY_S = 8.0
BUSY_SHARE = 0.4
"""Of one core; a loop without a pause takes all of it."""
LOST_S = 7.0
"""5 s of silence, or three missed replies; then the telling."""
LINES = 12
RESYNC_S = 1.0
"""Two frames at the slowest board's interval of 250 ms, and as much again for a retry."""
RECOVERY_S = 20.0


async def burdened(rig: Rig, for_s: float) -> tuple[float, int]:
    """CPU time as a share of one core and lines of complaint, over so many seconds."""
    loop = asyncio.get_running_loop()
    cpu_before_s, lines_before, began_s = cpu_s(rig.agent), len(complaints(rig)), loop.time()
    await asyncio.sleep(for_s)
    return (cpu_s(rig.agent) - cpu_before_s) / (loop.time() - began_s), len(complaints(rig)) - lines_before


def is_bearable(burden: tuple[float, int]) -> None:
    """Check that nothing spins and nothing floods."""
    share, lines = burden
    assert share < BUSY_SHARE, f"CPU {share:.0%} of a core: a busy loop"
    assert lines <= LINES, f"{lines} lines of complaint: a flood"


@scenario("OWN-31", title="Garbage between the frames for 6 s under load", limit="no false state; no flood; no spin")
async def test_garbage_on_the_line_makes_no_false_state(rig: Rig) -> None:
    """Lesson 53 and issue, line trouble: a station that cannot hear may pause; it must not invent a car or end."""
    await rig.charging()
    noise_t = await rig.faults.bring("line_noise")
    is_bearable(await burdened(rig, NOISE_S))
    await rig.faults.clear("line_noise")
    await current_flows(rig, within_s=RECOVERY_S)
    frames = rig.csms.requests(since=noise_t)
    assert not [each for each in frames if rig.csms.dialect.tells(each, "Available", 1)], "the car never left"
    await same_transaction(rig)


@scenario(
    "OWN-32", title="Both ends run at different speeds for 8 s under load", limit="told within 7 s; goes on afterwards"
)
async def test_another_speed_is_a_silent_board(rig: Rig) -> None:
    """Lesson 55: told as what it is, and the session is not thrown away."""
    await rig.charging()
    wrong_t = await rig.faults.bring("line_baudrate", for_s=AWAY_S)
    is_bearable(await burdened(rig, AWAY_S - 1))
    told = await rig.csms.fault("board_silent", since=wrong_t)
    rig.measure_span("told", wrong_t, told["t"], LOST_S, "ours, LI-03: 5 s")
    await current_flows(rig, within_s=RECOVERY_S)
    assert not [each for each in rig.csms.requests(since=wrong_t) if rig.csms.dialect.tells(each, "Available", 1)]
    await same_transaction(rig)


@scenario("OWN-33", title="10 kB of random bytes while a car waits", limit="state C is told within 4 s of it; no fault")
async def test_a_burst_is_over_when_it_is_over(rig: Rig) -> None:
    """Issue, line trouble: resynchronises within two frames; nothing of the burst is taken for a state."""
    await rig.offered()
    burst_t = await rig.faults.bring("line_burst", value=10_000)
    await asyncio.sleep(1)  # 10 kB take 0.9 s
    asked_t = await rig.car.ev("C")
    on = await rig.seen("contactor", closed=True, since=asked_t, within_s=10)
    rig.measure_span("power on", asked_t, on["t"], 3.0 + RESYNC_S, "IEC 61851-1 Table A.6, 4, and two frames")
    await rig.csms.told("Charging", since=asked_t)
    frames = rig.csms.requests(since=burst_t)
    assert not [each for each in frames if rig.csms.dialect.tells(each, "Available", 1)], "the car never left"
    assert rig.agent.running, "nothing crashes"
    await same_transaction(rig)


@scenario("OWN-34", title="The board's port is away for 8 s under load", limit="told within 7 s; no spin; goes on")
async def test_a_port_that_is_away_costs_no_cpu(rig: Rig) -> None:
    """Lesson 53 and issue: a port that vanishes is tried again with pauses, and logged once."""
    await rig.charging()
    pulled_t = await rig.faults.bring("cable_pulled", for_s=AWAY_S)
    is_bearable(await burdened(rig, AWAY_S - 1))
    told = await rig.csms.fault("board_silent", since=pulled_t)
    rig.measure_span("told", pulled_t, told["t"], LOST_S, "ours, LI-03: 5 s")
    await current_flows(rig, within_s=RECOVERY_S)
    assert not [each for each in rig.csms.requests(since=pulled_t) if rig.csms.dialect.tells(each, "Available", 1)]
    await same_transaction(rig)


@scenario("OWN-35", title="The board's cable is pulled in B, before any card", limit="never power; then as usual")
async def test_a_cable_pulled_in_b_costs_nothing(rig: Rig) -> None:
    """Lesson 37: state derives from pilot and authorisation, and a board that is away shows neither."""
    await rig.ready()
    await rig.car.plug_in(delay_s=NEVER_S)
    await rig.csms.told("Occupied")
    pulled_t = await rig.faults.bring("cable_pulled")
    await rig.csms.fault("board_silent", since=pulled_t)
    await rig.reader.swipe(CARD)
    await rig.never("contactor", closed=True, since=pulled_t, for_s=UNTOUCHED_S)
    back_t = await rig.faults.clear("cable_pulled")
    await rig.csms.told("Occupied", since=back_t, within_s=RECOVERY_S)
    if not await rig.csms.transactions():
        await rig.reader.swipe(CARD)
        await rig.csms.started(since=back_t)
    await rig.car.ev("C")
    await current_flows(rig, within_s=RECOVERY_S)
    await rig.car.plug_out()
    await rig.csms.ended()
    await is_whole(rig)


@scenario("OWN-36", title="The board's cable is not there at the start", limit="told; Available once it is back")
async def test_a_cable_that_is_missing_at_the_start(rig: Rig) -> None:
    """Lesson 101 and issue, a missing port: the station comes up, says what is wrong and mends itself."""
    await rig.faults.bring("cable_pulled")
    await rig.agent.start()
    await rig.csms.fault("board_silent", since=0.0, within_s=BOOT_S)
    is_bearable(await burdened(rig, UNTOUCHED_S))
    back_t = await rig.faults.clear("cable_pulled")
    told = await rig.csms.told("Available", since=back_t, within_s=RECOVERY_S + 15)
    rig.measure_span("free for a car", back_t, told["t"], RECOVERY_S + 15, "ours: a pause between tries, and boot")
