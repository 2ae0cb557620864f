"""Scenes that many stories share."""

from tests.stories.story_bench import Story

CARD = "04AABBCC"
OTHER_CARD = "04112233"
THIRD_CARD = "04DDEEFF"


async def begin_session(s: Story, evse: int = 1, card: str = CARD, *, others: int = 0) -> str:
    """Plug in, tap and charge, while `others` transactions run elsewhere; gives the transaction's id."""
    await s.plug_in(evse)
    await s.until_evse(evse, pilot_state="B")
    await s.until_told("Occupied", evse)
    await s.swipe(card)
    await s.until_charging(evse)
    return str((await s.until_open(others + 1))["transaction_id"])


async def leave(s: Story, evse: int = 1) -> None:
    """Pull the cable and wait until the EVSE is free again."""
    await s.plug_out(evse)
    await s.until_told("Available", evse)
