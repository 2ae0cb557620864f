"""Clients of a small server, so that closing it ends their tasks in order instead of cancelling them (runner)."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

HANG_UP_S = 1.0
"""How long a client's task may take to notice."""

Clients = dict[asyncio.Task[object], asyncio.StreamWriter]


@contextmanager
def known_client(clients: Clients, writer: asyncio.StreamWriter) -> Iterator[None]:
    """Keep the current task and its writer among the clients."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine always runs in a task
    clients[task] = writer
    try:
        yield
    finally:
        del clients[task]


async def hang_up(clients: Clients) -> None:
    """Close every client's line and wait for its task."""
    tasks = tuple(clients)
    for writer in tuple(clients.values()):
        writer.close()
    if tasks:
        await asyncio.wait(tasks, timeout=HANG_UP_S)
