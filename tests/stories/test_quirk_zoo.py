"""A charging station at every back-end of the zoo: it charges safely meanwhile, and tells everything afterwards.

Three sessions each: one that charges when the quirk begins, one from beginning to end under it, and one after it.
Lessons 3 to 6, 10, 14, 16 to 23, 105, 112, 119; OCPP-J 1.6, 4; OCPP 2.0.1 part 4, 4.
"""

import asyncio
from pathlib import Path

import pytest

from hil.csms.zoo.catalogue import QUIRKS
from hil.csms.zoo.quirk import Quirk
from hil.virtual_time import run_virtual
from tests.fakes.watchful import lines_of_agent, own_objects, own_tasks
from tests.properties.bench_watch import BenchWatch
from tests.stories.sessions import CARD, OTHER_CARD, begin_session, leave
from tests.stories.stage import Plan
from tests.stories.story_bench import Story
from tests.stories.virtual_stage import VirtualStage, virtual_stage

SUPPLY_A = 20.0
UNDER_QUIRK_S = 600.0
LOOK_S = 0.2
HEALING_S = 900.0
LOG_LINES = 400
"""At INFO and above, of 15 minutes at a misbehaving back-end."""
OBJECTS = 300
"""Of our own classes: what a session leaves behind in caches."""
LINK = """
[csms]
reconnect_min_s = 1
reconnect_max_s = 30
reconnect_random_s = 1
call_timeout_s = 30
message_attempts = 100
message_attempt_interval_s = 1
frame_log = false
[station]
supply_max_current_a = 20
"""
ENDS_SESSIONS = {
    "calls_the_tag_invalid",
    "calls_the_tag_blocked",
    "calls_the_tag_concurrent",
    "invents_a_tag_status",
    "lets_tags_expire",
}
"""The back-end may take an authorisation back: these do, by what they say of the token."""
STARTS_SESSIONS = {"floods_remote_starts"}
"""A car is met by an authorisation before its driver has shown a card."""

QUICK = {
    ("answers_slowly", "1.6"),
    ("answers_never", "2.0.1"),
    ("refuses_everything", "1.6"),
    ("never_accepts", "1.6"),
    ("changes_the_clock", "2.0.1"),
    ("changes_the_id_on_repeat", "1.6"),
    ("closes_before_answering", "2.0.1"),
    ("forgets_every_tag", "1.6"),
    ("floods_changes", "1.6"),
}
"""These are played in `make test` as well; all of them take some minutes."""

CASES = [
    pytest.param(quirk, version, id=f"{name}-{version}", marks=() if (name, version) in QUICK else (pytest.mark.slow,))
    for name, quirk in QUIRKS.items()
    if not quirk.sockets_only
    for version in quirk.versions
]


async def look(watch: BenchWatch) -> None:
    while True:
        watch.tick(asyncio.get_running_loop().time())
        await asyncio.sleep(LOOK_S)


async def misbehave(s: Story, stage: VirtualStage, quirk: Quirk | None) -> None:
    """Begin or end the quirk, and let the station connect anew so that it is there from the first message on."""
    await s.stage.csms("quirk", name=None if quirk is None else quirk.name)
    stage._station.drop()


async def session_under_quirk(s: Story, quirk: Quirk) -> None:
    """Plug in, tap, charge if the back-end lets us, tap, leave."""
    await s.plug_in()
    await s.until_evse(pilot_state="B", within_s=10) if quirk.name not in STARTS_SESSIONS else None
    await s.swipe(CARD)
    if quirk.name in ENDS_SESSIONS:
        await s.pass_time(120)
    else:
        await s.until_charging(within_s=120)
        await s.pass_time(120)
        assert (await s.state())["contactor_closed"], "it goes on charging"
        await s.swipe(CARD)
        if quirk.name not in STARTS_SESSIONS:
            await s.until_evse(contactor_closed=False, within_s=30)
    await s.plug_out()
    await s.until_evse(contactor_closed=False, within_s=5)


async def everything_told(s: Story, sessions: int) -> None:
    """Wait until what happened is told: every transaction is whole, and none is there twice."""
    await s.until_ended(sessions, within_s=HEALING_S)

    async def all_closed() -> bool:
        return bool((await s.ledger())["open"] == 0)

    await s.until(all_closed, "all transactions have ended", within_s=HEALING_S)


async def play(quirk: Quirk, version: str, directory: Path) -> None:
    plan = Plan(version, link_toml=LINK)
    async with virtual_stage(plan, directory) as stage:
        s = Story(stage, plan)
        await s.open_books()
        await s.start_agent()
        await begin_session(s)
        await leave(s)
        await s.until_ended()
        watch = BenchWatch(stage._station, SUPPLY_A)
        looking = asyncio.create_task(look(watch))
        await s.pass_time(60)
        tasks, objects = own_tasks(), own_objects()
        with lines_of_agent() as lines:
            await misfortune(s, stage, quirk)
            assert len(lines.texts) < LOG_LINES, lines.texts[-50:]
            await recovery(s, stage)
        assert lines.tracebacks == []
        assert watch.violations == []
        looking.cancel()
        assert own_tasks() <= tasks + 1
        assert own_objects() <= objects + OBJECTS


async def misfortune(s: Story, stage: VirtualStage, quirk: Quirk) -> None:
    """One session that was there before, and one from beginning to end."""
    await begin_session(s)
    await misbehave(s, stage, quirk)
    await s.pass_time(UNDER_QUIRK_S)
    if quirk.name not in ENDS_SESSIONS:
        assert (await s.state())["contactor_closed"], "it goes on charging"
    await s.swipe(CARD)
    await s.plug_out()
    await s.until_evse(contactor_closed=False, within_s=5)
    await session_under_quirk(s, quirk)


async def recovery(s: Story, stage: VirtualStage) -> None:
    """Everything is told, once, and the next session is like any other."""
    await misbehave(s, stage, None)
    await everything_told(s, 3)
    sessions = len(await s.transactions())
    await s.pass_time(HEALING_S)
    await begin_session(s, card=OTHER_CARD)
    await leave(s)
    await s.until_ended(sessions + 1)
    await s.close_books()
    assert stage.agent_starts == 1
    assert not [frame for frame in stage.frames if frame["kind"] == "invalid"]
    await s.pass_time(60)


@pytest.mark.parametrize(("quirk", "version"), CASES)
def test_it_charges_on_at_this_back_end_and_tells_everything_later(quirk: Quirk, version: str, tmp_path: Path) -> None:
    run_virtual(play(quirk, version, tmp_path))
