import asyncio
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agent.clock import StationClock
from agent.domain.delivery import TransactionAtCsms
from agent.domain.facts import Fact, JournalRow, UnauthorisedEnergyFound
from agent.station import journal as journal_module
from agent.station.journal import Journal
from agent.store import journal_rows
from agent.store.database import Database, Operation
from agent.store.errors import StoreError
from agent.store.executors import Executor, InlineExecutor, WriterThread
from hil.virtual_time import run_virtual
from tests.agent.store.disk_limits import file_size_limit
from tests.agent.store.samples import BEGIN, OpenState, ended, register_wh, started, updated, whole_transaction

MakeExecutor = Callable[[], Executor[Operation]]


class Station:
    """One database and its journal, which can be closed and opened again as a restart would."""

    def __init__(self, path: Path, make_executor: MakeExecutor, window_rows: int = 256) -> None:
        self._path = path
        self._make_executor = make_executor
        self._window_rows = window_rows
        self.failures: list[StoreError] = []

    async def start(self) -> Journal:
        self.database = Database(self._path, self._make_executor())
        await self.database.open()
        self.journal = Journal(self.database, StationClock(), self._window_rows)
        await self.journal.open()
        return self.journal

    async def stop(self) -> None:
        await self.journal.close()
        await self.database.close()

    async def restart(self) -> Journal:
        await self.stop()
        return await self.start()

    def record(self, facts: list[Fact], state: OpenState | None = None, evse_id: int = 1) -> None:
        self.journal.record(evse_id, facts, state, self.failures.append)

    async def take(self) -> JournalRow:
        row = await self.journal.next_row()
        self.journal.acknowledge(row)
        return row

    async def drain(self) -> list[Fact]:
        return [(await self.take()).fact for _ in range(self.journal.queued_count)]

    async def limit_pages(self, pages: int | None) -> None:
        def limit(connection: sqlite3.Connection) -> None:
            now = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count={now if pages is None else pages}").fetchone()

        await self.database.run(limit)


@pytest.fixture(params=[WriterThread[Operation], InlineExecutor[Operation]], ids=["thread", "inline"])
async def station(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Station]:
    station = Station(tmp_path / "store.db", request.param)
    await station.start()
    yield station
    await station.stop()


def in_virtual_time(tmp_path: Path, story: Callable[[Station], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        station = Station(tmp_path / "store.db", InlineExecutor[Operation])
        await station.start()
        await story(station)
        await station.stop()

    run_virtual(whole())


async def test_rows_leave_in_the_order_in_which_they_were_recorded(station: Station) -> None:
    facts = whole_transaction(20)
    for fact in facts:
        station.record([fact], OpenState("tx-1", 1))
    assert await station.drain() == facts
    assert station.failures == []


async def test_the_same_row_is_next_until_it_is_settled(station: Station) -> None:
    station.record([started(), updated(1)])
    first = await station.journal.next_row()
    assert await station.journal.next_row() == first
    station.journal.acknowledge(first)
    assert (await station.journal.next_row()).fact == updated(1)


async def test_next_row_waits_for_a_fact_and_gives_only_what_is_durable(tmp_path: Path, station: Station) -> None:
    waiting = asyncio.ensure_future(station.journal.next_row())
    await asyncio.sleep(0)
    assert not waiting.done()
    station.record([started()], OpenState("tx-1", 1))
    assert not waiting.done()
    row = await waiting
    with closing(sqlite3.connect(tmp_path / "store.db")) as other:
        assert other.execute("SELECT row_id, state FROM journal").fetchall() == [(row.row_id, "queued")]
        assert other.execute("SELECT count(*) FROM open_transactions").fetchone() == (1,)


async def test_a_restart_finds_queue_open_transaction_and_register(station: Station) -> None:
    station.record([started()], OpenState("tx-1", 1))
    station.record([updated(1)], OpenState("tx-1", 2))
    station.record([], OpenState("tx-1", 3))
    journal = await station.restart()
    assert journal.open_transaction(1, OpenState) == OpenState("tx-1", 3)
    assert journal.open_transaction(2, OpenState) is None
    register = journal.last_register(1)
    assert register is not None
    assert register.register_wh == register_wh(1)
    assert journal.queued_count == 2
    assert await station.drain() == [started(), updated(1)]


async def test_an_ended_transaction_is_not_open_after_a_restart(station: Station) -> None:
    station.record([started()], OpenState("tx-1", 1))
    station.record([ended(1)], None)
    journal = await station.restart()
    assert journal.open_transaction(1, OpenState) is None
    assert await station.drain() == [started(), ended(1)]


async def test_row_ids_are_never_used_again(station: Station) -> None:
    station.record([started(), updated(1)])
    last = [await station.take(), await station.take()][-1]
    await station.journal.flush()
    await station.database.run(lambda c: journal_rows.prune(c, BEGIN + timedelta(days=9999), timedelta(0), 0, 100))
    journal = await station.restart()
    station.record([updated(2)])
    assert (await journal.next_row()).row_id == last.row_id + 1


async def test_tries_and_message_ids_survive_a_restart(station: Station) -> None:
    station.record([started()])
    row = await station.journal.next_row()
    row = station.journal.attempted(row, "m-1")
    row = station.journal.attempted(row, "m-2")
    assert (row.attempts, row.message_ids) == (2, ("m-1", "m-2"))
    assert await station.journal.next_row() == row
    journal = await station.restart()
    assert await journal.next_row() == row
    assert journal.row_of_message("m-1") == row


async def test_a_late_answer_still_finds_its_row(station: Station) -> None:
    station.record([started(), updated(1)])
    row = station.journal.attempted(await station.journal.next_row(), "m-1")
    station.journal.attempted(row, "m-2")
    station.journal.acknowledge(row)
    late = station.journal.row_of_message("m-1")
    assert late is not None
    station.journal.acknowledge(late)
    assert station.journal.queued_count == 1
    assert station.journal.row_of_message("never sent") is None


async def test_the_back_ends_id_and_owner_of_a_transaction_survive_a_restart(station: Station) -> None:
    station.record([started()], OpenState("tx-1", 1))
    row = await station.journal.next_row()
    assert station.journal.at_csms("tx-1") == TransactionAtCsms()
    station.journal.acknowledge(row, csms_transaction_id=42)
    station.journal.claim("tx-1", "wss://csms.example ocpp1.6")
    for journal in (station.journal, await station.restart()):
        assert journal.at_csms("tx-1") == TransactionAtCsms(start_acknowledged=True, csms_transaction_id=42)
        assert journal.owner_of("tx-1") == "wss://csms.example ocpp1.6"
        assert journal.transaction_of_csms_id(42) == "tx-1"
        assert journal.transaction_of_csms_id(43) is None


async def test_the_queue_is_answered_for_truthfully_before_and_after_the_commit(station: Station) -> None:
    station.record([started("tx-1"), started("tx-2", 2)])
    assert station.journal.has_queued("tx-1")
    assert station.journal.has_queued("tx-2")
    assert not station.journal.has_queued("tx-3")
    await station.take()
    assert not station.journal.has_queued("tx-1")
    assert station.journal.has_queued()
    await station.take()
    assert not station.journal.has_queued()
    assert (await station.restart()).queued_count == 0


async def test_a_parked_row_is_a_dead_letter_and_the_rest_of_its_transaction_follows(station: Station) -> None:
    facts = whole_transaction(2)
    station.record(facts)
    row = station.journal.attempted(await station.journal.next_row(), "m-1")
    station.journal.park(row, "answered with an error 3 times")
    assert await station.drain() == facts[1:]
    journal = await station.restart()
    letters = await journal.dead_letters()
    assert [(each.fact, each.attempts, each.reason) for each in letters] == [
        (facts[0], 1, "answered with an error 3 times")
    ]
    assert journal.queued_count == 0


async def test_a_parked_start_that_is_answered_late_is_sent_after_all(station: Station) -> None:
    station.record([started()], OpenState("tx-1", 1))
    row = station.journal.attempted(await station.journal.next_row(), "m-1")
    station.journal.park(row, "no answer")
    late = station.journal.row_of_message("m-1")
    assert late is not None
    station.journal.acknowledge(late, csms_transaction_id=9)
    assert station.journal.at_csms("tx-1").csms_transaction_id == 9
    assert await (await station.restart()).dead_letters() == []


async def test_a_row_that_this_firmware_cannot_read_is_parked_and_not_lost(station: Station) -> None:
    station.record([started(), updated(1)])
    await station.journal.flush()
    await station.database.run(
        lambda c: c.execute("UPDATE journal SET fact = '{}', message_ids = 'm' WHERE row_id = 1")
    )
    journal = await station.restart()
    assert (await journal.next_row()).fact == updated(1)
    assert journal.queued_count == 1
    assert [(each.row_id, each.fact) for each in await journal.dead_letters()] == [(1, None)]


async def test_a_state_that_cannot_be_written_records_nothing(station: Station) -> None:
    with pytest.raises(StoreError):
        station.journal.record(1, [started()], object(), station.failures.append)
    assert station.journal.queued_count == 0
    station.record([started()])
    assert (await station.take()).row_id == 1


async def test_unauthorised_energy_is_a_row_of_no_transaction_and_moves_the_register(station: Station) -> None:
    fact = UnauthorisedEnergyFound(1, BEGIN, Decimal(5), Decimal(100), Decimal(105))
    station.record([fact])
    journal = await station.restart()
    register = journal.last_register(1)
    assert register is not None
    assert register.register_wh == 105
    assert await station.drain() == [fact]


async def test_a_fact_recorded_after_closing_fails_by_name(station: Station) -> None:
    await station.journal.close()
    told: asyncio.Queue[StoreError] = asyncio.Queue()
    station.journal.record(1, [started()], None, told.put_nowait)
    assert "closed" in str(await told.get())


async def test_ten_thousand_rows_drain_in_order_with_few_in_memory(tmp_path: Path) -> None:
    station = Station(tmp_path / "store.db", WriterThread[Operation], window_rows=64)
    await station.start()
    template = updated(1)
    for seq_no in range(10_000):
        station.record([replace(template, seq_no=seq_no)])
    await station.journal.flush()
    most = 0
    for seq_no in range(10_000):
        row = await station.take()
        most = max(most, station.journal.prefetched_count)
        assert isinstance(row.fact, type(template))
        assert row.fact.seq_no == seq_no
        if seq_no % 1000 == 0:
            station.record([replace(template, seq_no=10_000 + seq_no // 1000)])
    assert [fact.seq_no for fact in await station.drain() if isinstance(fact, type(template))] == list(
        range(10_000, 10_010)
    )
    assert most <= 64
    assert len(station.journal._messages) == 0
    await station.stop()


async def test_rows_recorded_while_the_queue_drains_come_once_and_in_order(tmp_path: Path) -> None:
    station = Station(tmp_path / "store.db", WriterThread[Operation], window_rows=4)
    await station.start()
    seen: list[int] = []
    template = updated(1)
    for seq_no in range(300):
        station.record([replace(template, seq_no=seq_no)])
        if seq_no % 3:
            row = await station.take()
            assert isinstance(row.fact, type(template))
            seen.append(row.fact.seq_no)
    seen += [fact.seq_no for fact in await station.drain() if isinstance(fact, type(template))]
    assert seen == list(range(300))
    await station.stop()


async def test_a_full_disk_is_told_once_and_nothing_is_lost_or_reordered(station: Station) -> None:
    health: list[bool] = []
    station.journal.on_health(health.append)
    await station.limit_pages(None)
    facts = whole_transaction(60)
    for fact in facts[:30]:
        station.record([fact], OpenState("tx-1", 1))
    with pytest.raises(StoreError, match="could not be stored"):
        await station.journal.flush()
    assert not station.journal.healthy
    assert len(station.failures) == 30
    for fact in facts[30:]:
        station.record([fact], None)
    station.record([], OpenState("tx-1", 2))
    with pytest.raises(StoreError):
        await station.journal.flush()
    assert len(station.failures) == len(facts) + 1
    assert station.journal.queued_count == len(facts)
    assert station.journal.prefetched_count == 0
    await station.limit_pages(1_000_000)
    await station.journal.flush()
    assert health == [False, True]
    journal = await station.restart()
    assert journal.open_transaction(1, OpenState) == OpenState("tx-1", 2)
    assert await station.drain() == facts


async def test_a_disk_that_fails_is_told_and_used_again(station: Station) -> None:
    with file_size_limit(0):
        station.record([started()], OpenState("tx-1", 1))
        with pytest.raises(StoreError):
            await station.journal.flush()
    assert len(station.failures) == 1
    await station.journal.flush()
    assert station.journal.healthy
    assert await station.drain() == [started()]


async def test_states_without_facts_do_not_pile_up_while_the_disk_is_full(station: Station) -> None:
    await station.limit_pages(1)
    station.record(whole_transaction(60))
    for seq_no in range(50):
        station.record([], OpenState("tx-1", seq_no))
        station.journal.note_register(1, register_wh(seq_no), BEGIN, flush=True)
        with pytest.raises(StoreError):
            await station.journal.flush()
    assert station.journal._writer.unstored_count == 3
    await station.limit_pages(1_000_000)
    assert (await station.restart()).open_transaction(1, OpenState) == OpenState("tx-1", 49)


def test_what_failed_is_tried_again_every_second_without_being_asked(tmp_path: Path) -> None:
    async def story(station: Station) -> None:
        recovered = asyncio.Event()
        station.journal.on_health(lambda healthy: recovered.set() if healthy else None)
        await station.database.run(lambda connection: connection.execute("PRAGMA query_only=1"))
        before_s = asyncio.get_running_loop().time()
        station.record([started()], OpenState("tx-1", 1))
        await recovered.wait()
        assert asyncio.get_running_loop().time() - before_s == pytest.approx(1.0)
        assert await station.drain() == [started()]

    in_virtual_time(tmp_path, story)


def test_a_register_is_written_at_most_every_ten_seconds(tmp_path: Path) -> None:
    def stored(c: sqlite3.Connection) -> Decimal:
        return Decimal(c.execute("SELECT register_wh FROM registers").fetchone()[0])

    async def story(station: Station) -> None:
        seen = []
        for second in range(31):
            station.journal.note_register(1, Decimal(second), BEGIN)
            await station.journal._writer.flush()
            seen.append(await station.database.run(stored))
            await asyncio.sleep(1.0)
        assert sorted(set(seen)) == [0, 9, 19, 29]
        station.journal.note_register(1, Decimal(99), BEGIN, flush=True)
        await station.journal._writer.flush()
        assert await station.database.run(stored) == 99

    in_virtual_time(tmp_path, story)


def test_closing_writes_the_register_that_was_still_held_back(tmp_path: Path) -> None:
    async def story(station: Station) -> None:
        station.journal.note_register(1, Decimal(1), BEGIN)
        station.journal.note_register(1, Decimal(2), BEGIN)
        journal = await station.restart()
        register = journal.last_register(1)
        assert register is not None
        assert register.register_wh == 2

    in_virtual_time(tmp_path, story)


def test_old_sent_rows_and_their_transactions_are_deleted_and_queued_ones_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "KEEP_ROWS", 10)
    monkeypatch.setattr(journal_module, "PRUNE_STEP", 7)

    async def story(station: Station) -> None:
        for number in range(20):
            station.record(whole_transaction(1, f"tx-{number}"))
        for _ in range(54):
            await station.take()
        await station.journal.flush()
        run = asyncio.ensure_future(station.journal.run())
        await asyncio.sleep(journal_module.PRUNE_FIRST_S + 30)
        run.cancel()
        states = await station.database.run(
            lambda c: dict(c.execute("SELECT state, count(*) FROM journal GROUP BY state").fetchall())
        )
        assert states == {"sent": 10, "queued": 6}
        kept = await station.database.run(lambda c: c.execute("SELECT count(*) FROM transactions").fetchone()[0])
        assert kept == 6
        assert len(await station.drain()) == 6

    in_virtual_time(tmp_path, story)


WRITER = """
import asyncio, sys
from pathlib import Path
from agent.clock import StationClock
from agent.station.journal import Journal
from agent.store.database import Database
from tests.agent.store.samples import OpenState, started, updated

async def main() -> None:
    database = Database(Path(sys.argv[1]))
    await database.open()
    journal = Journal(database, StationClock())
    await journal.open()
    for seq_no in range(200):
        fact = updated(seq_no) if seq_no else started()
        journal.record(1, [fact], OpenState("tx-1", seq_no + 1), lambda error: None)
        if seq_no % 7 == 0:
            await asyncio.sleep(0.0005)
        while journal.prefetched_count and (row := await journal.next_row()):
            print(row.fact.seq_no, flush=True)
            journal.acknowledge(row)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("killed_after", [1, 17, 40, 90, 150])
async def test_a_killed_writer_leaves_whole_records_in_order(tmp_path: Path, killed_after: int) -> None:
    path = tmp_path / "store.db"
    root = Path(__file__).parents[3]
    writer = subprocess.Popen(  # noqa: ASYNC220 - nothing else runs on this loop
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, cwd=root, text=True
    )
    assert writer.stdout is not None
    told = [int(writer.stdout.readline()) for _ in range(killed_after)]
    writer.send_signal(signal.SIGKILL)
    told += [int(line) for line in writer.stdout.read().split("\n")[:-1]]
    writer.wait()
    writer.stdout.close()
    assert told == list(range(len(told)))

    station = Station(path, WriterThread[Operation])
    journal = await station.start()
    rows = await station.database.run(lambda c: c.execute("SELECT row_id FROM journal ORDER BY row_id").fetchall())
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    assert len(rows) >= len(told)
    assert journal.open_transaction(1, OpenState) == OpenState("tx-1", len(rows))
    register = journal.last_register(1)
    assert register is not None
    assert register.register_wh == register_wh(len(rows) - 1)
    left = await station.drain()
    assert [fact.seq_no for fact in left if not isinstance(fact, UnauthorisedEnergyFound)] == list(
        range(len(rows) - len(left), len(rows))
    )
    await station.stop()
