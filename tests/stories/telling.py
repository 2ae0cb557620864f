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
) -> Callable[[Tale], Callable[[str, str, Path], None]]:
    """Play this story in every version and world; `smoke`: over real processes in `make test` as well."""

    def decorate(tale: Tale) -> Callable[[str, str, Path], None]:
        def test(version: str, world: str, tmp_path: Path) -> None:
            plan = Plan(version, evses, toml, link_toml, started, hours)
            if world == "virtual":
                run_virtual(_play(tale, plan, virtual_stage, tmp_path))
            else:
                asyncio.run(asyncio.wait_for(_play(tale, plan, real_stage, tmp_path), REAL_LIMIT_S))

        test.__name__ = test.__qualname__ = str(getattr(tale, "__name__", "story"))
        test.__module__ = tale.__module__
        test.__doc__ = tale.__doc__
        real = pytest.param("real") if smoke else pytest.param("real", marks=pytest.mark.slow)
        worlds = ["virtual"] if hours else ["virtual", real]
        return pytest.mark.parametrize("world", worlds)(pytest.mark.parametrize("version", versions)(test))

    return decorate


async def _play(tale: Tale, plan: Plan, make_stage: StageMaker, directory: Path) -> None:
    async with make_stage(plan, directory) as stage:
        told = Story(stage, plan)
        await told.open_books()
        if plan.started:
            await told.start_agent()
        await tale(told)
        await told.close_books()
