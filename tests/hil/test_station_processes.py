"""Real processes: bench and back-end; the agent is not needed here."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hil.background import work_beside
from hil.errors import StationError
from hil.station_processes import Add, ProcessPlan, StationProcesses

END_LIMIT_S = 5.0


@asynccontextmanager
async def processes(tmp_path: Path) -> AsyncIterator[tuple[StationProcesses, Add, list[dict[str, Any]]]]:
    events: list[dict[str, Any]] = []
    plan = ProcessPlan(tmp_path, "2.0.1", drop_ins=(("own.toml", "[station]\n"),))
    started = StationProcesses(plan, events.append, lambda _frame: None)
    async with work_beside() as add:
        try:
            await started.open(add)
            yield started, add, events
        finally:
            assert await started.end(END_LIMIT_S) == []


async def saved(file: Path, text: str) -> None:
    """Wait until the bench has written it down; nothing tells when."""
    async with asyncio.timeout(END_LIMIT_S):
        while text not in file.read_text():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_bench_started_again_continues_and_is_listened_to(tmp_path: Path) -> None:
    async with processes(tmp_path) as (started, add, events):
        await started.bench.ask("meter", evse=1, energy_wh=4711)
        await saved(tmp_path / "bench/bench_state.json", "4711")
        await started.restart_bench(add)
        assert (await started.bench.ask("state", evse=1))["meter"]["energy_wh"].startswith("4711")
        events.clear()
        await started.bench.ask("plug_in", evse=1)
        assert events[0] | {"t": 0} == {"event": "stimulus", "op": "plug_in", "evse": 1, "t": 0}
        assert (tmp_path / "bench/conf.d/own.toml").exists()


async def test_a_stimulus_keeps_the_token_to_itself(tmp_path: Path) -> None:
    async with processes(tmp_path) as (started, _, events):
        await started.bench.ask("swipe", token="04A1B2C3")
        assert [event["op"] for event in events if event["event"] == "stimulus"] == ["swipe"]
        assert "04A1B2C3" not in str(events)


async def test_a_bench_that_ends_unasked_ends_the_work_beside_it(tmp_path: Path) -> None:
    async def lose_the_bench() -> None:
        async with processes(tmp_path) as (started, _, _events):
            await started.bench.ask("shutdown")
            await asyncio.Event().wait()

    with pytest.raises(StationError, match="the bench ended unexpectedly with exit code 0"):
        await lose_the_bench()
