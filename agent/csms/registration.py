"""Boot and heartbeat of one connection.

A station boots once: on a reconnect of the same process a Heartbeat shows that the back-end still knows it, and only if
that is refused it boots again (OCPP 1.6, 4.2; OCPP 2.0.1 part 2, B01 and B04).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime

from agent.clock import Clock
from agent.csms.adapter import (
    Adapter,
    BootStatus,
    CallTimeoutError,
    Outgoing,
    Payload,
    RpcError,
)
from agent.csms.back_off import BackOff
from agent.csms.call_queue import Urgency
from agent.csms.settings import LinkTiming

logger = logging.getLogger(__name__)

MAX_CLOCK_ROUND_TRIP_S = 10.0
"""The time in an answer that took longer says too little about now."""
MAX_BOOT_RETRY_S = 86_400.0
"""A back-end may ask for a longer rest than that, but a slip of its would take the station off line for years."""
_LOOK_AGAIN_S = 10.0
"""The heartbeat interval may change at any time; a change is noticed within this."""

BOOT_ACTION = "BootNotification"


class Registration:
    """Gets the station accepted, then keeps in touch."""

    def __init__(
        self,
        adapter: Adapter,
        call: Callable[[Outgoing, Urgency], Awaitable[Payload]],
        clock: Clock,
        timing: Callable[[], LinkTiming],
        on_status: Callable[[BootStatus], None],
    ) -> None:
        self._adapter = adapter
        self._call = call
        self._clock = clock
        self._timing = timing
        self._on_status = on_status
        self._accepted = asyncio.Event()
        self._probe = asyncio.Event()
        self._retry = BackOff()

    async def run(self, *, known: bool) -> None:
        """Register, then send heartbeats until cancelled. `known`: the back-end accepted us before."""
        if known and await self._still_known():
            self._accepted.set()
            self._on_status(BootStatus.ACCEPTED)
        while True:
            while not self._accepted.is_set():
                wait_s = await self._boot()
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._accepted.wait()
            await self._keep_in_touch()

    def probe(self) -> None:
        """Send a heartbeat soon: something was not answered."""
        self._probe.set()

    def take_boot_answer(self, payload: Payload, *, learn_utc: bool = False) -> float:
        """Act on an answer to BootNotification, whoever sent it; returns the seconds to wait before the next one."""
        answer = self._adapter.read_boot_answer(payload)
        if learn_utc:
            self._learn(answer.current_time)
        logger.info("boot status=%s interval_s=%d", answer.status.value, answer.interval_s)
        if answer.status is BootStatus.ACCEPTED:
            self._adapter.boot_accepted(answer)
            self._accepted.set()
        else:
            self._accepted.clear()
            self._probe.set()
        self._on_status(answer.status)
        if answer.interval_s > 0:
            return min(answer.interval_s, MAX_BOOT_RETRY_S)
        return self._retry.next_wait_s(self._timing().boot_retry)

    async def _still_known(self) -> bool:
        try:
            await self._heartbeat()
        except (RpcError, CallTimeoutError) as error:
            logger.info("booting again: %s", error)
            return False
        return True

    async def _boot(self) -> float:
        asked_at_s = asyncio.get_running_loop().time()
        try:
            payload = await self._call(self._adapter.boot_request(), Urgency.BOOT)
            return self.take_boot_answer(payload, learn_utc=_is_fresh(asked_at_s))
        except (RpcError, CallTimeoutError, ValueError) as error:
            logger.warning("boot failed: %s", error)
            return self._retry.next_wait_s(self._timing().boot_retry)

    async def _keep_in_touch(self) -> None:
        """Send heartbeats until a later boot answer takes the acceptance back."""
        loop = asyncio.get_running_loop()
        self._probe.clear()
        last_s = loop.time()
        while True:
            await self._heartbeat_due(last_s)
            if not self._accepted.is_set():
                return
            last_s = loop.time()
            try:
                await self._heartbeat()
            except (RpcError, CallTimeoutError) as error:
                logger.warning("heartbeat failed: %s", error)

    async def _heartbeat_due(self, last_s: float) -> None:
        loop = asyncio.get_running_loop()
        while not self._probe.is_set():
            interval_s = self._adapter.heartbeat_interval_s()
            left_s = last_s + interval_s - loop.time() if interval_s > 0 else _LOOK_AGAIN_S
            if left_s <= 0:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left_s, _LOOK_AGAIN_S)):
                    await self._probe.wait()
        self._probe.clear()

    async def _heartbeat(self) -> None:
        asked_at_s = asyncio.get_running_loop().time()
        payload = await self._call(self._adapter.heartbeat_request(), Urgency.HEARTBEAT)
        try:
            utc = self._adapter.read_heartbeat_answer(payload)
        except ValueError as error:
            logger.warning("heartbeat answer has no usable time: %s", error)
            return
        if _is_fresh(asked_at_s):
            self._learn(utc)

    def _learn(self, utc: datetime) -> None:
        if not self._timing().learn_utc:
            return
        step = self._clock.learn_utc(utc)
        if step:
            logger.info("clock set from the back-end step_s=%.1f", step.total_seconds())


def _is_fresh(asked_at_s: float) -> bool:
    return asyncio.get_running_loop().time() - asked_at_s <= MAX_CLOCK_ROUND_TRIP_S
