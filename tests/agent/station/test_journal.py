"""The order of the journal's rows, and what a restart finds."""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from agent.domain.delivery import TransactionAtCsms
from agent.domain.evse_memory import EvseMemory
from agent.domain.facts import STATION, Fact, FirmwareStatusChanged, UnauthorisedEnergyFound
from agent.domain.vocabulary import FirmwareStatus
from agent.store import file_jobs, journal_rows
from agent.store.database import Operation
from agent.store.errors import StoreError
from agent.store.executors import WriterThread
from tests.agent.station.journal_rig import JournalRig
from tests.agent.store.samples import BEGIN, OpenState, ended, register_wh, started, updated, whole_transaction


async def test_rows_leave_in_the_order_in_which_they_were_recorded(rig: JournalRig) -> None:
    facts = whole_transaction(20)
    for fact in facts:
        rig.record([fact], OpenState("tx-1", 1))
    assert await rig.drain() == facts
    assert rig.failures == []


async def test_the_same_row_is_next_until_it_is_settled(rig: JournalRig) -> None:
    rig.record([started(), updated(1)])
    first = await rig.journal.next_row()
    assert await rig.journal.next_row() == first
    rig.journal.acknowledge(first)
    assert (await rig.journal.next_row()).fact == updated(1)


async def test_next_row_waits_for_a_fact_and_gives_only_what_is_durable(tmp_path: Path, rig: JournalRig) -> None:
    waiting = asyncio.ensure_future(rig.journal.next_row())
    await asyncio.sleep(0)
    assert not waiting.done()
    rig.record([started()], OpenState("tx-1", 1))
    assert not waiting.done()
    row = await waiting
    with closing(sqlite3.connect(tmp_path / "store.db")) as other:
        assert other.execute("SELECT row_id, state FROM journal").fetchall() == [(row.row_id, "queued")]
        assert other.execute("SELECT count(*) FROM open_transactions").fetchone() == (1,)


async def test_a_fact_is_told_while_it_is_being_written_and_never_within_its_recording(rig: JournalRig) -> None:
    told: list[Fact] = []
    rig.journal.on_recorded(told.append)
    rig.record([started(), updated(1)])
    assert told == []
    await rig.journal.flush()
    assert told == [started()]


async def test_a_restart_finds_queue_open_transaction_and_register(rig: JournalRig) -> None:
    rig.record([started()], OpenState("tx-1", 1))
    rig.record([updated(1)], OpenState("tx-1", 2))
    rig.record([], OpenState("tx-1", 3))
    journal = await rig.restart()
    assert journal.open_transaction(1, OpenState) == OpenState("tx-1", 3)
    assert journal.open_transaction(2, OpenState) is None
    register = journal.last_register(1)
    assert register is not None
    assert register.register_wh == register_wh(1)
    assert journal.queued_count == 2
    assert await rig.drain() == [started(), updated(1)]


async def test_an_ended_transaction_is_not_open_after_a_restart(rig: JournalRig) -> None:
    rig.record([started()], OpenState("tx-1", 1))
    rig.record([ended(1)], None)
    journal = await rig.restart()
    assert journal.open_transaction(1, OpenState) is None
    assert await rig.drain() == [started(), ended(1)]


async def test_row_ids_are_never_used_again(rig: JournalRig) -> None:
    rig.record([started(), updated(1)])
    last = [await rig.take(), await rig.take()][-1]
    await rig.journal.flush()
    await rig.database.run(lambda c: journal_rows.prune(c, BEGIN + timedelta(days=9999), timedelta(0), 0, 100))
    journal = await rig.restart()
    rig.record([updated(2)])
    assert (await journal.next_row()).row_id == last.row_id + 1


async def test_tries_and_message_ids_survive_a_restart(rig: JournalRig) -> None:
    rig.record([started()])
    row = await rig.journal.next_row()
    row = rig.journal.attempted(row, "m-1")
    row = rig.journal.attempted(row, "m-2")
    assert (row.attempts, row.message_ids) == (2, ("m-1", "m-2"))
    assert await rig.journal.next_row() == row
    journal = await rig.restart()
    assert await journal.next_row() == row
    assert journal.row_of_message("m-1") == row


async def test_a_late_answer_still_finds_its_row(rig: JournalRig) -> None:
    rig.record([started(), updated(1)])
    row = rig.journal.attempted(await rig.journal.next_row(), "m-1")
    rig.journal.attempted(row, "m-2")
    rig.journal.acknowledge(row)
    late = rig.journal.row_of_message("m-1")
    assert late is not None
    rig.journal.acknowledge(late)
    assert rig.journal.queued_count == 1
    assert rig.journal.row_of_message("never sent") is None


async def test_the_back_ends_id_and_owner_of_a_transaction_survive_a_restart(rig: JournalRig) -> None:
    rig.record([started()], OpenState("tx-1", 1))
    row = await rig.journal.next_row()
    assert rig.journal.at_csms("tx-1") == TransactionAtCsms()
    rig.journal.acknowledge(row, csms_transaction_id=42)
    rig.journal.claim("tx-1", "wss://csms.example ocpp1.6")
    for journal in (rig.journal, await rig.restart()):
        assert journal.at_csms("tx-1") == TransactionAtCsms(start_acknowledged=True, csms_transaction_id=42)
        assert journal.owner_of("tx-1") == "wss://csms.example ocpp1.6"
        assert journal.transaction_of_csms_id(42) == "tx-1"
        assert journal.transaction_of_csms_id(43) is None


async def test_the_queue_is_answered_for_truthfully_before_and_after_the_commit(rig: JournalRig) -> None:
    rig.record([started("tx-1"), started("tx-2", 2)])
    assert rig.journal.has_queued("tx-1")
    assert rig.journal.has_queued("tx-2")
    assert not rig.journal.has_queued("tx-3")
    await rig.take()
    assert not rig.journal.has_queued("tx-1")
    assert rig.journal.has_queued()
    await rig.take()
    assert not rig.journal.has_queued()
    assert (await rig.restart()).queued_count == 0


async def test_a_parked_row_is_a_dead_letter_and_the_rest_of_its_transaction_follows(rig: JournalRig) -> None:
    facts = whole_transaction(2)
    rig.record(facts)
    row = rig.journal.attempted(await rig.journal.next_row(), "m-1")
    rig.journal.park(row, "answered with an error 3 times")
    assert await rig.drain() == facts[1:]
    journal = await rig.restart()
    letters = await journal.dead_letters()
    assert [(each.fact, each.attempts, each.reason) for each in letters] == [
        (facts[0], 1, "answered with an error 3 times")
    ]
    assert journal.queued_count == 0


async def test_a_parked_start_that_is_answered_late_is_sent_after_all(rig: JournalRig) -> None:
    rig.record([started()], OpenState("tx-1", 1))
    row = rig.journal.attempted(await rig.journal.next_row(), "m-1")
    rig.journal.park(row, "no answer")
    late = rig.journal.row_of_message("m-1")
    assert late is not None
    rig.journal.acknowledge(late, csms_transaction_id=9)
    assert rig.journal.at_csms("tx-1").csms_transaction_id == 9
    assert await (await rig.restart()).dead_letters() == []


async def test_a_row_that_this_firmware_cannot_read_is_parked_and_not_lost(rig: JournalRig) -> None:
    rig.record([started(), updated(1)])
    await rig.journal.flush()
    await rig.database.run(lambda c: c.execute("UPDATE journal SET fact = '{}', message_ids = 'm' WHERE row_id = 1"))
    journal = await rig.restart()
    assert (await journal.next_row()).fact == updated(1)
    assert journal.queued_count == 1
    assert [(each.row_id, each.fact) for each in await journal.dead_letters()] == [(1, None)]


async def test_a_state_that_cannot_be_written_records_nothing(rig: JournalRig) -> None:
    with pytest.raises(StoreError):
        rig.journal.record(1, [started()], object(), rig.failures.append)
    assert rig.journal.queued_count == 0
    rig.record([started()])
    assert (await rig.take()).row_id == 1


async def test_unauthorised_energy_is_a_row_of_no_transaction_and_moves_the_register(rig: JournalRig) -> None:
    fact = UnauthorisedEnergyFound(1, BEGIN, Decimal(5), Decimal(100), Decimal(105))
    rig.record([fact])
    journal = await rig.restart()
    register = journal.last_register(1)
    assert register is not None
    assert register.register_wh == 105
    assert await rig.drain() == [fact]


async def test_a_fact_recorded_after_closing_fails_by_name(rig: JournalRig) -> None:
    await rig.journal.close()
    told: asyncio.Queue[StoreError] = asyncio.Queue()
    rig.journal.record(1, [started()], None, told.put_nowait)
    assert "closed" in str(await told.get())


async def test_ten_thousand_rows_drain_in_order_with_few_in_memory(tmp_path: Path) -> None:
    rig = JournalRig(tmp_path / "store.db", WriterThread[Operation], window_rows=64)
    await rig.start()
    template = updated(1)
    for seq_no in range(10_000):
        rig.record([replace(template, seq_no=seq_no)])
    await rig.journal.flush()
    most = 0
    for seq_no in range(10_000):
        row = await rig.take()
        most = max(most, rig.journal.prefetched_count)
        assert isinstance(row.fact, type(template))
        assert row.fact.seq_no == seq_no
        if seq_no % 1000 == 0:
            rig.record([replace(template, seq_no=10_000 + seq_no // 1000)])
    assert [fact.seq_no for fact in await rig.drain() if isinstance(fact, type(template))] == list(
        range(10_000, 10_010)
    )
    assert most <= 64
    assert not rig.journal._messages._rows
    await rig.stop()


async def test_rows_recorded_while_the_queue_drains_come_once_and_in_order(tmp_path: Path) -> None:
    rig = JournalRig(tmp_path / "store.db", WriterThread[Operation], window_rows=4)
    await rig.start()
    seen: list[int] = []
    template = updated(1)
    for seq_no in range(300):
        rig.record([replace(template, seq_no=seq_no)])
        if seq_no % 3:
            row = await rig.take()
            assert isinstance(row.fact, type(template))
            seen.append(row.fact.seq_no)
    seen += [fact.seq_no for fact in await rig.drain() if isinstance(fact, type(template))]
    assert seen == list(range(300))
    await rig.stop()


async def test_what_is_remembered_after_a_fact_is_not_stored_before_it(rig: JournalRig) -> None:
    """The memory that waits belongs to what was before; a newer one must not take its place in the order."""
    rig.journal.remember(1, EvseMemory(closings=1))
    rig.record([started()])
    rig.journal.remember(1, EvseMemory(closings=2))
    assert rig.journal._writer.unstored_count == 3


async def test_what_goes_with_a_fact_is_in_the_same_commit(rig: JournalRig) -> None:
    fact = FirmwareStatusChanged(BEGIN, FirmwareStatus.DOWNLOADING, 7)

    put = partial(file_jobs.put, name="x", text='"kept"')
    rig.journal.record(STATION, [fact], None, rig.failures.append, also=put)
    await rig.journal.flush()
    assert await rig.database.run(partial(file_jobs.load, name="x", type_=str)) == "kept"
    assert (await rig.take()).fact == fact
    assert rig.journal.last_register(STATION) is None
