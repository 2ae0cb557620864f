"""Answers that leave out what the standard requires. OCPP 1.6 sections 4.1, 4.8 and 4.10."""

from tests.stories.sessions import CARD, OTHER_CARD, begin_session, leave
from tests.stories.story_bench import Story
from tests.stories.telling import story


@story(versions=("1.6",), cases=("forgets_the_tag", "forgets_every_tag", "calls_the_tag_null"))
async def test_a_start_without_a_word_on_the_token_is_told_once_and_the_session_is_whole(s: Story) -> None:
    await begin_session(s)
    await leave(s)
    await s.until_ended()
    await s.stage.csms("quirk", name=s.case)
    s.skip_frames()
    await begin_session(s)
    await leave(s)
    await s.until_ended(2)
    assert (len(s.requests("StartTransaction")), len(s.requests("StopTransaction"))) == (1, 1)


@story(versions=("1.6",), cases=("forgets_every_tag", "calls_the_tag_null"))
async def test_nobody_charges_on_an_authorize_that_says_nothing_of_the_token(s: Story) -> None:
    await s.stage.csms("quirk", name=s.case)
    await s.plug_in()
    await s.until_evse(pilot_state="B")
    await s.swipe(OTHER_CARD)
    await s.expect("Authorize")
    await s.pass_time(10, scaled=False)
    assert not (await s.state())["contactor_closed"]
    assert not s.requests("StartTransaction")
    await s.stage.csms("quirk", name=None)
    await s.swipe(CARD)
    await s.until_charging()
    await leave(s)
    await s.until_ended()
