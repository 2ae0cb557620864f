"""The link's own tasks: handlers that wait, and what follows an answer. They outlive the connection, not the link."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from agent.csms.adapter import CallTimeoutError, LinkLostError, RpcError

logger = logging.getLogger(__name__)

MAX_TASKS = 64


class Work:
    """A bounded number of tasks; none of them can take the link down."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._running = 0

    @property
    def is_full(self) -> bool:
        """True while no more should be begun."""
        return self._running >= MAX_TASKS

    def begin(self, name: str, task: Coroutine[Any, Any, None]) -> None:
        """Run a task to its end; a failure is logged and ends there."""
        self._running += 1
        self._group.create_task(self._guard(name, task), name=name)

    async def _guard(self, name: str, task: Coroutine[Any, Any, None]) -> None:
        try:
            await task
        except (RpcError, CallTimeoutError, LinkLostError) as error:
            logger.warning("gave up %s: %s", name, error)
        except Exception:
            logger.exception("failed %s", name)
        finally:
            self._running -= 1
