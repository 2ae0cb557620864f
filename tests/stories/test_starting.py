"""How a session begins. Requirement: the session list of the first issue; lessons 22, 36, 37, 60."""

from tests.stories.sessions import CARD, OTHER_CARD, begin_session, leave
from tests.stories.story_bench import Story
from tests.stories.telling import story


@story(smoke=True)
async def test_plug_first_then_card_charges_until_the_cable_is_pulled(s: Story) -> None:
    await begin_session(s)
    await s.pass_time(60)
    await s.plug_out()
    ended = await s.until_ended()
    assert ended["stop_reason"] == "EVDisconnected"
    assert ended["id_token"] == CARD


@story()
async def test_card_first_then_plug_charges_until_the_same_card(s: Story) -> None:
    await s.swipe(CARD)
    await s.expect("Authorize")
    await s.plug_in()
    await s.until_charging()
    await s.swipe(CARD)
    ended = await s.until_ended()
    assert ended["stop_reason"] == "Local"
    await leave(s)


@story(toml='[authorization]\nfree_vend = true\nfree_vend_token = "FREEVEND"\n')
async def test_free_vending_charges_without_a_card(s: Story) -> None:
    await s.plug_in()
    await s.until_charging()
    await leave(s)
    ended = await s.until_ended()
    assert ended["id_token"] == "FREEVEND"
    assert not s.requests("Authorize")


@story(smoke=True)
async def test_a_remote_start_charges_a_car_that_waits(s: Story) -> None:
    await s.plug_in()
    await s.until_told("Occupied")
    assert await s.remote_start(CARD, 1) == "Accepted"
    await s.until_charging()
    opened = await s.until_open()
    assert await s.remote_stop(opened["transaction_id"]) == "Accepted"
    ended = await s.until_ended()
    assert ended["stop_reason"] == "Remote"
    await leave(s)


@story()
async def test_a_remote_start_waits_for_a_car(s: Story) -> None:
    assert await s.remote_start(CARD, 1) == "Accepted"
    await s.plug_in()
    await s.until_charging()
    await leave(s)
    assert (await s.until_ended())["id_token"] == CARD


@story()
async def test_a_remote_start_that_names_no_evse_finds_the_waiting_car(s: Story) -> None:
    await s.plug_in()
    await s.until_told("Occupied")
    assert await s.remote_start(CARD) == "Accepted"
    await s.until_charging()
    await leave(s)
    await s.until_ended()


@story()
async def test_a_remote_start_for_an_absent_connector_is_rejected(s: Story) -> None:
    assert await s.remote_start(CARD, 7) == "Rejected"
    await s.plug_in()
    await s.pass_time(5)
    assert not (await s.state())["contactor_closed"]
    assert not await s.transactions()


@story(toml="[authorization]\nconnection_timeout_s = 5\n")
async def test_an_authorisation_without_a_car_ends_after_the_connection_timeout(s: Story) -> None:
    await s.swipe(CARD)
    await s.expect("Authorize")
    await s.pass_time(8, scaled=False)
    await s.plug_in()
    await s.until_told("Occupied")
    await s.pass_time(5)
    assert not (await s.state())["contactor_closed"]
    assert not await s.transactions()


@story()
async def test_a_late_answer_for_the_previous_driver_changes_nothing(s: Story) -> None:
    await s.script("Authorize", {"delay_s": 4.0})
    await s.plug_in()
    await s.until_told("Occupied")
    await s.swipe(CARD)
    await s.expect("Authorize")
    await s.plug_out()
    await s.until_told("Available")
    await s.plug_in()
    await s.until_told("Occupied")
    await s.pass_time(8, scaled=False)
    assert not (await s.state())["contactor_closed"]
    assert not await s.transactions()


@story()
async def test_a_refused_card_gets_no_power(s: Story) -> None:
    await s.token(CARD, "Blocked")
    await s.plug_in()
    await s.until_told("Occupied")
    await s.swipe(CARD)
    await s.expect("Authorize")
    await s.pass_time(5)
    assert not (await s.state())["contactor_closed"]
    assert not await s.transactions()


@story(link_toml="[csms]\nreconnect_min_s = 0.3\ncall_timeout_s = 35\n")
async def test_a_back_end_that_answers_after_30_s_delays_no_driver(s: Story) -> None:
    await begin_session(s)
    await leave(s)
    await s.until_ended()
    await s.script("*", {"delay_s": s.scaled(30)})
    await s.plug_in()
    await s.until_evse(pilot_state="B")
    await s.swipe(CARD)
    await s.until_charging(within_s=10)
    await s.pass_time(60)
    await s.plug_out()
    await s.until_evse(contactor_closed=False, within_s=2)
    await s.until_ended(2, within_s=400)
    assert len(await s.transactions()) == 2


@story()
async def test_a_card_that_the_back_end_refuses_at_the_start_is_stopped(s: Story) -> None:
    """OCPP 2.0.1 E05, 1.6 section 5.11: the cache said yes, the start is answered no."""
    await begin_session(s)
    await leave(s)
    await s.until_ended()
    await s.token(CARD, "Blocked")
    await s.plug_in()
    await s.until_told("Occupied")
    await s.swipe(CARD)
    ended = await s.until_ended(2)
    assert ended["stop_reason"] == "DeAuthorized"
    assert not (await s.state())["contactor_closed"]
    await leave(s)


@story()
async def test_the_next_driver_may_start_on_the_same_plug_in(s: Story) -> None:
    """Lesson 29: a connector with a served car accepts a new authorisation."""
    await begin_session(s)
    await s.swipe(CARD)
    await s.until_ended()
    await s.swipe(OTHER_CARD)
    await s.until_charging()
    await leave(s)
    assert (await s.until_ended(2))["id_token"] == OTHER_CARD
