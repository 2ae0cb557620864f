"""`@story` makes pytest functions of a story: each OCPP version in virtual time, and slowly over real processes."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from hil.virtual_time import run_virtual
from tests.stories.real_stage import real_stage
from tests.stories.stage import QUICK_LINK, Plan, StageMaker
from tests.stories.story_bench import Story
from tests.stories.virtual_stage import virtual_stage

VERSIONS = ("2.0.1", "1.6")
REAL_LIMIT_S = 180.0

Test = Callable[..., None]
Tale = Callable[[Story], Awaitable[None]]


def story(
    *,
    evses: int = 1,
    toml: str = "",
    link_toml: str = QUICK_LINK,
    versions: tuple[str, ...] = VERSIONS,
    started: bool = True,
    smoke: bool = False,
    hours: bool = False,
    cases: tuple[str, ...] = ("",),
    boards: tuple[str, ...] = ("rapi",),
) -> Callable[[Tale], Test]:
    """Play this story in every version, world, case and on every board.

    `smoke`: over real processes in `make test` as well. `{case}` in `toml` is replaced by the case, `{directory}` by
    the story's own.
    """

    def decorate(tale: Tale) -> Test:
        def test(version: str, case: str, world: str, board: str, tmp_path: Path) -> None:
            written = toml.replace("{case}", case).replace("{directory}", str(tmp_path))
            plan = Plan(version, evses, written, link_toml, started, board, hours)
            if world == "virtual":
                run_virtual(_play(tale, case, plan, virtual_stage, tmp_path))
            else:
                asyncio.run(asyncio.wait_for(_play(tale, case, plan, real_stage, tmp_path), REAL_LIMIT_S))

        test.__name__ = test.__qualname__ = str(getattr(tale, "__name__", "story"))
        test.__module__ = tale.__module__
        test.__doc__ = tale.__doc__
        real = pytest.param("real") if smoke else pytest.param("real", marks=pytest.mark.slow)
        worlds = ["virtual"] if hours else ["virtual", real]
        for name, values in (("board", boards), ("world", worlds), ("case", cases), ("version", versions)):
            test = pytest.mark.parametrize(name, values)(test)
        return test

    return decorate


async def _play(tale: Tale, case: str, plan: Plan, make_stage: StageMaker, directory: Path) -> None:
    async with make_stage(plan, directory) as stage:
        told = Story(stage, plan)
        told.case = case
        told.directory = directory
        await told.open_books()
        if plan.started:
            await told.start_agent()
        await tale(told)
        await told.close_books()
