"""Ends what runs before a reset, and tries again where that did not succeed.

A reset has succeeded in order when every EVSE has stopped and the journal holds the ends of their transactions. An EVSE
whose loop hangs, or a disk that refuses, is no reason never to restart: that may be what the reset was for. After the
last retry the restart comes all the same; what could not be told as an end now is reconciled at the next start.
Source: OCPP 1.6 section 9.1 (ResetRetries), OCPP 2.0.1 part 2, OCPPCommCtrlr.ResetRetries.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from agent.domain.events import StopRequested
from agent.station.evse import Evse
from agent.store.errors import StoreError

logger = logging.getLogger(__name__)

STOP_TIMEOUT_S: Final = 12.0
"""All EVSEs have stopped by then: 6 s for the EV, 2 s for the contactor, 1.5 s for the meter, and some air."""
RETRY_S: Final = 5.0
"""Between two tries: a disk that was full, or an adapter that hung, may have recovered."""


async def bring_to_rest(evses: Iterable[Evse], request: StopRequested) -> bool:
    """Stop every EVSE and let it start nothing more; False if not all have stopped when the time is over."""
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S), asyncio.TaskGroup() as group:
            for evse in evses:  # at the same time: one that hangs must not keep the others running
                group.create_task(evse.bring_to_rest(request), name=f"stop {evse.evse_id}")
    except TimeoutError:
        logger.exception("not every EVSE has stopped in time")
        return False
    return True


async def stop_in_order(
    stop_all: Callable[[], Awaitable[bool]], flush: Callable[[], Awaitable[None]], retries: int
) -> bool:
    """Stop and store, at most `retries` times more if that fails; returns whether it succeeded in the end."""
    for left in range(retries, -1, -1):
        reason = await _failure(stop_all, flush)
        if reason is None:
            return True
        logger.warning("reset not in order reason=%s retries_left=%d", reason, left)
        if left:
            await asyncio.sleep(RETRY_S)
    return False


async def _failure(stop_all: Callable[[], Awaitable[bool]], flush: Callable[[], Awaitable[None]]) -> str | None:
    if not await stop_all():
        return "not every EVSE has stopped in time"
    try:
        await flush()
    except StoreError as error:
        return str(error)
    return None
