"""The local list of a station over a real database."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.domain.local_list import MAX_ENTRIES, ListEntry, ListUpdate, UpdateKind, UpdateOutcome
from agent.domain.vocabulary import Authorization, AuthorizationStatus, IdToken
from agent.station.local_list import LocalList
from agent.store import local_list as table
from agent.store.database import Database

ACCEPTED = Authorization(AuthorizationStatus.ACCEPTED)
BLOCKED = Authorization(AuthorizationStatus.BLOCKED)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(tmp_path / "station.sqlite")
    await opened.open()
    yield opened
    await opened.close()


def full(version: int, *tokens: str) -> ListUpdate:
    return ListUpdate(UpdateKind.FULL, version, tuple(ListEntry(IdToken(token), ACCEPTED) for token in tokens))


def changes(version: int, **told: Authorization | None) -> ListUpdate:
    entries = tuple(ListEntry(IdToken(token), authorization) for token, authorization in told.items())
    return ListUpdate(UpdateKind.DIFFERENTIAL, version, entries)


async def stands(database: Database, listed: LocalList) -> tuple[int, dict[str, Authorization]]:
    """Version and entries, the same in memory, in the store and after a restart."""
    again = LocalList(database)
    await again.open()
    assert (again.version, again._entries) == (listed.version, listed._entries)
    return listed.version, listed._entries


async def test_a_full_list_replaces_and_changes_add_update_and_remove(database: Database) -> None:
    """OCPP 1.6 sections 3.5.2 and 5.15."""
    listed = LocalList(database)
    assert await listed.update(full(1, "A1", "B2")) is UpdateOutcome.ACCEPTED
    assert await listed.update(full(5, "C3", "D4")) is UpdateOutcome.ACCEPTED
    assert await stands(database, listed) == (5, {"c3": ACCEPTED, "d4": ACCEPTED})
    assert await listed.update(changes(6, C3=BLOCKED, D4=None, E5=ACCEPTED, F6=None)) is UpdateOutcome.ACCEPTED
    assert await stands(database, listed) == (6, {"c3": BLOCKED, "e5": ACCEPTED})
    assert listed.find(IdToken("c3")) == listed.find(IdToken("C3")) == BLOCKED
    assert listed.find(IdToken("D4")) is None


@pytest.mark.parametrize(
    ("update", "outcome"),
    [
        (changes(5, A1=None), UpdateOutcome.VERSION_MISMATCH),
        (changes(4, A1=BLOCKED), UpdateOutcome.VERSION_MISMATCH),
        (changes(6, A1=None, a1=BLOCKED), UpdateOutcome.FAILED),
        (ListUpdate(UpdateKind.FULL, 6, (ListEntry(IdToken("A1"), None),)), UpdateOutcome.FAILED),
        (full(0, "B2"), UpdateOutcome.FAILED),
    ],
)
async def test_a_refused_update_leaves_list_and_version_as_they_were(
    database: Database, update: ListUpdate, outcome: UpdateOutcome
) -> None:
    listed = LocalList(database)
    await listed.update(full(5, "A1"))
    assert await listed.update(update) is outcome
    assert await stands(database, listed) == (5, {"a1": ACCEPTED})


@pytest.mark.parametrize("emptying", [full(9), full(0), changes(9, A1=None)])
async def test_an_empty_list_has_version_0_whatever_it_was_called(database: Database, emptying: ListUpdate) -> None:
    """OCPP 1.6 section 5.10."""
    listed = LocalList(database)
    await listed.update(full(5, "A1"))
    assert await listed.update(emptying) is UpdateOutcome.ACCEPTED
    assert await stands(database, listed) == (0, {})
    assert await listed.update(changes(1, B2=ACCEPTED)) is UpdateOutcome.ACCEPTED


async def test_changes_that_would_make_the_list_too_long_are_undone(database: Database) -> None:
    listed = LocalList(database)
    await listed.update(full(1, *(str(n) for n in range(MAX_ENTRIES))))
    assert await listed.update(changes(2, ONE_MORE=ACCEPTED)) is UpdateOutcome.FAILED
    assert (listed.version, len(listed)) == (1, MAX_ENTRIES)
    swap = changes(2, ONE_MORE=ACCEPTED, **{"0": None})
    assert await listed.update(swap) is UpdateOutcome.ACCEPTED
    version, entries = await stands(database, listed)
    assert (version, len(entries), "0" in entries) == (2, MAX_ENTRIES, False)


async def test_an_update_that_cannot_be_stored_fails_and_the_old_list_counts(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = LocalList(database)
    await listed.update(full(5, "A1"))

    def full_disk(_connection: sqlite3.Connection, _number: int) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(table, "put_version", full_disk)
        assert await listed.update(full(6, "B2")) is UpdateOutcome.FAILED
    assert await stands(database, listed) == (5, {"a1": ACCEPTED})


async def test_the_loop_goes_on_with_the_old_list_while_a_new_one_is_written(database: Database) -> None:
    listed = LocalList(database)
    await listed.update(full(1, "A1"))
    update = asyncio.create_task(listed.update(full(2, *(f"T{n}" for n in range(MAX_ENTRIES)))))
    turns = 0
    while not update.done():
        assert (listed.find(IdToken("A1")) is None) == (listed.version == 2)
        turns += 1
        await asyncio.sleep(0)
    assert update.result() is UpdateOutcome.ACCEPTED
    assert turns > 10
    assert listed.find(IdToken("T9999")) == ACCEPTED


async def test_a_lookup_among_10_000_takes_far_less_than_a_fifth_of_a_millisecond(database: Database) -> None:
    listed = LocalList(database)
    await listed.update(full(1, *(f"T{n}" for n in range(MAX_ENTRIES))))
    tokens = [IdToken(f"t{n}") for n in range(0, 2 * MAX_ENTRIES, 20)]
    began_s = time.perf_counter()
    found = sum(listed.find(token) is not None for token in tokens)
    assert (time.perf_counter() - began_s) / len(tokens) < 0.0002
    assert found == len(tokens) // 2
