"""How a session begins, and how a driver or the back-end ends it. Requirement: the session list of the first issue."""

from tests.stories.story_bench import Story
from tests.stories.telling import story

CARD = "04AABBCC"


async def begin_session(s: Story, evse: int = 1, card: str = CARD) -> str:
    """Plug in, tap, and charge; gives the transaction's id at the back-end."""
    await s.plug_in(evse)
    await s.until_evse(evse, pilot_state="B")
    await s.until_told("Occupied", evse)
    await s.swipe(card)
    await s.until_charging(evse)
    return str((await s.until_open())["transaction_id"])


@story(smoke=True)
async def test_plug_first_then_card_charges_until_the_cable_is_pulled(s: Story) -> None:
    await begin_session(s)
    await s.pass_time(60)
    await s.plug_out()
    ended = await s.until_ended()
    assert ended["stop_reason"] == "EVDisconnected"
    assert ended["id_token"] == CARD


@story()
async def test_card_first_then_plug_charges(s: Story) -> None:
    await s.swipe(CARD)
    await s.expect("Authorize")
    await s.plug_in()
    await s.until_charging()
    await s.swipe(CARD)
    ended = await s.until_ended()
    assert ended["stop_reason"] == "Local"
    await s.plug_out()
    await s.until_told("Available")
