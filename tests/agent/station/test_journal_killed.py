"""What SIGKILL leaves of a journal."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent.domain.facts import StationFact
from agent.store.database import Operation
from agent.store.executors import WriterThread
from tests.agent.station.journal_rig import JournalRig
from tests.agent.store.samples import OpenState, register_wh

WRITER = """
import asyncio, sys
from pathlib import Path
from agent.station.station_clock import StationClock
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
    while True:
        row = await journal.next_row()
        print(row.fact.seq_no, flush=True)
        journal.acknowledge(row)

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

    rig = JournalRig(path, WriterThread[Operation])
    journal = await rig.start()
    rows = await rig.database.run(lambda c: c.execute("SELECT row_id FROM journal ORDER BY row_id").fetchall())
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    assert len(rows) >= len(told)
    assert journal.open_transaction(1, OpenState) == OpenState("tx-1", len(rows))
    register = journal.last_register(1)
    assert register is not None
    assert register.register_wh == register_wh(len(rows) - 1)
    left = await rig.drain()
    assert [fact.seq_no for fact in left if not isinstance(fact, StationFact)] == list(
        range(len(rows) - len(left), len(rows))
    )
    await rig.stop()
