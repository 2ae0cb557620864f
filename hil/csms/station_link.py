"""Runner: one connection of one station: takes its requests, carries out the script, sends requests to it."""

import asyncio
import json
import uuid
from collections.abc import Coroutine, Mapping
from typing import Any, Protocol

from websockets.exceptions import ConnectionClosed

from hil.csms import wire
from hil.csms.answers import Json
from hil.csms.behaviour import Answer, Behaviour, Drop
from hil.csms.wire import WireError
from hil.csms.zoo.quirk import Quirk

SHOWN_CHARS = 200


class Connection(Protocol):
    """What is needed of a websocket; raises `websockets.exceptions.ConnectionClosed` once closed."""

    async def recv(self) -> str | bytes:
        """Wait for one frame."""

    async def send(self, message: str | bytes) -> None:
        """Send one frame, text or binary."""

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close with a close frame."""


class BackOffice(Protocol):
    """What a link asks of the CSMS behind it."""

    validation: bool
    quirk: Quirk | None

    def note(
        self, link: "StationLink", direction: str, kind: str, action: str, message_id: str, payload: object
    ) -> None:
        """Log one frame."""

    def take(self, link: "StationLink", message: wire.Message) -> int | None:
        """Enter one valid request in the books; gives the id of a 1.6 start."""

    def plan(self, link: "StationLink", message: wire.Message) -> Behaviour:
        """Say how this request is met."""

    def answer(self, link: "StationLink", message: wire.Message, plan: Behaviour, transaction_id: int | None) -> Json:
        """Give the payload. Raises: WireError for a CALLERROR."""


class CsmsError(Exception):
    """A request to a station that brought no answer payload."""


class NotConnectedError(CsmsError):
    """The station is not, or no longer, connected."""


class StationSilentError(CsmsError):
    """The station did not answer in time."""


class StationRefusedError(CsmsError):
    """The station answered with a CALLERROR, or with something that the schema forbids."""

    def __init__(self, code: str, description: str, details: object = None) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description
        self.details = details


class StationLink:
    """One open connection."""

    def __init__(
        self, identity: str, version: str, connection: Connection, office: BackOffice, number: int = 1
    ) -> None:
        """`number`: which connection of its station it is."""
        self.identity = identity
        self.version = version
        self.number = number
        self.memory: dict[str, Any] = {}
        """What a quirk remembers."""
        self.connection: Any = connection  # the websocket itself, for quirks below the messages
        self._connection = connection
        self._office = office
        self._pending: dict[str, tuple[str, asyncio.Future[wire.Message]]] = {}
        self._held: list[tuple[str, str, str, object]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._beside: asyncio.Task[None] | None = None

    async def run(self) -> ConnectionClosed:
        """Serve until the connection closes; gives the reason."""
        self.misbehave()
        try:
            while True:
                await self._take(await self._connection.recv())
        except ConnectionClosed as closed:
            return closed
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._fail_pending()

    async def call(self, action: str, payload: Mapping[str, Any], timeout_s: float, *, raw: bool = False) -> Json:
        """Send a request and give the answer; `raw` skips both schema checks. Raises: CsmsError, WireError."""
        check = self._office.validation and not raw
        if check:
            await wire.check_call(action, payload, self.version)
        message_id = str(uuid.uuid4())
        future: asyncio.Future[wire.Message] = asyncio.get_running_loop().create_future()
        self._pending[message_id] = (action, future)
        try:
            self._office.note(self, "out", "call", action, message_id, payload)
            async with asyncio.timeout(timeout_s):
                await self._connection.send(wire.encode_call(message_id, action, payload))
                answer = await future
        except TimeoutError as error:
            raise StationSilentError(f"{self.identity} did not answer {action} within {timeout_s:g} s") from error
        except ConnectionClosed as error:
            raise NotConnectedError(f"{self.identity} closed the connection") from error
        finally:
            self._pending.pop(message_id, None)
        return await self._result(action, answer, check=check)

    def misbehave(self) -> None:
        """Begin what the present quirk does beside the conversation, and end what the one before did."""
        if self._beside is not None:
            self._beside.cancel()
            self._beside = None
        quirk = self._office.quirk
        if quirk is not None and quirk.beside is not None:
            self._beside = self._spawn(quirk.beside(self))

    async def send(self, text: str | bytes) -> None:
        """Send one message of a quirk, text or binary; only its beginning is logged."""
        self._office.note(self, "out", "raw", "", "", repr(text[:SHOWN_CHARS]))
        await self._connection.send(text)

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something later; it ends with the connection."""
        self._spawn(work)

    async def send_text(self, text: str) -> None:
        """Send any text as a frame. Raises: NotConnectedError."""
        self._office.note(self, "out", "raw", "", "", text)
        try:
            await self._connection.send(text)
        except ConnectionClosed as error:
            raise NotConnectedError(f"{self.identity} closed the connection") from error

    async def drop(self, close_code: int | None = None) -> None:
        """Close with a code, or without one cut the line with no close frame."""
        if close_code is not None:
            await self._connection.close(close_code)
            return
        cut = getattr(self._connection, "abort", None) or getattr(self._connection, "transport").abort  # noqa: B009 - only on sockets
        cut()

    async def _result(self, action: str, answer: wire.Message, *, check: bool) -> Json:
        if answer.kind == wire.ERROR:
            raise StationRefusedError(answer.error_code, answer.error_description, answer.payload)
        if check:
            try:
                await wire.check_result(action, answer.payload, self.version)
            except WireError as error:
                raise StationRefusedError(error.code, f"invalid answer: {error.description}", answer.payload) from error
        return dict(answer.payload)

    async def _take(self, text: str | bytes) -> None:
        try:
            message = wire.decode(text if isinstance(text, str) else text.decode(errors="replace"))
        except WireError as error:
            self._office.note(self, "in", "invalid", "", "", f"{error}: {text[:200]!r}")
            return
        if message.kind == wire.CALL:
            await self._take_call(message)
        else:
            self._take_answer(message)

    def _take_answer(self, message: wire.Message) -> None:
        action, future = self._pending.get(message.message_id, ("", None))
        kind = "result" if message.kind == wire.RESULT else "error"
        payload = message.payload
        if kind == "error":
            payload = {"code": message.error_code, "description": message.error_description, "details": payload}
        self._office.note(self, "in", kind, action, message.message_id, payload)
        if future is not None and not future.done():
            future.set_result(message)

    async def _take_call(self, message: wire.Message) -> None:
        office = self._office
        if office.validation or not isinstance(message.payload, dict):
            try:
                await wire.check_call(message.action, message.payload, self.version)
            except WireError as error:
                office.note(self, "in", "call", message.action, message.message_id, message.payload)
                await self._send_error(message, error)
                return
        transaction_id = office.take(self, message)
        office.note(self, "in", "call", message.action, message.message_id, message.payload)
        plan = office.plan(self, message)
        if plan.delay_s:
            self._spawn(self._answer(message, plan, transaction_id))
        else:
            await self._answer(message, plan, transaction_id)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(_until_closed(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _answer(self, message: wire.Message, plan: Behaviour, transaction_id: int | None) -> None:
        if plan.delay_s:
            await asyncio.sleep(plan.delay_s)
        if plan.drop is Drop.BEFORE:
            await self.drop(plan.close_code)
            return
        if plan.answer is not Answer.SILENT:
            await self._say(message, plan, transaction_id)
        if plan.drop is Drop.AFTER:
            await self.drop(plan.close_code)

    async def _say(self, message: wire.Message, plan: Behaviour, transaction_id: int | None) -> None:
        message_id = str(uuid.uuid4()) if plan.wrong_id else message.message_id
        try:
            payload = self._office.answer(self, message, plan, transaction_id)
            if self._office.validation and not plan.raw:
                await self._check_own(message.action, payload)
        except WireError as error:
            text, kind = wire.encode_error(message_id, error.code, error.description, self.version), "error"
            shown: object = {"code": error.code, "description": error.description}
        else:
            text, kind, shown = wire.encode_result(message_id, payload), "result", payload
        quirk = self._office.quirk
        if quirk is not None and quirk.answer is not None:
            await quirk.answer(self, message, json.loads(text))
            return
        if plan.hold:
            self._held.append((kind, message.action, text, shown))
            return
        for _ in range(plan.copies):
            self._office.note(self, "out", kind, message.action, message_id, shown)
            await self._connection.send(text)
        await self._release_held()

    async def _check_own(self, action: str, payload: Json) -> None:
        try:
            await wire.check_result(action, payload, self.version)
        except WireError as error:
            raise WireError("InternalError", f"the scripted answer is not valid: {error.description}") from error

    async def _release_held(self) -> None:
        while self._held:
            kind, action, text, shown = self._held.pop(0)
            self._office.note(self, "out", kind, action, wire.decode(text).message_id, shown)
            await self._connection.send(text)

    async def _send_error(self, message: wire.Message, error: WireError) -> None:
        shown = {"code": error.code, "description": error.description}
        self._office.note(self, "out", "error", message.action, message.message_id, shown)
        text = wire.encode_error(message.message_id, error.code, error.description, self.version)
        await self._connection.send(text)

    def _fail_pending(self) -> None:
        for _, future in self._pending.values():
            if not future.done():
                future.set_exception(NotConnectedError(f"{self.identity} closed the connection"))


async def _until_closed(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except ConnectionClosed:
        return
