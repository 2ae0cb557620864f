"""A killed agent and a controller that counts no plug-ins: the session goes on, and the contactor does not move."""

from tests.stories.sessions import CARD, begin_session, leave
from tests.stories.story_bench import Story
from tests.stories.telling import story

BOARDS = ("modbus:evse_wb", "modbus:phoenix_ev_cc", "modbus:phoenix_charx", "modbus:heidelberg")


@story(boards=BOARDS)
async def test_an_agent_that_is_killed_while_charging_takes_the_session_over(s: Story) -> None:
    await begin_session(s)
    await s.pass_time(30)
    moved = len(s.events("contactor"))
    await s.kill_agent()
    await s.start_agent()
    await s.pass_time(30)
    assert len(s.events("contactor")) == moved
    await leave(s)
    ended = await s.until_ended()
    assert (ended["id_token"], ended["stop_reason"]) == (CARD, "EVDisconnected")
    assert len(await s.transactions()) == 1
