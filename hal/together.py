"""Tasks that live and die together, for loops that go on after a failure.

An `asyncio.TaskGroup` of Python 3.11 and 3.12 that is cancelled in the moment in which a task of it fails tells the
failure alone: a loop that handles it would never learn that it was told to end.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def together(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run all until one fails or all have ended; then end the rest. A cancellation counts more than any failure.

    Raises: the first failure, in the order given.
    """
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        failed = [task for task in tasks if task.done() and not task.cancelled() and task.exception() is not None]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in failed:
        task.result()
