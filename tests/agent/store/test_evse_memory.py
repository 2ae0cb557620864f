"""What an EVSE remembers over restarts."""

import sqlite3
from collections.abc import Iterator
from functools import partial

import pytest

from agent.domain.evse_memory import EvseMemory
from agent.station.event_ids import EventIds
from agent.store import evse_memory, meta
from hal.api import Fault


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(":memory:")
    opened.execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
    yield opened
    opened.close()


def test_a_memory_comes_back_and_an_absent_or_broken_one_is_empty(connection: sqlite3.Connection) -> None:
    memory = EvseMemory(("contactor_welded",), 17, 3)
    evse_memory.put(connection, 1, memory)
    evse_memory.put(connection, 3, memory)
    meta.put(connection, "evse_memory.3", "{")
    assert evse_memory.load_all(connection, (1, 2, 3)) == {1: memory, 2: EvseMemory(), 3: EvseMemory()}


def test_a_fault_of_a_newer_firmware_is_passed_over() -> None:
    assert EvseMemory(("flux_capacitor", "diode")).faults == {Fault.DIODE}


def _reserve(connection: sqlite3.Connection) -> None:
    evse_memory.reserve_events(connection)


def test_event_numbers_grow_over_restarts_and_never_repeat(connection: sqlite3.Connection) -> None:
    given: list[int] = []
    for count in (3, 2500, 1):
        ids = EventIds(evse_memory.EVENT_NUMBERS, partial(_reserve, connection))
        ids.start(evse_memory.reserve_events(connection))
        given += [ids.next() for _ in range(count)]
    assert given == sorted(set(given))
