"""Keeps a cancellation that an `asyncio.TaskGroup` would lose."""

import asyncio


async def until_failure() -> None:
    """To be awaited last in the body of a TaskGroup that ends by the failure of a task alone.

    In Python 3.11 and 3.12 a group takes back the cancellation that it makes of a failure only if the failure finds it
    in its body; else `end_if_cancelled` would take that cancellation for one from outside.
    """
    await asyncio.get_running_loop().create_future()


def end_if_cancelled() -> None:
    """To be called after `except*` around a TaskGroup that awaits `until_failure`, by a loop that would go on.

    In Python 3.11 and 3.12 a group that was cancelled in the same moment in which a task of it failed raises the
    failure alone: whoever handles it would never learn that it was told to end.
    Raises: CancelledError.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
