"""Hours of a connection in milliseconds, over a connection in memory."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import pairwise

import pytest
from websockets.exceptions import ConnectionClosed

from agent.csms.connection import Connection
from agent.csms.settings import LinkTiming
from hil.csms.memory_connection import MemoryConnection, memory_connection_pair
from hil.virtual_time import run_virtual
from tests.agent.csms.link_house import TOKEN, House, house, started
from tests.fakes.scripted_csms import NOW, Json, ScriptedCsms, accept

Delay = Callable[[str], float]


class MemoryCsms:
    """Answers everything, each action after `delay` seconds; infinity is never."""

    def __init__(self, delay: Delay, answers: dict[str, Json]) -> None:
        self.delay = delay
        self.answers = answers
        self.heard: list[tuple[float, str]] = []
        self.dialled_at: list[float] = []
        self.ends: list[MemoryConnection] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def dial(self, subprotocols: Sequence[str]) -> Connection:
        station, csms = memory_connection_pair()
        station.subprotocol = subprotocols[0]
        self.dialled_at.append(asyncio.get_running_loop().time())
        self.ends.append(csms)
        self.tasks.append(asyncio.create_task(self._serve(csms)))
        return station

    def times(self, action: str) -> list[float]:
        return [at for at, name in self.heard if name == action]

    async def _serve(self, end: MemoryConnection) -> None:
        with suppress(ConnectionClosed):
            while True:
                frame = json.loads(await end.recv())
                if frame[0] == 2:
                    self.heard.append((asyncio.get_running_loop().time(), frame[2]))
                    self.tasks.append(asyncio.create_task(self._answer(end, frame[1], frame[2])))

    async def _answer(self, end: MemoryConnection, message_id: str, action: str) -> None:
        if (delay_s := self.delay(action)) == float("inf"):
            return
        await asyncio.sleep(delay_s)
        with suppress(ConnectionClosed):
            await end.send(json.dumps([3, message_id, self.answers.get(action) or accept(action)]))


def play(
    story: Callable[[House, MemoryCsms], Awaitable[None]],
    delay: Delay = lambda _action: 0.0,
    answers: dict[str, Json] | None = None,
) -> None:
    async def main() -> None:
        csms = MemoryCsms(delay, answers or {})
        async with house(ScriptedCsms(), timing=LinkTiming(), dial=csms.dial) as home:
            await story(home, csms)
        for task in csms.tasks:
            task.cancel()

    run_virtual(main())


def test_heartbeats_come_at_the_interval_for_ten_hours_over_one_connection() -> None:
    async def story(_home: House, csms: MemoryCsms) -> None:
        await asyncio.sleep(10 * 3600)
        beats = csms.times("Heartbeat")
        gaps = [later - earlier for earlier, later in pairwise(beats)]
        assert len(beats) in {119, 120}
        assert all(gap == pytest.approx(300, abs=0.1) for gap in gaps)
        assert len(csms.dialled_at) == 1

    play(story)


@pytest.mark.parametrize("delay_s", [0.0, 30.0])
def test_answers_after_0_ms_and_after_30_s_are_the_same_to_us(delay_s: float) -> None:  # lesson 22
    async def story(home: House, csms: MemoryCsms) -> None:
        await asyncio.sleep(40)
        home.journal.put(started())
        assert (await home.client.back_end.authorize(TOKEN)).accepted
        await asyncio.sleep(40)
        assert home.journal.acknowledged == [1]
        assert len(csms.times("StartTransaction")) == 1
        assert len(csms.dialled_at) == 1

    play(story, lambda _action: delay_s)


def test_a_back_end_that_falls_silent_is_dialled_again_within_two_minutes() -> None:  # lesson 16
    silent = False

    def delay(_action: str) -> float:
        return float("inf") if silent else 0.0

    async def story(home: House, csms: MemoryCsms) -> None:
        nonlocal silent
        await asyncio.sleep(10)
        silent, fell_silent_at = True, asyncio.get_running_loop().time()
        home.journal.put(started())
        await asyncio.sleep(120)
        assert len(csms.dialled_at) >= 2
        assert csms.dialled_at[1] - fell_silent_at < 100
        silent = False
        await asyncio.sleep(400)
        assert home.client.back_end.is_online
        assert home.journal.acknowledged == [1]

    play(story, delay)


def test_a_back_end_that_closes_at_once_is_not_dialled_in_a_tight_loop() -> None:  # lessons 23, 105
    async def story(home: House, csms: MemoryCsms) -> None:
        original = csms.dial

        async def dial_and_close(subprotocols: Sequence[str]) -> Connection:
            connection = await original(subprotocols)
            await csms.ends[-1].close(1011)
            return connection

        home.client.link._dial = dial_and_close
        await asyncio.sleep(3600)
        assert 5 < len(csms.dialled_at) < 30
        gaps = [b - a for a, b in pairwise(csms.dialled_at)]
        assert gaps[-1] > gaps[0]

    play(story)


def test_a_rest_of_years_is_shortened_to_a_day() -> None:
    """OCPP 1.6, 4.2: the interval of a rejection is the least wait; a slip of the back-end is not to last for years."""

    async def story(_home: House, csms: MemoryCsms) -> None:
        await asyncio.sleep(86_400 + 60)
        assert len(csms.times("BootNotification")) == 2

    rejected = {"status": "Rejected", "currentTime": NOW, "interval": 2**31 - 1}
    play(story, answers={"BootNotification": rejected})
