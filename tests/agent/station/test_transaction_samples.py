"""Samples of an open transaction are as durable as its facts, few however long it takes, and end with it."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from agent.domain.facts import Sample, TransactionUpdated
from agent.domain.kept_samples import MAX_KEPT
from agent.domain.vocabulary import ReadingContext
from agent.store.database import Operation
from agent.store.executors import InlineExecutor
from tests.agent.station.journal_rig import JournalRig
from tests.agent.store.samples import OpenState, ended, reading, started, updated

CLOCK = ReadingContext.SAMPLE_CLOCK
OPEN = OpenState("tx-1", 1)


def clock_sample(number: int, transaction_id: str = "tx-1") -> TransactionUpdated:
    sample = Sample(CLOCK, reading(number))
    return replace(updated(number + 1, transaction_id), samples=(sample,), kept_as=number)


def registers(samples: Sequence[Sample]) -> list[Decimal | None]:
    return [sample.reading.energy_import_wh for sample in samples]


async def rows(rig: JournalRig) -> int:
    def count(connection: sqlite3.Connection) -> int:
        return int(connection.execute("SELECT count(*) FROM transaction_samples").fetchone()[0])

    return await rig.database.run(count)


@pytest.fixture
async def rig(tmp_path: Path) -> JournalRig:
    rig = JournalRig(tmp_path / "store.db", InlineExecutor[Operation])
    await rig.start()
    return rig


async def test_they_are_there_after_a_restart_with_the_sample_of_the_begin(rig: JournalRig) -> None:
    begin = Sample(ReadingContext.TRANSACTION_BEGIN, reading(0))
    rig.record([replace(started(), samples=(begin,))], OPEN)
    rig.record([replace(updated(1), samples=(Sample(ReadingContext.TRIGGER, reading(7)),))], OPEN)
    for number in range(3):
        rig.record([clock_sample(number)], OPEN)
    journal = await rig.restart()
    told = journal.kept_samples("tx-1").all()
    assert {(each.context, each.reading.energy_import_wh) for each in told} == {
        (ReadingContext.TRANSACTION_BEGIN, reading(0).energy_import_wh),
        *((CLOCK, reading(number).energy_import_wh) for number in range(3)),
    }
    await rig.stop()


async def test_days_of_them_stay_few_and_evenly_spread_over_a_restart(rig: JournalRig) -> None:
    rig.record([started()], OPEN)
    for number in range(700):
        rig.record([clock_sample(number)], OPEN)
    assert await rows(rig) <= MAX_KEPT + 1
    journal = await rig.restart()
    kept = journal.kept_samples("tx-1")
    assert kept.add(Sample(CLOCK, reading(700))) == 700
    assert registers(kept.all()) == registers([Sample(CLOCK, reading(number)) for number in range(0, 704, 4)])
    await rig.stop()


async def test_they_end_with_their_transaction_and_those_of_another_stay(rig: JournalRig) -> None:
    rig.record([started("tx-1"), clock_sample(0)], OPEN)
    rig.record([started("tx-2", 2), clock_sample(0, "tx-2")], OpenState("tx-2", 1), 2)
    rig.record([ended(9)])
    assert await rows(rig) == 1
    await rig.stop()


async def test_what_an_older_firmware_left_behind_is_swept(rig: JournalRig) -> None:
    rig.record([started(), clock_sample(0)], OPEN)

    def end_as_older_firmware(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE transactions SET ended = 1")

    await rig.database.run(end_as_older_firmware)
    await rig.restart()
    assert await rows(rig) == 0
    await rig.stop()


async def test_a_sample_that_cannot_be_read_costs_nothing_but_itself(
    rig: JournalRig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.record([started(), clock_sample(0)], OPEN)
    rig.record([clock_sample(1)], OPEN)

    def spoil(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE transaction_samples SET sample = '{}' WHERE number = 0")

    await rig.database.run(spoil)
    journal = await rig.restart()
    assert registers(journal.kept_samples("tx-1").all()) == [reading(1).energy_import_wh]
    assert "sample cannot be read" in caplog.text
    await rig.stop()
