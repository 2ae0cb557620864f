"""Faults: the contactor opens first, the fault is told, what it does to the session, and when it is over.

Lessons 33, 41, 52, 57; facts rapi_openevse for what the board does by itself.
"""

from decimal import Decimal

from tests.stories.sessions import CARD, OTHER_CARD, begin_session, leave
from tests.stories.story_bench import Story
from tests.stories.telling import story

ENDING = {
    "diode": "Other",
    "pilot_short": "Other",
    "ground": "GroundFault",
    "rcd_ac": "GroundFault",
    "over_current": "OvercurrentFault",
}


def opened_at_s(s: Story) -> float:
    return next(float(event["t"]) for event in reversed(s.events("contactor")) if not event["closed"])


def told_at_s(s: Story, status: str) -> float:
    frames = s.requests("StatusNotification")
    return next(float(frame["t"]) for frame in frames if s.dialect.tells(frame, status, 1))


def knows_it_charges(s: Story) -> bool:
    """Whether charging was told last: what a car takes from a board out of reach is not billed."""
    states = ("Charging", "SuspendedEV")
    told = [state for frame in s.requests() for state in states if s.dialect.tells(frame, state, 1)]
    return told[-1] == "Charging"


@story(cases=tuple(ENDING))
async def test_a_dangerous_fault_opens_the_contactor_first_and_ends_the_session(s: Story) -> None:
    await begin_session(s)
    await s.pass_time(10)
    s.skip_frames()
    await s.fault(s.case)
    await s.until_evse(contactor_closed=False)
    await s.until_told("Faulted")
    assert opened_at_s(s) <= told_at_s(s, "Faulted")
    ended = await s.until_ended()
    assert ended["stop_reason"] == s.dialect.reason(ENDING[s.case])
    await s.plug_out()
    await s.clear(s.case)
    await s.until_told("Available", within_s=400)
    await begin_session(s, card=OTHER_CARD)
    await leave(s)
    await s.until_ended(2)


@story(cases=("over_temperature", "vent"))
async def test_a_fault_that_suspends_latches_until_the_cable_is_pulled(s: Story) -> None:
    """Lesson 33; facts rapi_openevse, trap 8: the board itself keeps it until then."""
    transaction_id = await begin_session(s)
    s.skip_frames()
    await s.fault(s.case)
    await s.until_told("Faulted")
    assert not (await s.state())["contactor_closed"]
    assert opened_at_s(s) <= told_at_s(s, "Faulted")
    assert (await s.until_open())["transaction_id"] == transaction_id
    await s.clear(s.case)
    await s.pass_time(60)
    assert not (await s.state())["contactor_closed"]
    await leave(s)
    assert (await s.until_ended())["stop_reason"] == "EVDisconnected"
    await begin_session(s, card=OTHER_CARD)
    await leave(s)
    await s.until_ended(2)


@story(cases=("board_silent", "cable_pulled"))
async def test_a_board_out_of_reach_is_told_and_the_session_goes_on(s: Story) -> None:
    transaction_id = await begin_session(s)
    s.skip_frames()
    await s.fault(s.case)
    await s.until_told("Faulted", within_s=60)
    await s.clear(s.case)
    await s.until_charging(within_s=60)
    await s.until(lambda: any(s.dialect.tells(f, "Charging", 1) for f in s.requests()), "charging is told again")
    assert (await s.until_open())["transaction_id"] == transaction_id
    await leave(s)
    await s.until_ended()


@story()
async def test_a_board_that_resets_goes_on_with_the_same_session(s: Story) -> None:
    """A watchdog's reset takes less time than exchanging a car."""
    transaction_id = await begin_session(s)
    await s.fault("board_reset")
    await s.until_evse(contactor_closed=False)
    await s.until_charging()
    assert (await s.until_open())["transaction_id"] == transaction_id
    await leave(s)
    await s.until_ended()


@story()
async def test_a_welded_contactor_is_told_and_stays_a_fault_until_it_is_mended(s: Story) -> None:
    await begin_session(s)
    s.skip_frames()
    await s.fault("welded")
    await s.swipe(CARD)
    await s.until_told("Faulted")
    await s.until_ended()
    await s.plug_out()
    await s.pass_time(10)
    await s.swipe(OTHER_CARD)
    await s.pass_time(5)
    assert len(await s.transactions()) == 1
    # Billed is what was known when the opening went unconfirmed; the weld gives power until the cable is pulled.
    s.unaccounted_wh += 300


@story()
async def test_a_contactor_that_does_not_close_is_a_fault_and_costs_nothing(s: Story) -> None:
    await s.fault("fails_to_close")
    await s.plug_in()
    await s.until_told("Occupied")
    await s.swipe(CARD)
    await s.until_told("Faulted")
    await s.pass_time(60)
    await s.plug_out()
    ended = await s.until_ended()
    assert Decimal(ended["energy_wh"]) == 0
    await s.clear("fails_to_close")


@story(cases=("meter_silent", "meter_garbage"))
async def test_a_silent_meter_delays_nothing_and_nothing_is_lost(s: Story) -> None:
    await begin_session(s)
    await s.fault(s.case)
    await s.pass_time(30)
    assert (await s.state())["contactor_closed"]
    await s.clear(s.case)
    await s.pass_time(10)
    await leave(s)
    await s.until_ended()


@story()
async def test_a_meter_that_stays_silent_ends_with_the_last_register(s: Story) -> None:
    """Lesson 52: no value is invented; what flowed since is found when the meter speaks again."""
    await begin_session(s)
    await s.pass_time(20)
    await s.fault("meter_silent")
    last_wh = await s.register_wh()
    await s.pass_time(5)
    await s.swipe(CARD)
    await s.until_evse(contactor_closed=False, within_s=6)
    ended = await s.until_ended()
    assert last_wh - 20 <= Decimal(ended["energy_stop_wh"]) <= last_wh
    await s.clear("meter_silent")
    await s.pass_time(30, scaled=False)
    await leave(s)
    s.unaccounted_wh += 20


@story()
async def test_a_register_that_runs_backwards_is_never_billed(s: Story) -> None:
    """Lesson 57."""
    await begin_session(s)
    await s.pass_time(30)
    await s.fault("meter_backwards")
    await s.pass_time(10)
    await s.clear("meter_backwards")
    await s.pass_time(10)
    await leave(s)
    await s.until_ended()
    assert (await s.ledger())["problems"] == []


@story()
async def test_a_noisy_line_costs_no_session(s: Story) -> None:
    transaction_id = await begin_session(s)
    await s.fault("line_noise")
    await s.pass_time(60)
    await s.clear("line_noise")
    await s.until(lambda: knows_it_charges(s), "the station knows that it charges")
    assert (await s.until_open())["transaction_id"] == transaction_id
    await leave(s)
    await s.until_ended()
