"""What a scenario may conclude from what the bench cannot see."""

import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from hil.bench_file import parse_bench_file
from hil.bench_roles import BenchRoles
from hil.rig import Rig, RigPlan
from hil.roles import CannotError, Json


class ContactorProbe:
    """One input, behind the contactor."""

    def sees(self, event: str) -> bool:
        return event == "contactor"

    async def state(self, evse: int = 1) -> Json:
        return {"evse": evse}


def rig(tmp_path: Path) -> Rig:
    made = Rig(RigPlan(parse_bench_file(Path("blind.toml"), ""), tmp_path))
    made._roles = BenchRoles(probe=ContactorProbe())
    return made


@pytest.mark.parametrize("look", [lambda rig: rig.never("duty", for_s=0.0), lambda rig: rig.seen("duty", within_s=0.0)])
async def test_what_the_probe_cannot_see_is_neither_seen_nor_never_there(
    tmp_path: Path, look: Callable[[Rig], Coroutine[Any, Any, object]]
) -> None:
    with pytest.raises(CannotError, match="cannot see 'duty'"):
        await look(rig(tmp_path))


def test_what_the_probe_cannot_see_is_not_counted_as_none(tmp_path: Path) -> None:
    made = rig(tmp_path)
    assert made.events("contactor") == []
    with pytest.raises(CannotError, match="cannot see 'duty'"):
        made.events("duty")


async def test_a_run_whose_processes_do_not_end_well_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hil.rig.END_LIMIT_S", 1.0)
    made = Rig(RigPlan(parse_bench_file(Path("ends.toml"), ""), tmp_path))

    async def end_with_a_deaf_bench() -> None:
        async with made.running():
            bench = next(each for each in made._processes._started if each.name == "bench")
            bench.signal(signal.SIGSTOP)

    with pytest.raises(AssertionError, match="the bench ended with exit code -9"):
        await end_with_a_deaf_bench()


async def test_what_the_probe_has_not_seen_never_was(tmp_path: Path) -> None:
    made = rig(tmp_path)
    await made.never("contactor", closed=True, for_s=0.0)
    made.watching.take({"event": "contactor", "closed": True, "t": 1.0})
    with pytest.raises(AssertionError, match="must not happen"):
        await made.never("contactor", closed=True, for_s=0.0)
