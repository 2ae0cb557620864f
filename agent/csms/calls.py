"""Our own CALLs: one at a time, each attempt under a new UUID, answers matched even when they come late.

An answer may arrive after its time-out, or on the next connection; for a grace period it is still matched and handed to
whoever wants late answers. Answers nobody asked for are logged and nothing else.
"""

import asyncio
import logging
import re
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from agent.csms import rpc
from agent.csms.adapter import CallTimeoutError, LinkLostError, Outgoing, Payload, RpcError, RpcErrorCode
from agent.csms.call_queue import CallQueue, Urgency
from agent.csms.rpc import CallError, CallResult
from agent.csms.schemas import Schemas

logger = logging.getLogger(__name__)

LATE_ANSWER_GRACE_S = 300.0
MAX_REMEMBERED_CALLS = 64
MAX_STRANGERS_LOGGED = 20
"""Answers to nothing beyond these are logged for debugging only: a flood must not fill the log."""
TRY_AGAIN_WAIT_S = 1.0
MAX_TRY_AGAIN_WAIT_S = 10.0
MAX_TRY_AGAINS = 6
_TRY_AGAIN = re.compile(r"(call|request|message)\b.*\b(already|in progress|pending|busy)", re.IGNORECASE)
"""Back-ends with one lock for both directions answer so when a CALL crosses theirs (facts: ocpp_libraries)."""

LateAnswer = Callable[[str, str, Payload], None]
"""Takes message id, action and checked payload."""


class Wire(Protocol):
    """What carries our CALLs just now."""

    @property
    def schemas(self) -> Schemas:
        """Schemas of the negotiated version."""

    async def send(self, text: str) -> None:
        """Send one frame. Raises: LinkLostError."""


@dataclass(slots=True)
class _Pending:
    action: str
    schemas: Schemas
    sent_at_s: float
    answer: asyncio.Future[Payload]


@dataclass(slots=True)
class _Written:
    """A payload, checked and written."""

    outgoing: Outgoing
    schemas: Schemas
    text: str


class Calls:
    """Sends CALLs over whatever wire is up, and keeps those that still may be answered."""

    def __init__(self) -> None:
        self._queue = CallQueue()
        self._wire: Wire | None = None
        self._pending: dict[str, _Pending] = {}
        self._late: list[LateAnswer] = []
        self._strangers = 0
        self._written: _Written | None = None
        self.unanswered_since_s: float | None = None
        """Loop time of the first CALL sent after the last answer; None if nothing is owed."""

    def hear_late_answers(self, listener: LateAnswer) -> None:
        """Hand answers that nobody waits for any more to `listener`."""
        self._late.append(listener)

    def use_wire(self, wire: Wire | None) -> None:
        """Take over a new connection, or note its loss: whoever waits for an answer learns of it at once."""
        self._wire = wire
        self.unanswered_since_s = None
        if wire is None:
            for pending in self._pending.values():
                if not pending.answer.done():
                    pending.answer.set_exception(LinkLostError("link lost"))
                    pending.answer.exception()  # retrieved: nobody may be waiting any more

    def prepare(self, outgoing: Outgoing) -> None:
        """Check and write what is probably sent next, so that it leaves at once when its turn comes."""
        if self._wire is not None:
            with suppress(RpcError, ValueError, TypeError):  # told when it is sent
                self._write(self._wire, outgoing)

    async def call(
        self,
        outgoing: Outgoing,
        urgency: Urgency,
        timeout_s: float,
        on_attempt: Callable[[str], None] | None = None,
    ) -> Payload:
        """Send and return the checked answer; `on_attempt` learns each message id before it is sent.

        Raises: RpcError, CallTimeoutError, LinkLostError.
        """
        wire = self._wire
        async with self._queue.turn(urgency):
            wait_s = TRY_AGAIN_WAIT_S
            for _ in range(MAX_TRY_AGAINS):
                try:
                    return await self._attempt(wire, outgoing, timeout_s, on_attempt)
                except RpcError as error:
                    if not _TRY_AGAIN.search(error.description):
                        raise
                    logger.info("back-end is busy, trying again action=%s wait_s=%.0f", outgoing.action, wait_s)
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, MAX_TRY_AGAIN_WAIT_S)
            return await self._attempt(wire, outgoing, timeout_s, on_attempt)

    def take_answer(self, frame: CallResult | CallError, now_s: float) -> None:
        """Match an answer; one that nobody asked for is logged."""
        self.unanswered_since_s = None
        pending = self._pending.pop(frame.message_id, None)
        if pending is None or now_s - pending.sent_at_s > LATE_ANSWER_GRACE_S:
            self._strangers += 1
            level = logging.WARNING if self._strangers <= MAX_STRANGERS_LOGGED else logging.DEBUG
            logger.log(level, "answer to no call of ours message_id=%s", frame.message_id)
            return
        try:
            payload = _read(pending, frame)
        except RpcError as error:
            self._refused(frame.message_id, pending, error)
            return
        if not pending.answer.done():
            pending.answer.set_result(payload)
            return
        logger.info("late answer action=%s after_s=%.1f", pending.action, now_s - pending.sent_at_s)
        for listener in self._late:
            listener(frame.message_id, pending.action, payload)

    async def _attempt(
        self,
        wire: Wire | None,
        outgoing: Outgoing,
        timeout_s: float,
        on_attempt: Callable[[str], None] | None,
    ) -> Payload:
        if wire is None or wire is not self._wire:
            raise LinkLostError("not connected")
        text = self._write(wire, outgoing)
        message_id = str(uuid.uuid4())
        if on_attempt is not None:
            on_attempt(message_id)
        pending = self._remember(message_id, outgoing.action, wire.schemas)
        try:
            async with asyncio.timeout(timeout_s):
                await wire.send(rpc.call_text_of(message_id, outgoing.action, text))
                return await pending.answer
        except TimeoutError as error:
            raise CallTimeoutError(f"{outgoing.action} not answered within {timeout_s:g} s") from error

    def _write(self, wire: Wire, outgoing: Outgoing) -> str:
        """Check and write a payload unless that was done before. Raises: RpcError."""
        written = self._written
        if written is None or written.schemas is not wire.schemas or written.outgoing is not outgoing:
            wire.schemas.check_request(outgoing.action, outgoing.payload)
            written = _Written(outgoing, wire.schemas, rpc.payload_text(outgoing.payload))
            self._written = written
        return written.text

    def _remember(self, message_id: str, action: str, schemas: Schemas) -> _Pending:
        loop = asyncio.get_running_loop()
        pending = _Pending(action, schemas, loop.time(), loop.create_future())
        if len(self._pending) >= MAX_REMEMBERED_CALLS:
            del self._pending[next(iter(self._pending))]
        self._pending[message_id] = pending
        if self.unanswered_since_s is None:
            self.unanswered_since_s = pending.sent_at_s
        return pending

    def _refused(self, message_id: str, pending: _Pending, error: RpcError) -> None:
        if pending.answer.done():
            logger.warning("late refusal action=%s message_id=%s error=%s", pending.action, message_id, error)
        else:
            pending.answer.set_exception(error)


def _read(pending: _Pending, frame: CallResult | CallError) -> Payload:
    if isinstance(frame, CallError):
        code = rpc.error_code_named(frame.code)
        known = code is not RpcErrorCode.GENERIC_ERROR
        raise RpcError(code, frame.description if known else f"{frame.code}: {frame.description}")
    try:
        pending.schemas.check_received_answer(pending.action, frame.payload)
    except RpcError as error:
        raise RpcError(error.code, f"answer does not fit its schema: {error.description}") from error
    return frame.payload
