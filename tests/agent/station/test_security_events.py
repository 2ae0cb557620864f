"""Security events through the log and the journal. OCPP 1.6 security white paper, edition 3."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import pytest

from agent.domain.facts import SecurityEventRaised
from agent.domain.security_event import SecurityEventType
from agent.domain.security_event_filter import WINDOW_S
from agent.station.exhaustion import Exhaustion, Room, measure_room
from agent.station.journal import Journal
from agent.station.log_source import SecurityLogSource
from agent.station.security_events import RETRY_S, SecurityEvents
from agent.station.station_clock import StationClock
from agent.store import meta
from agent.store.database import Database, Operation
from agent.store.executors import InlineExecutor
from agent.store.security_log import HEAD
from agent.store.security_log_check import verify_beside_agent
from agent.store.security_log_lines import BEGINNING
from hil.virtual_time import run_virtual

Told = dict[str, Any]


class Rig:
    """Events over a database; `again` is the next start of the process."""

    def __init__(self, directory: Path) -> None:
        self.database_path = directory / "station.sqlite"
        self.folder = directory / "log"

    async def start(self) -> None:
        self.database = Database(self.database_path, InlineExecutor[Operation]())
        await self.database.open()
        self.journal = Journal(self.database, StationClock())
        await self.journal.open()
        self.events = SecurityEvents(self.database, self.folder, self.journal, StationClock(), lambda: True)
        await self.events.open()
        self.task = asyncio.create_task(self.events.run())

    async def kill(self) -> None:
        self.task.cancel()
        await asyncio.sleep(0)

    async def stop(self) -> None:
        await self.kill()
        await self.events.close()
        await self.journal.close()
        await self.database.close()

    def logged(self) -> list[Told]:
        return [json.loads(line) for line in SecurityLogSource(self.folder).read(None, None)]

    async def journalled(self) -> list[SecurityEventRaised]:
        facts = []
        while self.journal.has_queued():
            row = await self.journal.next_row()
            self.journal.acknowledge(row)
            assert isinstance(row.fact, SecurityEventRaised)
            facts.append(row.fact)
        return facts

    def verdict(self) -> str | None:
        return verify_beside_agent(self.folder, self.database_path).problem


def play(directory: Path, story: Callable[[Rig], Awaitable[None]]) -> None:
    async def whole() -> None:
        rig = Rig(directory)
        await rig.start()
        await story(rig)
        await rig.stop()
        assert rig.verdict() is None

    run_virtual(whole())


def test_every_event_is_logged_and_critical_ones_are_journalled_in_order(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        for type_ in SecurityEventType:
            rig.events.raise_event(type_, f"info of {type_.value}")
        await asyncio.sleep(1)
        assert [entry["type"] for entry in rig.logged()] == [type_.value for type_ in SecurityEventType]
        assert {entry["clock"] for entry in rig.logged()} == {"csms"}
        told = await rig.journalled()
        assert [fact.type for fact in told] == [type_ for type_ in SecurityEventType if type_.is_critical]
        assert told[0].tech_info == "info of FirmwareUpdated"

    play(tmp_path, story)


def test_what_was_raised_is_there_after_a_kill(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        rig.events.raise_event(SecurityEventType.STARTUP_OF_THE_DEVICE, "one")
        await asyncio.sleep(0.1)
        await rig.kill()
        await rig.start()
        rig.events.raise_event(SecurityEventType.STARTUP_OF_THE_DEVICE, "two")
        await asyncio.sleep(0.1)
        assert [fact.tech_info for fact in await rig.journalled()] == ["one", "two"]
        assert [(entry["seq"], entry["info"]) for entry in rig.logged()] == [(1, "one"), (2, "two")]

    play(tmp_path, story)


def test_a_line_whose_fact_was_lost_is_told_at_the_next_start(tmp_path: Path) -> None:
    """Power went between the line and the journal's commit."""

    async def story(rig: Rig) -> None:
        rig.events.raise_event(SecurityEventType.STARTUP_OF_THE_DEVICE, "one")
        await asyncio.sleep(0.1)
        assert len(await rig.journalled()) == 1
        await rig.database.run(lambda connection: meta.put(connection, HEAD, BEGINNING.to_text()))
        await rig.kill()
        await rig.start()
        await asyncio.sleep(0.1)
        assert [fact.tech_info for fact in await rig.journalled()] == ["one"]
        await rig.kill()
        await rig.start()
        await asyncio.sleep(0.1)
        assert not rig.journal.has_queued()

    play(tmp_path, story)


def test_what_a_full_database_kept_from_being_journalled_is_told_at_the_next_start(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        rig.events.raise_event(SecurityEventType.STARTUP_OF_THE_DEVICE, "first")
        await asyncio.sleep(1)

        def fill(connection: Connection) -> None:
            connection.execute(f"PRAGMA max_page_count={connection.execute('PRAGMA page_count').fetchone()[0]}")

        await rig.database.run(fill)
        number = 0
        while rig.journal.healthy:
            await asyncio.sleep(WINDOW_S)
            number += 1
            rig.events.raise_event(SecurityEventType.STARTUP_OF_THE_DEVICE, f"{number:0255}")
            await asyncio.sleep(1)
        await rig.kill()
        rig.journal._writer.stop()
        await rig.start()
        await asyncio.sleep(1)
        assert [fact.tech_info for fact in await rig.journalled()][-1] == f"{number:0255}"

    play(tmp_path, story)


def test_repeated_events_are_counted_and_the_count_is_an_entry_of_its_own(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        for _ in range(500):
            rig.events.raise_event(SecurityEventType.INVALID_MESSAGES, "not JSON")
        await asyncio.sleep(WINDOW_S + 1)
        assert [entry["info"] for entry in rig.logged()] == ["not JSON", "499 more of the same within 600 s: not JSON"]

    play(tmp_path, story)


def test_what_was_counted_is_written_when_the_process_ends(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        for _ in range(3):
            rig.events.raise_event(SecurityEventType.MEMORY_EXHAUSTION, "flash")

    play(tmp_path, story)
    log = SecurityLogSource(tmp_path / "log").read(None, None)
    assert [json.loads(line)["info"] for line in log] == ["flash", "2 more of the same within 0 s: flash"]


def test_a_disk_that_takes_no_log_loses_nothing_and_stops_no_journal(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        rig.folder.write_text("a file where the folder should be")
        for number in range(3):
            rig.events.raise_event(SecurityEventType.RESET_OR_REBOOT, str(number))
        await asyncio.sleep(1)
        assert rig.journal.healthy
        assert len(await rig.journalled()) == 3
        rig.folder.unlink()
        await asyncio.sleep(RETRY_S + 1)
        assert [entry["info"] for entry in rig.logged()] == ["0", "1", "2"]

    play(tmp_path, story)


def test_entries_that_no_memory_is_kept_for_are_told_as_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.station.security_events.MAX_KEPT", 5)

    async def story(rig: Rig) -> None:
        rig.folder.write_text("")
        for number in range(7):
            await asyncio.sleep(WINDOW_S)
            rig.events.raise_event(SecurityEventType.INVALID_MESSAGES, str(number))
        rig.folder.unlink()
        await asyncio.sleep(RETRY_S + 1)
        logged = rig.logged()
        assert len(logged) == 6
        assert logged[-1]["info"] == "2 entries were lost for want of a disk"

    play(tmp_path, story)


def test_five_refused_tokens_are_one_event(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        for _ in range(5):
            rig.events.token_refused()
        await asyncio.sleep(1)
        assert [entry["type"] for entry in rig.logged()] == ["TokensRepeatedlyRefused"]

    play(tmp_path, story)


def test_a_log_that_was_cleared_while_the_station_was_off_is_told_to_the_back_end(tmp_path: Path) -> None:
    async def story() -> None:
        rig = Rig(tmp_path)
        await rig.start()
        rig.events.raise_event(SecurityEventType.STARTUP_OF_THE_DEVICE)
        await rig.stop()
        for path in rig.folder.iterdir():
            path.unlink()
        await rig.start()
        await asyncio.sleep(1)
        assert [fact.type.value for fact in await rig.journalled()] == ["StartupOfTheDevice", "SecurityLogWasCleared"]
        assert [entry["seq"] for entry in rig.logged()] == [2]
        await rig.stop()

    run_virtual(story())


def test_the_source_gives_lines_between_two_times(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        rig.events.raise_event(SecurityEventType.INVALID_MESSAGES, "old")
        await asyncio.sleep(0.1)
        at = datetime.fromisoformat(rig.logged()[0]["at"])
        assert len(list(SecurityLogSource(rig.folder).read(at, at))) == 1
        assert not list(SecurityLogSource(rig.folder).read(None, at.replace(year=2001)))

    play(tmp_path, story)


def test_memory_that_gets_full_is_told_once_until_it_was_free_again() -> None:
    told: list[str] = []
    rooms = [Room(0.5, 0.5), Room(0.04, 0.5), Room(0.03, 0.04), Room(0.07, 0.5), Room(0.2, 0.5), Room(0.04, 0.5)]
    course = iter(rooms)
    exhaustion = Exhaustion(lambda: next(course), lambda type_, info: told.append(f"{type_.value} {info}"))
    for _ in rooms:
        exhaustion.look()
    assert told == [
        "MemoryExhaustion flash: 4.0 % free",
        "MemoryExhaustion memory: 4.0 % free",
        "MemoryExhaustion flash: 4.0 % free",
    ]


def test_this_machine_has_room_and_what_cannot_be_measured_counts_as_free(tmp_path: Path) -> None:
    assert 0 < measure_room(tmp_path).flash <= 1
    assert 0 < measure_room(tmp_path).memory <= 1
    assert measure_room(tmp_path / "absent").flash == 1
