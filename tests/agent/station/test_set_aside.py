"""Facts of another back-end: kept, shown, and queued again at their place when the station is back there."""

import asyncio
from pathlib import Path

import pytest

from agent.domain.facts import Fact, JournalRow
from agent.station.journal import Journal
from agent.store.database import Operation
from agent.store.executors import WriterThread
from tests.agent.csms.link_house import ended, started, updated
from tests.agent.station.journal_rig import JournalRig

A, B = "a.example/S-1 ocpp1.6", "b.example/S-1 ocpp1.6"


async def begin_at(rig: JournalRig, owner: str, transaction_id: str, number: int) -> None:
    rig.record([started(transaction_id)])
    row = await rig.journal.next_row()
    rig.journal.acknowledge(row, csms_transaction_id=number)
    rig.journal.claim(transaction_id, owner)


async def set_all_aside(journal: Journal, owner: str) -> None:
    for _ in range(journal.queued_count):
        journal.park_for(await journal.next_row(), owner)


async def facts(journal: Journal) -> list[Fact]:
    rows: list[JournalRow] = []
    for _ in range(journal.queued_count):
        rows.append(await journal.next_row())
        journal.acknowledge(rows[-1])
    return [row.fact for row in rows]


@pytest.mark.parametrize("restarted", [False, True])
async def test_what_was_set_aside_comes_back_in_order_before_what_came_later(restarted: bool, rig: JournalRig) -> None:
    await begin_at(rig, A, "t1", 7)
    rig.record([updated(1, "t1"), ended(2, "t1")])
    await set_all_aside(rig.journal, A)
    assert not rig.journal.has_queued()
    await begin_at(rig, B, "t3", 7)
    rig.record([updated(1, "t3")])
    await set_all_aside(rig.journal, B)
    rig.record([started("t2")])
    journal = await rig.restart() if restarted else rig.journal
    assert await journal.release("nobody ocpp1.6") == 0
    assert await journal.release(A) == 2
    assert journal.queued_count == 3
    assert journal.at_csms("t1").csms_transaction_id == 7, "its number is needed to tell its end"
    assert journal.owner_of("t1") == A
    assert await facts(journal) == [updated(1, "t1"), ended(2, "t1"), started("t2")]
    assert await journal.release(A) == 0
    assert await journal.release(B) == 1


async def test_more_than_memory_holds_comes_back_in_order(tmp_path: Path) -> None:
    rig = JournalRig(tmp_path / "store.db", WriterThread[Operation], window_rows=8)
    journal = await rig.start()
    await begin_at(rig, A, "t1", 7)
    told: list[Fact] = [updated(number, "t1") for number in range(1, 51)]
    rig.record(told[:40])
    await set_all_aside(journal, A)
    rig.record(told[40:])
    assert await journal.release(A) == 40
    assert await facts(journal) == told
    assert not journal.has_queued()
    await rig.stop()


async def test_a_row_that_is_settled_meanwhile_does_not_come_again(rig: JournalRig) -> None:
    await begin_at(rig, A, "t1", 7)
    rig.record([updated(1, "t1")])
    await set_all_aside(rig.journal, A)
    rig.record([started("t2"), updated(1, "t2")])
    under_way = await rig.journal.next_row()
    release = asyncio.create_task(rig.journal.release(A))
    await asyncio.sleep(0)
    rig.journal.acknowledge(under_way)
    await release
    assert await facts(rig.journal) == [updated(1, "t1"), updated(1, "t2")]


async def test_what_is_set_aside_is_shown(rig: JournalRig) -> None:
    await begin_at(rig, A, "t1", 7)
    rig.record([updated(1, "t1"), ended(2, "t1")])
    await set_all_aside(rig.journal, A)
    parked = await rig.journal.set_aside.facts()
    assert [(each.transaction_id, each.owner) for each in parked] == [("t1", A), ("t1", A)]
    letters = await rig.journal.dead_letters()
    assert {letter.reason for letter in letters} == {f"belongs to {A}"}


async def test_two_back_ends_may_give_the_same_number(rig: JournalRig) -> None:
    """1.6 back-ends count from 1."""
    await begin_at(rig, A, "t1", 1)
    await begin_at(rig, B, "t2", 1)
    journal = rig.journal
    assert journal.transaction_of_csms_id(1, A) == "t1"
    assert journal.transaction_of_csms_id(1, B) == "t2"
    assert journal.transaction_of_csms_id(1, "c.example/S-1 ocpp1.6") is None
