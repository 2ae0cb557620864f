"""Security events told in order whatever happens, and a log that proves itself at the end.

OCPP 1.6 security white paper, edition 3; OCPP 2.0.1 part 2, use case A04.
"""

from typing import Any

from agent.domain.security_event import SecurityEventType
from agent.domain.security_event_filter import MAX_DIFFERENT, WINDOW_S
from agent.service.state_directory import DATABASE_NAME
from agent.store.security_log import FOLDER_NAME
from agent.store.security_log_check import lines_between, verify_beside_agent
from tests.stories.sessions import CARD, OTHER_CARD, begin_session, leave
from tests.stories.story_bench import Story
from tests.stories.telling import story

Told = list[dict[str, Any]]


async def events_told(s: Story) -> Told:
    """All security events that the back-end has, oldest first; one told again after a kill counts once."""
    (events,) = (await s.stage.csms("security_events")).values()
    return [event for index, event in enumerate(events) if event not in events[:index]]


async def told(s: Story) -> list[str]:
    """Their types."""
    return [event["type"] for event in await events_told(s)]


async def until_told_of(s: Story, *types: str) -> None:
    async def arrived() -> bool:
        return await told(s) == list(types)

    await s.until(arrived, f"the back-end was told {types}")


def logged(s: Story) -> list[str]:
    folder = s.stage.state_dir / FOLDER_NAME
    return [line.split('"type":"')[1].split('"')[0] for line in lines_between(folder, None, None)]


def check_log(s: Story) -> None:
    state = s.stage.state_dir
    verdict = verify_beside_agent(state / FOLDER_NAME, state / DATABASE_NAME)
    assert verdict.problem is None, verdict
    assert verdict.last == len(logged(s))


@story(smoke=True)
async def test_events_without_a_link_arrive_in_order_after_a_kill(s: Story) -> None:
    await until_told_of(s, "StartupOfTheDevice")
    await s.unreachable()
    for _ in range(3):
        await s.kill_agent()
        await s.stage.start_agent()
        await s.until(lambda: s.stage.agent_starts == logged(s).count("StartupOfTheDevice"), "the start is logged")
    await s.reachable()
    await until_told_of(s, *["StartupOfTheDevice"] * 4)
    events = await events_told(s)
    assert [event["timestamp"] for event in events] == sorted(event["timestamp"] for event in events)
    heads = [event["techInfo"].partition("log=")[2] for event in events]
    assert [head.partition(":")[0] for head in heads] == ["0", "1", "2", "3"]
    await begin_session(s)
    await leave(s)
    await s.until_ended()
    check_log(s)


@story()
async def test_a_flood_of_garbage_frames_is_a_few_entries_and_no_message(s: Story) -> None:
    await begin_session(s)
    await s.until(lambda: "StartupOfTheDevice" in logged(s), "the start is logged")
    before = await told(s)
    for number in range(300):
        await s.stage.csms("send_text", text=["no JSON", "[]", '{"a": 1}', "[9]", f'[2,"{number}"]'][number % 5])
    await s.pass_time(1)
    entries = logged(s).count("InvalidMessages")
    assert 1 <= entries <= MAX_DIFFERENT
    assert (await s.state())["contactor_closed"]
    await leave(s)
    await s.until_ended()
    await s.stop_agent()
    assert logged(s).count("InvalidMessages") <= 2 * entries
    assert await told(s) == before
    check_log(s)
    await s.start_agent()


@story(versions=("1.6", "2.0.1"))
async def test_a_reset_is_told_before_the_start_that_follows_it(s: Story) -> None:
    await s.send(("Reset", {"type": "Soft"} if s.dialect.is_16 else {"type": "Immediate"}))
    await until_told_of(s, "StartupOfTheDevice", "ResetOrReboot", "StartupOfTheDevice")
    check_log(s)


@story()
async def test_a_clock_set_by_the_back_end_is_told(s: Story) -> None:
    await s.boot(clock_offset_s=3600.0)
    await s.kill_agent()
    await s.start_agent()
    await s.until(lambda: "SettingSystemTime" in logged(s), "the clock was set")

    async def arrived() -> bool:
        return "SettingSystemTime" in await told(s)

    await s.until(arrived, "the back-end was told")
    check_log(s)


@story()
async def test_cards_refused_again_and_again_are_one_event(s: Story) -> None:
    await s.token(OTHER_CARD, "Invalid")
    await s.plug_in()
    await s.until_evse(pilot_state="B")
    for _ in range(6):
        await s.pass_time(4, scaled=False)
        await s.swipe(OTHER_CARD)
    await s.until(lambda: "TokensRepeatedlyRefused" in logged(s), "many refusals are noticed")
    assert logged(s).count("TokensRepeatedlyRefused") == 1
    await s.swipe(CARD)
    await s.until_charging()
    await s.plug_out()
    await s.until_ended()
    assert not [line for line in _lines(s) if OTHER_CARD in line]
    check_log(s)


@story(smoke=True)
async def test_a_log_that_was_cleared_while_the_station_was_off_is_told(s: Story) -> None:
    await s.until(lambda: "StartupOfTheDevice" in logged(s), "the start is logged")
    await s.stop_agent()
    for path in (s.stage.state_dir / FOLDER_NAME).iterdir():
        path.unlink()
    await s.start_agent()

    async def arrived() -> bool:
        return "SecurityLogWasCleared" in await told(s)

    await s.until(arrived, "the back-end was told")
    state = s.stage.state_dir
    assert verify_beside_agent(state / FOLDER_NAME, state / DATABASE_NAME).problem is not None


@story(versions=("1.6",))
async def test_a_back_end_without_the_security_extension_hears_of_every_transaction(s: Story) -> None:
    await s.script("SecurityEventNotification", {"answer": "error", "error_code": "NotImplemented"})
    await s.kill_agent()
    await s.start_agent()
    await begin_session(s)
    await leave(s)
    await s.until_ended()


@story(hours=True)
async def test_memory_that_gets_full_is_told_and_an_hour_of_it_is_one_event(s: Story) -> None:
    from agent.station.exhaustion import Room  # noqa: PLC0415 - of the virtual world alone

    s.stage.station.room = Room(0.01, 1.0)  # type: ignore[attr-defined]  # virtual worlds only
    await s.pass_time(3600)
    assert (await told(s)).count(SecurityEventType.MEMORY_EXHAUSTION.value) == 1
    assert WINDOW_S < 3600
    check_log(s)


def _lines(s: Story) -> list[str]:
    return list(lines_between(s.stage.state_dir / FOLDER_NAME, None, None))
