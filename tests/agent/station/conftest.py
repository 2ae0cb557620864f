"""What the tests of the station share."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.store.database import Operation
from agent.store.executors import InlineExecutor, WriterThread
from tests.agent.station.journal_rig import JournalRig

logging.getLogger("transitions").setLevel(logging.ERROR)


@pytest.fixture(params=[WriterThread[Operation], InlineExecutor[Operation]], ids=["thread", "inline"])
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[JournalRig]:
    rig = JournalRig(tmp_path / "store.db", request.param)
    await rig.start()
    yield rig
    await rig.stop()
