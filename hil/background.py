"""Work beside a scenario: what fails there ends the scenario, and it ends with it (runner)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

Add = Callable[[Coroutine[Any, Any, None]], object]


@asynccontextmanager
async def work_beside() -> AsyncIterator[Add]:
    """Give what takes work to be done beside the body; raises what came first, as it was raised."""
    tasks: list[asyncio.Task[None]] = []

    try:
        async with asyncio.TaskGroup() as group:

            def add(work: Coroutine[Any, Any, None]) -> None:
                tasks.append(group.create_task(work))

            yield add
            for task in tasks:
                task.cancel()
    except BaseExceptionGroup as errors:
        raise _first(errors) from None


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
