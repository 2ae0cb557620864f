"""One session goes on while the back-end misbehaves below the messages, on real sockets and processes, one way after
the other. Lessons 16, 17, 23, 24, 26, 92, 105; OCPP-J 1.6, 3 and 5.
"""

import asyncio
from pathlib import Path

import pytest

from hil.csms.zoo.catalogue import QUIRKS
from tests.stories.real_stage import RealStage, real_stage
from tests.stories.sessions import OTHER_CARD, begin_session, leave
from tests.stories.stage import Plan
from tests.stories.story_bench import Story

UNDER_QUIRK_S = 1.5
LIMIT_S = 150.0
GROWTH_KIB = 4096
LINK = """
[csms]
reconnect_min_s = 0.2
reconnect_max_s = 0.4
reconnect_random_s = 0.1
call_timeout_s = 2.0
message_attempts = 100
message_attempt_interval_s = 0.5
frame_log = false
[variables]
"OCPPCommCtrlr.WebSocketPingInterval" = 1
"""
BELOW = tuple(name for name, quirk in QUIRKS.items() if quirk.sockets_only)
FLOODS = ("floods_questions", "floods_garbage", "sends_huge_frames", "closes_with_each_code", "sends_large_answers")
NOT_YET = "not registered yet"


def resident_kib(stage: RealStage) -> int:
    status = Path(f"/proc/{stage._station.agent.pid}/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


async def under(s: Story, quirk: str) -> None:
    await s.stage.csms("quirk", name=quirk)
    if QUIRKS[quirk].beside is None and await s.connections():
        await cut(s)
    await s.pass_time(UNDER_QUIRK_S, scaled=False)
    assert (await s.state())["contactor_closed"], quirk
    await s.stage.csms("quirk")


async def cut(s: Story) -> None:
    stations = await s.stage.csms("stations")
    if any(station["connected"] for station in stations.values()):
        await s.drop()


async def answers(s: Story) -> None:
    """The station is there again, and answers."""

    async def answered() -> bool:
        stations = await s.stage.csms("stations")
        if not any(station["connected"] for station in stations.values()):
            return False
        reply = await s.send(s.dialect.get_variable("OCPPCommCtrlr.HeartbeatInterval"))
        refusal = reply.get("call_error", {})
        assert refusal.get("description", NOT_YET) == NOT_YET, reply
        return not refusal

    await s.until(answered, "connected, registered and answering again", within_s=40)


async def tell(directory: Path, version: str) -> None:
    plan = Plan(version, link_toml=LINK)
    async with real_stage(plan, directory) as stage:
        s = Story(stage, plan)
        await s.open_books()
        await s.start_agent()
        await begin_session(s)
        await under(s, FLOODS[0])
        await answers(s)
        before_kib = resident_kib(stage)
        for quirk in (*BELOW, *FLOODS):
            await under(s, quirk)
        await answers(s)
        await leave(s)
        await s.until_ended()
        await begin_session(s, card=OTHER_CARD)
        await leave(s)
        await s.until_ended(2)
        await s.close_books()
        assert stage.agent_starts == 1
        assert resident_kib(stage) - before_kib < GROWTH_KIB
        assert len(stage._station.agent.log.read_bytes()) < 100_000
        assert b"Traceback" not in stage._station.agent.log.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_a_session_goes_on_whatever_is_wrong_below_the_messages(version: str, tmp_path: Path) -> None:
    asyncio.run(asyncio.wait_for(tell(tmp_path, version), LIMIT_S))
