"""Keeps a cancellation that an `asyncio.TaskGroup` would lose."""

import asyncio


def end_if_cancelled() -> None:
    """To be called after `except*` around a TaskGroup, by a loop that would go on.

    In Python 3.11 and 3.12 a group that was cancelled in the same moment in which a task of it failed raises the
    failure alone: whoever handles it would never learn that it was told to end.
    Raises: CancelledError.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
