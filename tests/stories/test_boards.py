"""A session on every board that is not the one of the other stories: the same words on the wire above."""

from tests.stories.sessions import CARD, leave
from tests.stories.story_bench import Story
from tests.stories.telling import story

BOARDS = ("safety", "modbus:evse_wb")
CONTROLLERS = ("modbus:phoenix_ev_cc", "modbus:heidelberg", "modbus:phoenix_charx")
VARIANTS = ("safety:socket", "safety:single_contactor")


async def _charge(s: Story) -> None:
    await s.plug_in(cable_a=32)
    await s.until_told("Occupied")
    await s.swipe(CARD)
    await s.until_charging()
    await s.pass_time(30)
    await leave(s)
    ended = await s.until_ended()
    assert (ended["id_token"], ended["stop_reason"]) == (CARD, "EVDisconnected")
    assert len(await s.transactions()) == 1
    closings = [event["closed"] for event in s.events("contactor")]
    assert closings[-2:] == [True, False]
    assert closings.count(True) == 1


@story(smoke=True, boards=BOARDS)
async def test_plug_in_tap_charge_and_unplug(s: Story) -> None:
    await _charge(s)


@story(boards=(*VARIANTS, *CONTROLLERS))
async def test_plug_in_tap_charge_and_unplug_on_a_variant_of_the_board(s: Story) -> None:
    await _charge(s)


@story(boards=(*BOARDS, *CONTROLLERS))
async def test_a_remote_stop_opens_the_contactor_and_ends_the_transaction(s: Story) -> None:
    await s.plug_in(cable_a=32)
    await s.until_told("Occupied")
    assert await s.remote_start(CARD, 1) == "Accepted"
    await s.until_charging()
    assert await s.remote_stop((await s.until_open())["transaction_id"]) == "Accepted"
    assert (await s.until_ended())["stop_reason"] == "Remote"
    await s.until_evse(contactor_closed=False)
    await leave(s)
