"""Answers what the back-end asks: check, handle, check, send, then the follow-up.

Handlers that return at once are answered in order; those that wait are answered when they are done. Whatever a handler
does, the back-end gets an answer and the link lives.
"""

import logging
from collections.abc import Awaitable
from typing import Protocol

from agent.csms import rpc
from agent.csms.adapter import Adapter, BootStatus, LinkLostError, Reply, RpcError, RpcErrorCode
from agent.csms.protocol_rules import ProtocolRules
from agent.csms.rpc import Call, FrameError
from agent.csms.schemas import Schemas
from agent.csms.work import Work

logger = logging.getLogger(__name__)

MAX_REFUSALS_LOGGED = 100
"""Per connection; further ones are logged for debugging only: a flood must not fill the log."""


class Sender(Protocol):
    """Where answers go."""

    async def send(self, text: str) -> None:
        """Send one frame. Raises: LinkLostError."""


class Answerer:
    """Serves the requests of one connection."""

    def __init__(self, adapter: Adapter, rules: ProtocolRules, schemas: Schemas, sender: Sender, work: Work) -> None:
        self._adapter = adapter
        self._handlers = adapter.handlers
        self._rules = rules
        self._schemas = schemas
        self._sender = sender
        self._work = work
        self._refused = 0

    async def answer(self, call: Call, boot_status: BootStatus | None) -> None:
        """Answer a request. Raises: LinkLostError."""
        try:
            reply = self._handle(call, boot_status)
        except RpcError as error:
            await self._refuse(call, error)
            return
        except Exception:
            logger.exception("handler failed action=%s", call.action)
            await self._refuse(call, RpcError(RpcErrorCode.INTERNAL_ERROR))
            return
        if isinstance(reply, Reply):
            await self._finish(call, reply)
        else:
            self._work.begin(f"answer to {call.action}", self._answer_later(call, reply))

    async def answer_garbage(self, error: FrameError) -> None:
        """Answer what is no frame, as far as the version allows. Raises: LinkLostError."""
        message_id = error.message_id or self._rules.unreadable_message_id
        if not error.answerable or message_id is None:
            return
        code = self._rules.message_type_error if error.unknown_type else self._rules.framing_error
        await self._sender.send(rpc.error_text(message_id, code, str(error)))

    def _handle(self, call: Call, boot_status: BootStatus | None) -> Reply | Awaitable[Reply]:
        if boot_status not in self._rules.answered_before_boot:
            raise RpcError(RpcErrorCode.SECURITY_ERROR, "not registered yet")
        handler = self._handlers.get(call.action)
        if handler is None:
            known = call.action in self._adapter.known_actions()
            code = RpcErrorCode.NOT_SUPPORTED if known else RpcErrorCode.NOT_IMPLEMENTED
            raise RpcError(code, "this station does not do that")
        self._schemas.check_request(call.action, call.payload)
        if self._work.is_full:
            raise RpcError(RpcErrorCode.GENERIC_ERROR, "too many requests under way, ask again later")
        return handler(call.payload)

    async def _answer_later(self, call: Call, reply: Awaitable[Reply]) -> None:
        try:
            result = await reply
        except RpcError as error:
            await self._refuse(call, error)
        except Exception:
            logger.exception("handler failed action=%s", call.action)
            await self._refuse(call, RpcError(RpcErrorCode.INTERNAL_ERROR))
        else:
            await self._finish(call, result)

    async def _finish(self, call: Call, reply: Reply) -> None:
        try:
            self._schemas.check_answer(call.action, reply.payload)
            text = rpc.result_text(call.message_id, reply.payload)
        except (RpcError, ValueError, TypeError) as error:
            logger.error("our own answer is not valid action=%s error=%s", call.action, error)  # noqa: TRY400 - no surprise in the stack
            await self._refuse(call, RpcError(RpcErrorCode.INTERNAL_ERROR))
            return
        try:
            await self._sender.send(text)
        except LinkLostError:
            if reply.follow_up is not None:
                logger.warning("answer not delivered, so nothing follows it action=%s", call.action)
            raise
        if reply.follow_up is not None:
            self._work.begin(f"follow-up of {call.action}", _run(reply))

    async def _refuse(self, call: Call, error: RpcError) -> None:
        self._refused += 1
        level = logging.INFO if self._refused <= MAX_REFUSALS_LOGGED else logging.DEBUG
        logger.log(level, "refused action=%s error=%s", call.action, error)
        code = self._adapter.error_code(error.code)
        await self._sender.send(rpc.error_text(call.message_id, code, error.description))


async def _run(reply: Reply) -> None:
    if reply.follow_up is not None:
        await reply.follow_up()
