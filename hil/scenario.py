"""Marks a test as a scenario of the bench: an async function that takes `rig` (value and rule)."""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec

from hil.bench_file import BOARDS
from hil.rig import Rig

Values = ParamSpec("Values")
Written = Callable[Concatenate[Rig, Values], Awaitable[None]]
Played = Callable[Concatenate[Rig, Values], None]
MARK = "pilotline_scenario"


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is known of a scenario before it runs."""

    id: str
    title: str
    boards: tuple[str, ...]
    """Boards that it applies to; a quick run takes the first of them that has a bench."""
    limit: str
    """What is demanded, in words."""
    evses: int = 1
    toml: str = ""
    """Further configuration of the agent."""
    options: tuple[str, ...] = ()
    """Further options of `pilotline-bench serve`."""
    versions: tuple[str, ...] = ("1.6", "2.0.1")
    """OCPP versions that it applies to."""


def scenario(
    id_: str,
    *,
    title: str,
    boards: tuple[str, ...] = BOARDS,
    limit: str = "-",
    **more: Any,
) -> Callable[[Written[Values]], Played[Values]]:
    """Mark an async function; `more`: other fields of `Scenario`. Raises: ValueError for an unknown board."""
    about = Scenario(id_, title, boards, limit, **more)
    if not boards or set(boards) - set(BOARDS):
        raise ValueError(f"scenario {id_}: boards must be some of {', '.join(BOARDS)}, not {boards!r}")

    def mark(function: Written[Values]) -> Played[Values]:
        def played(rig: Rig, *args: Values.args, **kwargs: Values.kwargs) -> None:
            async def play() -> None:
                async with rig.running():
                    await function(rig, *args, **kwargs)

            asyncio.run(play())

        functools.update_wrapper(played, function)  # pytest reads the parameters of what is wrapped
        setattr(played, MARK, about)
        return played  # type: ignore[return-value]  # pytest gives `rig` by its name

    return mark


def scenario_of(function: object) -> Scenario | None:
    """Return what `scenario` noted; None for any other test."""
    return getattr(function, MARK, None)
