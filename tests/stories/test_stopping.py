"""How a session ends. Requirement: the session list of the first issue; lessons 38, 58."""

from tests.stories.sessions import CARD, OTHER_CARD, begin_session, leave
from tests.stories.story_bench import Story
from tests.stories.telling import story


@story()
async def test_a_card_of_the_same_group_stops(s: Story) -> None:
    await s.token(CARD, parent="FAMILY")
    await s.token(OTHER_CARD, parent="FAMILY")
    await begin_session(s)
    await s.swipe(OTHER_CARD)
    assert (await s.until_ended())["stop_reason"] == "Local"
    await leave(s)


@story()
async def test_another_card_does_not_stop(s: Story) -> None:
    await begin_session(s)
    await s.swipe(OTHER_CARD)
    await s.expect("Authorize", lambda payload: OTHER_CARD in str(payload))
    await s.pass_time(10)
    assert (await s.state())["contactor_closed"]
    await leave(s)
    assert (await s.until_ended())["stop_reason"] == "EVDisconnected"


@story(toml="[authorization]\nconnection_timeout_s = 30\n")
async def test_pulling_the_cable_while_the_card_is_asked_about_starts_nothing(s: Story) -> None:
    await s.script("Authorize", {"delay_s": 2.0})
    await s.plug_in()
    await s.until_told("Occupied")
    await s.swipe(CARD)
    await s.expect("Authorize")
    await leave(s)
    await s.pass_time(5, scaled=False)
    assert not await s.transactions()


@story()
async def test_pulling_the_cable_while_current_is_offered_ends_the_session(s: Story) -> None:
    await s.plug_in(delay_s=600)
    await s.until_told("Occupied")
    await s.swipe(CARD)
    await s.until_told("SuspendedEV")
    await leave(s)
    assert (await s.until_ended())["stop_reason"] == "EVDisconnected"


@story()
async def test_pulling_the_cable_while_stopping_keeps_the_first_reason(s: Story) -> None:
    await s.plug_in(stubborn=True)
    await s.until_told("Occupied")
    await s.swipe(CARD)
    await s.until_charging()
    transaction_id = (await s.until_open())["transaction_id"]
    assert await s.remote_stop(transaction_id) == "Accepted"
    await leave(s)
    assert (await s.until_ended())["stop_reason"] == "Remote"


@story()
async def test_a_car_that_stays_in_c_is_switched_off(s: Story) -> None:
    """IEC 61851-1 Table A.6, sequence 10.2: at least 6 s after the pilot says stop, a board may be earlier."""
    await s.plug_in(stubborn=True)
    await s.until_told("Occupied")
    await s.swipe(CARD)
    await s.until_charging()
    await s.swipe(CARD)
    await s.until_evse(contactor_closed=False, within_s=10)
    assert (await s.until_ended())["stop_reason"] == "Local"
    await leave(s)


@story()
async def test_the_final_register_is_read_after_the_contactor_has_opened(s: Story) -> None:
    """Lesson 58."""
    await begin_session(s)
    await s.pass_time(30)
    await s.swipe(CARD)
    ended = await s.until_ended()
    assert not (await s.state())["contactor_closed"]
    assert int(ended["energy_stop_wh"]) == int(await s.register_wh())
    await leave(s)


@story()
async def test_sigterm_stops_the_session_in_order(s: Story) -> None:
    await begin_session(s)
    await s.stop_agent()
    assert not (await s.state())["contactor_closed"]
    await s.start_agent()
    assert (await s.until_ended())["stop_reason"] == "Reboot"
    await leave(s)


@story()
async def test_a_remote_stop_of_an_unknown_transaction_is_rejected(s: Story) -> None:
    await begin_session(s)
    assert await s.remote_stop("999999") == "Rejected"
    await s.pass_time(5)
    assert (await s.state())["contactor_closed"]
    await leave(s)
