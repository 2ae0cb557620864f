"""The link breaks and mends, the back-end misbehaves, and no transaction is lost or told twice.

Lessons 1, 3, 4, 6, 10, 14, 16, 17, 22.
"""

from tests.stories.sessions import CARD, OTHER_CARD, THIRD_CARD, begin_session, leave
from tests.stories.story_bench import Story
from tests.stories.telling import story

CLOSE_CODES = (None, 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1012, 1013, 3000, 4000)


@story(smoke=True)
async def test_a_session_survives_the_loss_of_the_link(s: Story) -> None:
    await begin_session(s)
    before = await s.connections()
    await s.drop()

    async def connected_again() -> bool:
        return await s.connections() > before

    await s.until(connected_again, "the station has connected again")
    assert (await s.state())["contactor_closed"]
    await s.pass_time(60)
    await leave(s)
    await s.until_ended()


@story()
async def test_a_whole_session_without_a_link_is_told_in_order_later(s: Story) -> None:
    await begin_session(s)
    await leave(s)
    await s.until_ended()
    await s.unreachable()
    await s.plug_in()
    await s.until_evse(pilot_state="B")
    await s.swipe(CARD)
    await s.until_charging()
    await s.pass_time(300)
    await s.plug_out()
    await s.until_evse(contactor_closed=False)
    s.skip_frames()
    await s.reachable()
    await s.until_ended(2, within_s=90)
    if not s.dialect.is_16:
        last = (await s.transactions())[-1]["transaction_id"]
        told = [frame["payload"] for frame in s.requests("TransactionEvent") if last in str(frame["payload"])]
        assert told[0]["offline"]


@story()
async def test_three_sessions_without_a_link_are_told_one_after_the_other(s: Story) -> None:
    for number, card in enumerate((CARD, OTHER_CARD, THIRD_CARD), start=1):
        await begin_session(s, card=card)
        await leave(s)
        await s.until_ended(number)
    await s.unreachable()
    for card in (CARD, OTHER_CARD, THIRD_CARD):
        await s.plug_in()
        await s.until_evse(pilot_state="B")
        await s.swipe(card)
        await s.until_charging()
        await s.plug_out()
        await s.until_evse(contactor_closed=False)
        await s.pass_time(3)
    await s.reachable()
    await s.until_ended(6, within_s=90)
    tokens = [each["id_token"] for each in await s.transactions()]
    assert tokens[3:] == [CARD, OTHER_CARD, THIRD_CARD]


@story()
async def test_every_reason_to_close_leads_to_a_new_connection(s: Story) -> None:
    """Lesson 17."""
    await begin_session(s)
    for code in CLOSE_CODES:
        before = await s.connections()
        s.skip_frames()
        await s.drop(code)

        async def connected_again(before: int = before) -> bool:
            return await s.connections() > before and bool(s.requests())

        await s.until(connected_again, f"connected again after {code}")
    await leave(s)
    await s.until_ended()
    assert len(await s.transactions()) == 1


@story()
async def test_a_call_error_for_a_transaction_message_is_tried_again(s: Story) -> None:
    await begin_session(s)
    error = {"answer": "error", "error_code": "InternalError", "times": 1}
    await s.script(s.dialect.stop_action, error)
    await leave(s)
    await s.until_ended()
    await begin_session(s, card=OTHER_CARD)
    await leave(s)
    await s.until_ended(2)
    assert (await s.ledger())["repeats"] == 1


@story()
async def test_a_message_that_is_never_taken_does_not_stop_the_queue(s: Story) -> None:
    """Lesson 14: after its attempts it is parked."""
    await begin_session(s)
    error = {"answer": "error", "error_code": "InternalError", "times": 2}
    await s.script(s.dialect.stop_action, error)
    await leave(s)
    await s.until_ended()
    await begin_session(s, card=OTHER_CARD)
    await leave(s)
    assert (await s.until_ended(2))["id_token"] == OTHER_CARD


@story()
async def test_a_message_without_answer_is_tried_again_and_counted_once(s: Story) -> None:
    await s.script(s.dialect.start_action, {"answer": "silent", "times": 1})
    await begin_session(s)
    await s.pass_time(30, scaled=False)
    await leave(s)
    await s.until_ended()
    ledger = await s.ledger()
    assert (len(ledger["transactions"]), ledger["repeats"]) == (1, 1)


@story()
async def test_a_start_whose_answer_is_lost_with_the_link_is_told_again_with_the_same_content(s: Story) -> None:
    """Lesson 3: the stop is held until the start is answered."""
    await s.script(s.dialect.start_action, {"drop": "before", "times": 1})
    await begin_session(s)
    await s.pass_time(10)
    await leave(s)
    await s.until_ended()
    ledger = await s.ledger()
    assert (len(ledger["transactions"]), ledger["repeats"], ledger["conflicts"]) == (1, 1, 0)


@story()
async def test_a_fast_back_end_starts_as_well(s: Story) -> None:
    """Lesson 22: answers after 0 ms."""
    for number in range(1, 4):
        await begin_session(s)
        await leave(s)
        await s.until_ended(number)
    assert len(await s.transactions()) == 3


@story()
async def test_an_unknown_card_is_refused_without_a_link(s: Story) -> None:
    await s.unreachable()
    await s.plug_in()
    await s.until_evse(pilot_state="B")
    await s.swipe(OTHER_CARD)
    await s.pass_time(10)
    assert not (await s.state())["contactor_closed"]
    await s.reachable()
    await s.plug_out()
    await s.until_told("Available")
    assert not await s.transactions()


@story(toml='[authorization]\noffline_unknown_token = "accept"\n')
async def test_an_unknown_card_is_accepted_without_a_link_where_that_is_configured(s: Story) -> None:
    await s.unreachable()
    await s.plug_in()
    await s.until_evse(pilot_state="B")
    await s.swipe(OTHER_CARD)
    await s.until_charging()
    await s.plug_out()
    await s.until_evse(contactor_closed=False)
    await s.reachable()
    assert (await s.until_ended())["id_token"] == OTHER_CARD
