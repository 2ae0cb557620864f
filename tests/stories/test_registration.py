"""BootNotification in all its outcomes. Lessons 18, 21; OCPP 2.0.1 B01 to B03, 1.6 section 4.2."""

from tests.stories.sessions import CARD, begin_session, leave
from tests.stories.story_bench import Story
from tests.stories.telling import story


async def requests_before_accepted(s: Story) -> int:
    stations = await s.stage.csms("stations")
    return sum(station["requests_before_accepted"] for station in stations.values())


@story(started=False, cases=("Pending", "Rejected"))
async def test_a_station_that_is_not_accepted_waits_and_tells_nothing(s: Story) -> None:
    await s.boot(status=s.case, interval_s=3)
    await s.stage.start_agent()
    await s.expect("BootNotification")
    await s.expect("BootNotification")
    assert not s.requests("StatusNotification")
    await s.boot(status="Accepted", interval_s=300)
    await s.online()
    assert await requests_before_accepted(s) == 0
    await begin_session(s)
    await leave(s)
    await s.until_ended()


@story(started=False)
async def test_a_boot_without_answer_is_told_again(s: Story) -> None:
    """Lesson 18."""
    await s.boot(status="none")
    await s.stage.start_agent()
    await s.expect("BootNotification")
    await s.expect("BootNotification", within_s=90)
    await s.boot(status="Accepted")
    await s.until(lambda: bool(s.requests("StatusNotification")), "the station is online", within_s=90)
    assert len(s.requests("BootNotification")) >= 3


@story(started=False)
async def test_requests_before_acceptance_are_answered(s: Story) -> None:
    """Lesson 21."""
    await s.boot(status="Pending", interval_s=4)
    await s.stage.start_agent()
    await s.expect("BootNotification")
    answer = await s.send(s.dialect.get_variable("OCPPCommCtrlr.HeartbeatInterval"))
    assert "call_error" not in answer
    assert await s.remote_start(CARD, 1) == "Rejected"
    await s.boot(status="Accepted")
    await s.online()


@story(started=False)
async def test_a_session_runs_without_any_back_end_and_is_told_later(s: Story) -> None:
    """Lesson 7: boot works fully with no CSMS at all."""
    await s.stage.start_agent()
    await s.online()
    await begin_session(s)
    await leave(s)
    await s.until_ended()
    await s.stop_agent()
    await s.unreachable()
    await s.stage.start_agent()
    await s.plug_in()
    await s.until_evse(pilot_state="B")
    await s.pass_time(8, scaled=False)
    await s.swipe(CARD)
    await s.until_charging()
    await s.pass_time(30)
    await s.swipe(CARD)
    await s.until_evse(contactor_closed=False)
    await s.reachable()
    ended = await s.until_ended(2)
    assert ended["stop_reason"] == "Local"
    assert ended["id_token"] == CARD
    await s.plug_out()


@story(started=False, toml='[station]\nclock_source = "csms"\n')
async def test_the_back_end_teaches_the_time(s: Story) -> None:
    await s.boot(current_time="2031-05-06T07:08:09Z")
    await s.start_agent()
    await s.plug_in()
    told = await s.expect("StatusNotification", lambda payload: "Occupied" in str(payload) or "Prep" in str(payload))
    assert told["timestamp"].startswith("2031-05-06T07:")
    await leave(s)
