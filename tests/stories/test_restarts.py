"""The agent dies, the supply goes, or both; afterwards the books are right. Lessons 1, 2, 7, 8, 9, 15, 39."""

from tests.stories.sessions import CARD, OTHER_CARD, begin_session, leave
from tests.stories.story_bench import Story
from tests.stories.telling import story

DARK_S = 8.0
"""Longer than a board's own reset takes."""
UNDER_THE_THRESHOLD_WH = 20


def contactor_changes(s: Story) -> int:
    return len(s.events("contactor"))


@story(smoke=True)
async def test_a_session_is_adopted_again_after_sigkill_without_a_click(s: Story) -> None:
    transaction_id = await begin_session(s)
    await s.pass_time(20)
    clicks = contactor_changes(s)
    await s.kill_agent()
    await s.pass_time(3)
    await s.start_agent()
    await s.pass_time(20)
    assert contactor_changes(s) == clicks
    assert (await s.until_open())["transaction_id"] == transaction_id
    assert (await s.state())["current_a"] > 1
    await leave(s)
    assert (await s.until_ended())["stop_reason"] == "EVDisconnected"
    assert len(await s.transactions()) == 1


@story()
async def test_no_status_is_told_after_sigkill_before_the_board_was_asked(s: Story) -> None:
    """Lesson 9: never Available while a car draws current."""
    await begin_session(s)
    await s.kill_agent()
    s.skip_frames()
    await s.stage.start_agent()
    await s.until(lambda: bool(s.requests("StatusNotification")), "a status is told")
    await s.pass_time(10)
    assert not any(s.dialect.tells(frame, "Available", 1) for frame in s.requests())
    await leave(s)
    await s.until_ended()


@story()
async def test_the_card_that_started_stops_after_sigkill(s: Story) -> None:
    await begin_session(s)
    await s.pass_time(10)
    await s.kill_agent()
    await s.start_agent()
    await s.swipe(CARD)
    assert (await s.until_ended())["stop_reason"] == "Local"
    await leave(s)


@story()
async def test_a_stop_that_sigkill_interrupts_is_finished_afterwards(s: Story) -> None:
    """The car has six seconds to let go; a stop accepted before the kill must not turn into going on."""
    await s.plug_in(stubborn=True)
    await s.until_told("Occupied")
    await s.swipe(CARD)
    await s.until_charging()
    transaction_id = (await s.until_open())["transaction_id"]
    assert await s.remote_stop(transaction_id) == "Accepted"
    await s.pass_time(0.5, scaled=False)
    await s.kill_agent()
    await s.start_agent()
    assert (await s.until_ended())["stop_reason"] == "Remote"
    await s.until_evse(contactor_closed=False)
    await leave(s)
    assert len(await s.transactions()) == 1


@story()
async def test_a_car_exchanged_while_the_agent_was_dead_is_not_billed_to_the_first(s: Story) -> None:
    """Facts rapi_openevse: an enabled board charges the next car; that energy is found and reported."""
    await begin_session(s)
    await s.pass_time(20)
    await s.kill_agent()
    await s.plug_out()
    await s.until_evse(pilot_state="A", contactor_closed=False)
    await s.plug_in()
    await s.pass_time(40, scaled=False)
    delivered_wh = await s.register_wh()
    await s.start_agent()
    ended = await s.until_ended()
    assert ended["stop_reason"] == "EVDisconnected"
    await s.until_evse(contactor_closed=False)
    await s.until(lambda: s.reported_wh() > 0, "the unauthorised energy is reported")
    assert int(ended["energy_stop_wh"]) < delivered_wh - 30
    await leave(s)
    s.unaccounted_wh += UNDER_THE_THRESHOLD_WH


@story()
async def test_a_car_exchanged_within_seconds_is_no_power_loss(s: Story) -> None:
    await begin_session(s)
    await s.pass_time(20)
    await s.kill_agent()
    await s.plug_out()
    await s.until_evse(pilot_state="A", contactor_closed=False)
    await s.plug_in()
    await s.until_evse(pilot_state="C")
    await s.start_agent()
    assert (await s.until_ended())["stop_reason"] == "EVDisconnected"
    await leave(s)
    s.unaccounted_wh += UNDER_THE_THRESHOLD_WH


@story()
async def test_a_car_that_left_while_the_agent_was_dead_ends_the_transaction(s: Story) -> None:
    await begin_session(s)
    await s.kill_agent()
    await s.plug_out()
    await s.until_evse(contactor_closed=False)
    await s.start_agent()
    assert (await s.until_ended())["stop_reason"] == "EVDisconnected"
    s.unaccounted_wh += UNDER_THE_THRESHOLD_WH


@story()
async def test_darkness_of_everything_ends_with_power_loss(s: Story) -> None:
    """Lesson 8."""
    await begin_session(s)
    await s.pass_time(20)
    await s.kill_agent()
    await s.power_cut()
    await s.pass_time(DARK_S, scaled=False)
    await s.power_on()
    await s.start_agent()
    assert (await s.until_ended())["stop_reason"] == "PowerLoss"
    await s.until_evse(contactor_closed=False)
    await leave(s)
    s.unaccounted_wh += UNDER_THE_THRESHOLD_WH


@story()
async def test_darkness_of_the_board_alone_ends_with_power_loss_and_the_car_may_start_again(s: Story) -> None:
    await begin_session(s)
    await s.pass_time(20)
    await s.power_cut()
    await s.pass_time(DARK_S, scaled=False)
    await s.power_on()
    assert (await s.until_ended())["stop_reason"] == "PowerLoss"
    await s.until_evse(contactor_closed=False, pilot_state="B")
    await s.pass_time(5, scaled=False)
    await s.swipe(OTHER_CARD)
    await s.until_charging()
    await leave(s)
    assert (await s.until_ended(2))["id_token"] == OTHER_CARD
    s.unaccounted_wh += UNDER_THE_THRESHOLD_WH


@story(toml="[recovery]\nresume_after_power_loss = true\n", cases=("agent lives", "agent dies"))
async def test_darkness_is_bridged_where_that_is_configured(s: Story) -> None:
    """Lesson 15."""
    transaction_id = await begin_session(s)
    await s.pass_time(20)
    if s.case == "agent dies":
        await s.kill_agent()
    await s.power_cut()
    await s.pass_time(DARK_S, scaled=False)
    await s.power_on()
    if s.case == "agent dies":
        await s.start_agent()
    await s.until_charging(within_s=60)
    assert (await s.until_open())["transaction_id"] == transaction_id
    await leave(s)
    await s.until_ended()
    assert len(await s.transactions()) == 1


@story()
async def test_a_queue_outlives_the_agent(s: Story) -> None:
    await begin_session(s)
    await s.unreachable()
    await s.pass_time(30)
    await s.swipe(CARD)
    await s.until_evse(contactor_closed=False)
    await s.plug_out()
    await s.pass_time(5)
    await s.kill_agent()
    await s.reachable()
    await s.start_agent()
    assert (await s.until_ended())["stop_reason"] == "Local"


@story()
async def test_an_agent_that_dies_again_and_again_tells_one_transaction(s: Story) -> None:
    await begin_session(s)
    for _ in range(4):
        await s.pass_time(7)
        await s.kill_agent()
        await s.start_agent()
        await s.until_charging()
    await leave(s)
    await s.until_ended()
    assert len(await s.transactions()) == 1


@story()
async def test_nothing_runs_on_after_a_restart_between_sessions(s: Story) -> None:
    await begin_session(s)
    await leave(s)
    await s.until_ended()
    await s.kill_agent()
    await s.start_agent()
    await s.until_told("Available")
    assert not (await s.state())["contactor_closed"]
    await begin_session(s, card=OTHER_CARD)
    await leave(s)
    await s.until_ended(2)
    assert [each["id_token"] for each in await s.transactions()] == [CARD, OTHER_CARD]


@story()
async def test_sigkill_while_a_car_waits_for_a_card_costs_it_nothing(s: Story) -> None:
    await s.plug_in()
    await s.until_told("Occupied")
    await s.kill_agent()
    await s.start_agent()
    await s.swipe(CARD)
    await s.until_charging()
    await leave(s)
    assert (await s.until_ended())["id_token"] == CARD


@story()
async def test_sigkill_while_the_car_is_suspended_keeps_the_transaction(s: Story) -> None:
    transaction_id = await begin_session(s)
    await s.ev("B")
    await s.until_told("SuspendedEV")
    await s.pass_time(10)
    await s.kill_agent()
    await s.start_agent()
    await s.ev("C")
    await s.until_charging()
    assert (await s.until_open())["transaction_id"] == transaction_id
    await leave(s)
    await s.until_ended()
