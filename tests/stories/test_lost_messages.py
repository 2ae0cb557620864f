"""The link breaks at each message of a session, one after the other: nothing is lost, nothing is told twice.

Not sampled: every message of a whole session is the one, in two ways. Lessons 1, 3, 4, 6, 10; OCPP 1.6, 3.7 and 4.
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from hil.csms.memory_connection import MemoryConnection
from hil.virtual_time import run_virtual
from tests.stories.sessions import CARD, OTHER_CARD, begin_session, leave
from tests.stories.stage import QUICK_LINK, Plan
from tests.stories.story_bench import Story
from tests.stories.virtual_stage import virtual_stage

LEAST_MESSAGES = 8
ATTEMPTS = 'message_attempts = 20\n[variables]\n"SampledDataCtrlr.TxUpdatedInterval" = 30\n'


class Loss:
    """Breaks the line at the n-th message that counts, once."""

    def __init__(self, way: str, number: int) -> None:
        self.way = way
        self.number = number
        self.seen = 0
        self.came = False

    def spoil(self, station: MemoryConnection, csms: MemoryConnection) -> None:
        if self.way == "its answer is lost":
            csms.loses = lambda message: self._counts(message, {3, 4})
        else:
            station.loses = lambda message: self._counts(message, {2})

    def _counts(self, message: str | bytes, kinds: set[int]) -> bool:
        if json.loads(message)[0] not in kinds:
            return False
        self.seen += 1
        self.came = self.came or self.seen == self.number
        return self.seen == self.number


async def tell(version: str, loss: Loss, directory: Path) -> None:
    plan = Plan(version, link_toml=QUICK_LINK.replace("message_attempts = 2\n", "") + ATTEMPTS)
    async with virtual_stage(plan, directory) as stage:
        s = Story(stage, plan)
        await s.open_books()
        await s.start_agent()
        stage._station.drop()
        stage._station.spoil = loss.spoil
        await s.plug_in()
        await s.until_evse(pilot_state="B")
        await s.pass_time(5)
        await begin_session_at_once(s)
        await s.pass_time(70)
        await leave_at_once(s)
        told = await s.until_ended(within_s=300)
        await s.close_books()
        assert len(await s.transactions()) == 1
        assert told["whole"]
        loss.number = 0  # breaks nothing any more
        await s.pass_time(30)
        await begin_session(s, card=OTHER_CARD)
        await leave(s)
        await s.until_ended(2)
        await s.close_books()


async def begin_session_at_once(s: Story) -> None:
    """Tap, and once more if the question for the card was lost: no card is accepted on a guess."""
    await s.swipe(CARD)
    await s.pass_time(15)
    if not (await s.state())["contactor_closed"]:
        await s.pass_time(20)
        await s.swipe(CARD)
    await s.until_charging(within_s=60)


async def leave_at_once(s: Story) -> None:
    await s.plug_out()
    await s.until_evse(contactor_closed=False, within_s=5)


@pytest.mark.slow
@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
@pytest.mark.parametrize("way", ["it never arrives", "its answer is lost"])
def test_whichever_message_breaks_the_link_the_books_are_whole(version: str, way: str) -> None:
    number = 0
    while True:
        number += 1
        loss = Loss(way, number)
        with TemporaryDirectory() as directory:
            run_virtual(tell(version, loss, Path(directory)))
        if not loss.came:
            break
    assert number > LEAST_MESSAGES


async def slowly(version: str, latency_s: float, directory: Path) -> None:
    plan = Plan(version, link_toml="[csms]\nmessage_attempts = 20\nmessage_attempt_interval_s = 10\n")
    async with virtual_stage(plan, directory) as stage:
        s = Story(stage, plan)
        await s.open_books()
        await s.start_agent()
        await begin_session(s)
        await leave(s)
        await s.until_ended()
        stage._station.latency_s = latency_s
        stage._station.drop()
        await s.pass_time(300)
        await s.plug_in()
        await s.until_evse(pilot_state="B")
        await begin_session_at_once(s)
        await s.pass_time(300)
        await leave_at_once(s)
        await s.until_ended(2, within_s=1800)
        await s.close_books()
        assert len(await s.transactions()) == 2


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
@pytest.mark.parametrize("latency_s", [5.0, 15.0, 30.0])
def test_a_session_over_a_network_that_takes_half_a_minute_each_way(
    version: str, latency_s: float, tmp_path: Path
) -> None:
    """Lesson 22. With 30 s each way every answer comes after its time-out, and counts all the same."""
    run_virtual(slowly(version, latency_s, tmp_path))
