"""Cards: one token, however often and however many are held to the reader (RF)."""

import asyncio

from hil.rig import CARD, NEVER_S, OTHER_CARD, Rig
from hil.scenario import scenario

AGAIN_S = 0.7
SETTLED_S = 3.0


async def one_session(rig: Rig) -> None:
    """One token was taken, and its session goes on."""
    await asyncio.sleep(SETTLED_S)
    transactions = await rig.csms.transactions()
    assert [each["ends"] for each in transactions] == [0], "one session, which goes on"
    assert len(rig.csms.requests("Authorize")) <= 1, "one token is asked about"


@scenario("RF-01", title="The same card twice within 2 s", limit="one token within 2 s (ours)")
async def test_the_same_card_twice(rig: Rig) -> None:
    await rig.ready()
    await rig.car.plug_in(delay_s=NEVER_S)
    await rig.csms.told("Occupied")
    shown_t = await rig.reader.swipe(CARD)
    for _ in range(2):
        await asyncio.sleep(AGAIN_S)
        await rig.reader.swipe(CARD)
    await rig.csms.started(since=shown_t)
    await one_session(rig)


@scenario("RF-01", title="Two cards at once", limit="one token", options=("--reader", "pn532"))
async def test_two_cards_at_once(rig: Rig) -> None:
    """A reader that says one card after the other hides that they came together; a PN532 counts them."""
    await rig.ready()
    await rig.car.plug_in(delay_s=NEVER_S)
    await rig.csms.told("Occupied")
    shown_t = rig.stimulus_t
    await asyncio.gather(rig.reader.swipe(CARD), rig.reader.swipe(OTHER_CARD))
    await rig.csms.started(since=shown_t)
    await one_session(rig)
