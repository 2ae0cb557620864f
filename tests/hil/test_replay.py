"""A story is recorded with the real agent and replayed to a fresh one: the back-end must be told the same."""

import asyncio
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hil.background import work_beside
from hil.control_client import ControlClient
from hil.processes import ChildProcess
from hil.station_processes import Add, ProcessPlan, StationProcesses

Json = dict[str, Any]
CARD = "04AABBCC"
LIMIT_S = 30.0
DIODE_S = 4.0
PERSON_S = 0.5
"""Nobody acts in the same instant: what the devices then say at once has no order that an agent could keep."""


class Told:
    """What the station told the back-end, without what differs by nature: times, and numbers of transactions."""

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self._news = asyncio.Event()

    def take(self, frame: Json) -> None:
        payload, action = frame.get("payload"), frame.get("action")
        if (frame.get("direction"), frame.get("kind")) != ("in", "call") or not isinstance(payload, dict):
            return
        fields: tuple[str, ...] = {
            "StatusNotification": ("connectorId", "status", "errorCode"),
            "StartTransaction": ("connectorId", "idTag", "meterStart"),
            "StopTransaction": ("idTag", "meterStop", "reason"),
        }.get(str(action), ())
        if fields:
            self.sentences.append(" ".join([str(action), *(str(payload.get(name)) for name in fields)]))
            self._news.set()

    async def until(self, holds: Callable[[list[str]], bool], what: str) -> None:
        try:
            async with asyncio.timeout(LIMIT_S):
                while not holds(self.sentences):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"never {what}: {self.sentences}") from None


def statuses(told: list[str]) -> list[str]:
    """Statuses and transactions come from two senders, whose order among each other is not fixed."""
    return [sentence for sentence in told if sentence.startswith("Status")]


def transactions(told: list[str]) -> list[str]:
    return [sentence for sentence in told if not sentence.startswith("Status")]


def last(status: str) -> Callable[[list[str]], bool]:
    return lambda told: any(f"1 {status}" in sentence for sentence in told[-2:])


async def recorded(directory: Path, board: str, add: Add, *, by_agent: bool = False) -> list[str]:
    told, nothing = Told(), lambda _event: None
    record = ("--record", str(directory / "wire.jsonl"))
    serve = ("--board", board, *(() if by_agent else record))
    station = StationProcesses(ProcessPlan(directory, "1.6", serve), nothing, told.take)
    if by_agent:
        words = ["agent.main", "--config", str(station.config), "--bench", *record]
        station.agent = ChildProcess("agent", words, directory / "agent.log")
    try:
        await station.open(add)
        await station.agent.start()
        await told.until(last("Available"), "available")
        await station.bench.ask("plug_in", evse=1, cable_a=32, current_a=16)
        await told.until(last("Preparing"), "preparing")
        await asyncio.sleep(PERSON_S)
        await station.bench.ask("swipe", token=CARD)
        await told.until(last("Charging"), "charging")
        await asyncio.sleep(DIODE_S)  # energy flows
        await station.bench.ask("fault", evse=1, kind="diode")
        await told.until(last("Faulted"), "faulted")
        await asyncio.sleep(PERSON_S)
        await station.bench.ask("clear", evse=1)
        await station.bench.ask("plug_out", evse=1)
        await told.until(lambda sentences: last("Available")(sentences) and "StopTrans" in str(sentences), "free")
        story = list(told.sentences)  # what a station says when it is ended is no part of it
        await station.agent.end(5.0)
        return story
    finally:
        await station.agent.kill()
        await station.end(5.0)


async def replayed(directory: Path, before: Path, add: Add, expected: int, *options: str) -> tuple[list[str], Json]:
    told = Told()
    toml = (before / "bench" / "agent.toml").read_text("utf-8")
    csms_words = ["hil.cli", "csms", "--control", str(directory / "csms.sock"), "--versions", "1.6"]
    csms = ChildProcess("back-end", csms_words, directory / "csms.log")
    words = ["hil.cli", "replay", str(before / "wire.jsonl"), "--dir", str(directory / "bench"), "--once", *options]
    replay = ChildProcess("replay", words, directory / "replay.log")
    config = directory / "bench" / "agent.toml"
    agent = ChildProcess("agent", ["agent.main", "--config", str(config), "--bench"], directory / "agent.log")
    client = ControlClient("back-end", directory / "csms.sock", told.take)
    try:
        url = (await csms.start_until_ready())["url"]
        await client.open()
        add(client.run())
        await client.ask("subscribe")
        await replay.start()
        toml = re.sub(r'"ws://[^"]*"', json.dumps(url), toml.replace(str(before), str(directory)))
        config.parent.mkdir(exist_ok=True)
        config.write_text(toml, "utf-8")
        await agent.start()
        await told.until(lambda sentences: len(sentences) >= expected, "told as much")
        await replay.ended()
        log = (directory / "replay.log").read_text("utf-8").splitlines()
        summary: Json = json.loads(log[-1])
        return told.sentences[:expected], summary
    finally:
        client.close()
        for process in (agent, replay, csms):
            await process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("board", ["rapi", "safety", "modbus"])
async def test_a_recorded_story_ends_in_the_same_states_when_it_is_replayed(tmp_path: Path, board: str) -> None:
    first, second = tmp_path / "recorded", tmp_path / "replayed"
    first.mkdir()
    second.mkdir()
    async with work_beside() as add:
        then = await recorded(first, board, add)
    shutil.rmtree(first / "bench" / "evse1")
    async with work_beside() as add:
        now, summary = await replayed(second, first, add, len(then))
    assert statuses(now) == statuses(then)
    assert transactions(now) == transactions(then)
    assert len(transactions(then)) == 2
    assert summary["played"]


@pytest.mark.slow
async def test_what_the_station_recorded_of_itself_is_masked_and_can_be_replayed_with_a_card(tmp_path: Path) -> None:
    first, second = tmp_path / "recorded", tmp_path / "replayed"
    first.mkdir()
    second.mkdir()
    async with work_beside() as add:
        then = await recorded(first, "rapi", add, by_agent=True)
    text = (first / "wire.jsonl").read_text("utf-8")
    assert CARD.encode().hex() not in text
    assert "masked" in text.splitlines()[0]
    async with work_beside() as add:
        now, summary = await replayed(second, first, add, len(then), "--token", CARD)
    assert statuses(now) == statuses(then)
    assert transactions(now) == transactions(then)
    assert summary["played"]
