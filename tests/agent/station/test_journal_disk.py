"""What the journal does with its disk: full, failing, spared, pruned."""

import asyncio
import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

from agent.station import journal as journal_module
from agent.store.errors import StoreError
from tests.agent.station.journal_rig import JournalRig, in_virtual_time
from tests.agent.store.disk_limits import file_size_limit
from tests.agent.store.samples import BEGIN, OpenState, register_wh, started, whole_transaction


async def test_a_full_disk_is_told_once_and_nothing_is_lost_or_reordered(rig: JournalRig) -> None:
    health: list[bool] = []
    rig.journal.on_health(health.append)
    await rig.limit_pages(None)
    facts = whole_transaction(60)
    for fact in facts[:30]:
        rig.record([fact], OpenState("tx-1", 1))
    with pytest.raises(StoreError, match="could not be stored"):
        await rig.journal.flush()
    assert not rig.journal.healthy
    fitted = 30 - rig.journal._writer.unstored_count
    assert fitted < 30
    assert len(rig.failures) == 30 - fitted
    for fact in facts[30:]:
        rig.record([fact], None)
    rig.record([], OpenState("tx-1", 2))
    with pytest.raises(StoreError):
        await rig.journal.flush()
    assert len(rig.failures) == len(facts) + 1 - fitted
    assert rig.journal.queued_count == len(facts)
    assert rig.journal.prefetched_count == fitted
    await rig.limit_pages(1_000_000)
    await rig.journal.flush()
    assert health == [False, True]
    journal = await rig.restart()
    assert journal.open_transaction(1, OpenState) == OpenState("tx-1", 2)
    assert await rig.drain() == facts


async def test_a_disk_that_fails_is_told_and_used_again(rig: JournalRig) -> None:
    with file_size_limit(0):
        rig.record([started()], OpenState("tx-1", 1))
        with pytest.raises(StoreError):
            await rig.journal.flush()
    assert len(rig.failures) == 1
    await rig.journal.flush()
    assert rig.journal.healthy
    assert await rig.drain() == [started()]


async def test_states_without_facts_do_not_pile_up_while_the_disk_is_full(rig: JournalRig) -> None:
    await rig.limit_pages(1)
    rig.record(whole_transaction(60))
    for seq_no in range(50):
        rig.record([], OpenState("tx-1", seq_no))
        rig.journal.note_register(1, register_wh(seq_no), BEGIN, flush=True)
        with pytest.raises(StoreError):
            await rig.journal.flush()
    assert rig.journal._writer.unstored_count == 3
    await rig.limit_pages(1_000_000)
    assert (await rig.restart()).open_transaction(1, OpenState) == OpenState("tx-1", 49)


def test_what_failed_is_tried_again_every_second_without_being_asked(tmp_path: Path) -> None:
    async def story(rig: JournalRig) -> None:
        recovered = asyncio.Event()
        rig.journal.on_health(lambda healthy: recovered.set() if healthy else None)
        await rig.database.run(lambda connection: connection.execute("PRAGMA query_only=1"))
        before_s = asyncio.get_running_loop().time()
        rig.record([started()], OpenState("tx-1", 1))
        await recovered.wait()
        assert asyncio.get_running_loop().time() - before_s == pytest.approx(1.0)
        assert await rig.drain() == [started()]

    in_virtual_time(tmp_path, story)


def test_a_register_is_written_at_most_every_ten_seconds(tmp_path: Path) -> None:
    def stored(c: sqlite3.Connection) -> Decimal:
        return Decimal(c.execute("SELECT register_wh FROM registers").fetchone()[0])

    async def story(rig: JournalRig) -> None:
        seen = []
        for second in range(31):
            rig.journal.note_register(1, Decimal(second), BEGIN)
            await rig.journal._writer.flush()
            seen.append(await rig.database.run(stored))
            await asyncio.sleep(1.0)
        assert sorted(set(seen)) == [0, 9, 19, 29]
        rig.journal.note_register(1, Decimal(99), BEGIN, flush=True)
        await rig.journal._writer.flush()
        assert await rig.database.run(stored) == 99

    in_virtual_time(tmp_path, story)


def test_closing_writes_the_register_that_was_still_held_back(tmp_path: Path) -> None:
    async def story(rig: JournalRig) -> None:
        rig.journal.note_register(1, Decimal(1), BEGIN)
        rig.journal.note_register(1, Decimal(2), BEGIN)
        journal = await rig.restart()
        register = journal.last_register(1)
        assert register is not None
        assert register.register_wh == 2

    in_virtual_time(tmp_path, story)


def test_old_sent_rows_and_their_transactions_are_deleted_and_queued_ones_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "KEEP_ROWS", 10)
    monkeypatch.setattr(journal_module, "PRUNE_STEP", 7)

    async def story(rig: JournalRig) -> None:
        for number in range(20):
            rig.record(whole_transaction(1, f"tx-{number}"))
        for _ in range(54):
            await rig.take()
        await rig.journal.flush()
        run = asyncio.ensure_future(rig.journal.run())
        await asyncio.sleep(journal_module.PRUNE_FIRST_S + 30)
        run.cancel()
        states = await rig.database.run(
            lambda c: dict(c.execute("SELECT state, count(*) FROM journal GROUP BY state").fetchall())
        )
        assert states == {"sent": 10, "queued": 6}
        kept = await rig.database.run(lambda c: c.execute("SELECT count(*) FROM transactions").fetchone()[0])
        assert kept == 6
        assert len(await rig.drain()) == 6

    in_virtual_time(tmp_path, story)
