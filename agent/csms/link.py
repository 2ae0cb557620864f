"""The link to the back-end: dials, negotiates the version, registers, serves, and dials again whatever happens.

Rules kept here:
* Whatever ends a connection leads to the next one, after a back-off with jitter that only a stable connection resets.
* BootNotification waits until the station is ready for it; the connection is made meanwhile.
* Before the back-end has accepted the station nothing is sent but BootNotification; while it is Pending, also what the
  back-end itself asked for (OCPP 1.6, 4.2; OCPP 2.0.1 part 2, B02.FR.02).
* A socket that is open but answers nothing is a dead one.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from agent.clock import Clock
from agent.csms import rpc
from agent.csms.adapter import Adapter, BootStatus, CallTimeoutError, LinkLostError, Outgoing, Payload
from agent.csms.answering import Answerer
from agent.csms.back_off import BackOff
from agent.csms.call_queue import Urgency
from agent.csms.calls import Calls
from agent.csms.connection import CLOSE_TIMEOUT_S, Connection, DialError, Dialler
from agent.csms.dial_incidents import dial_incidents
from agent.csms.frame_log import FrameSink
from agent.csms.protocol_rules import RULES, subprotocol_of
from agent.csms.registration import BOOT_ACTION, Registration
from agent.csms.rpc import Call, FrameError
from agent.csms.schemas import Schemas
from agent.csms.settings import LinkTiming
from agent.csms.work import Work
from agent.domain.security_event import SecurityEventType
from hal.together import together

if TYPE_CHECKING:
    from agent.csms.wire import Wire

logger = logging.getLogger(__name__)

AdapterFactories = Mapping[str, Callable[[], Adapter]]
"""OCPP version (`1.6`) to what builds its adapter, in order of preference."""

_FRAMES_PER_TURN = 16
"""After so many frames in a row, the rest of the station gets its turn."""
_NORMAL_CLOSE, _PROTOCOL_ERROR = 1000, 1002


class CsmsLink:
    """Keeps one back-end connected; `run` returns only on cancellation."""

    def __init__(
        self,
        adapters: AdapterFactories,
        dial: Dialler,
        clock: Clock,
        timing: Callable[[], LinkTiming],
        frames: FrameSink,
        ready: Callable[[], Awaitable[object]],
    ) -> None:
        """`ready`: returns once BootNotification may be sent."""
        self._versions = _Versions(adapters)
        self._hurry, self._taken = asyncio.Event(), False
        self._dial = dial
        self._clock = clock
        self._timing = timing
        self._frames = frames
        self._ready = ready
        self._calls = Calls()
        self._calls.hear_late_answers(self._take_late_answer)
        self._registration: Registration | None = None
        self._boot_status: BootStatus | None = None
        self._accepted_by: Adapter | None = None
        self._dead: asyncio.Future[None] | None = None
        self._last_reason = ""
        self.online, self.offline = asyncio.Event(), asyncio.Event()
        """One is set: whether connected and accepted."""
        self.offline.set()
        self.adapter: Adapter | None = None
        """Of the last version negotiated."""
        self.explanation = "not connected yet"
        """One sentence on the present state, for pages and probes."""
        self.on_offline: Callable[[], None] = lambda: None
        self.on_registered: Callable[[], None] = lambda: None
        """The back-end has answered who it is to over the present connection."""
        self.on_failed: Callable[[str], None] = lambda _reason: None
        """A dial, or a connection over which that never happened, has ended; tells why."""
        self.back_end_name: Callable[[], str] = lambda: ""
        """Which of several back-ends the dialler has reached: each gets adapters of its own."""
        self.on_incident: Callable[[SecurityEventType, str], None] = lambda _type, _info: None
        """Told what a connection, or the failure of one, says about security."""

    def redial(self, reason: str) -> None:
        """End the present connection, if there is one, and dial at once."""
        logger.info("connecting anew reason=%s", reason)
        self._hurry.set()
        self._give_up(reason)

    @property
    def calls(self) -> Calls:
        """Our CALLs, for whoever wants late answers."""
        return self._calls

    async def call(
        self, outgoing: Outgoing, urgency: Urgency, on_attempt: Callable[[str], None] | None = None
    ) -> Payload:
        """Send one CALL and return its checked answer. Raises: RpcError, CallTimeoutError, LinkLostError."""
        registration = self._registration
        if registration is None or not self._may_send(urgency):
            raise LinkLostError("not connected and accepted")
        try:
            payload = await self._calls.call(outgoing, urgency, self._timing().call_timeout_s, on_attempt)
        except CallTimeoutError:
            self._suspect()
            raise
        if outgoing.action == BOOT_ACTION and urgency is not Urgency.BOOT:
            registration.take_boot_answer(payload)
        return payload

    async def run(self) -> None:
        """Stay connected."""
        back_off = BackOff()
        async with asyncio.TaskGroup() as group:
            work = Work(group)
            while True:
                began_s = asyncio.get_running_loop().time()
                reason = await self._connect_once(work)
                if not self._taken:
                    self.on_failed(reason)
                if asyncio.get_running_loop().time() - began_s >= self._timing().stable_s:
                    back_off.reset()
                wait_s = back_off.next_wait_s(self._timing().reconnect)
                self._tell_why(reason, 0.0 if self._hurry.is_set() else wait_s)
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._hurry.wait()
                        back_off.reset()
                self._hurry.clear()

    async def _connect_once(self, work: Work) -> str:
        """One connection from beginning to end; returns why it ended."""
        self._taken = False
        try:
            connection = await self._dial(self._versions.subprotocols)
        except DialError as error:
            for type_, info in dial_incidents(error.__cause__):
                self.on_incident(type_, info)
            return str(error)
        code = _NORMAL_CLOSE
        try:
            adapter = self._versions.adapter(connection.subprotocol, self.back_end_name())
            if adapter is None:
                code = _PROTOCOL_ERROR
                return f"the back-end accepted none of {', '.join(self._versions.subprotocols)}"
            return await self._converse(connection, adapter, work)
        finally:
            with suppress(TimeoutError, OSError):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await connection.close(code)

    async def _converse(self, connection: Connection, adapter: Adapter, work: Work) -> str:
        from agent.csms.wire import Wire  # noqa: PLC0415 - needs the websocket client, which the dialler has loaded

        rules = RULES[adapter.subprotocol]
        wire = Wire(connection, self._versions.schemas(adapter.subprotocol), self._frames)
        answerer = Answerer(adapter, rules, wire.schemas, wire, work)
        self._begin(adapter, wire)
        reason = ""
        try:
            await together(self._receive(wire, answerer), self._register(adapter, wire.schemas), self._until_dead())
        except LinkLostError as lost:
            reason = str(lost)
        finally:
            self._end()
        return reason

    def _begin(self, adapter: Adapter, wire: "Wire") -> None:
        if adapter is not self.adapter:
            adapter.use()
        self.adapter = adapter
        self.explanation = f"connected with {adapter.subprotocol}, not accepted yet"
        logger.info("connected subprotocol=%s", adapter.subprotocol)
        self._dead = asyncio.get_running_loop().create_future()
        self._registration = Registration(adapter, self.call, self._clock, self._timing, self._take_status)
        self._calls.use_wire(wire)

    def _end(self) -> None:
        self._calls.use_wire(None)
        self._registration = None
        self._boot_status = None
        self._go_offline()

    def _go_offline(self) -> None:
        self.online.clear()
        self.offline.set()
        self.on_offline()

    async def _register(self, adapter: Adapter, schemas: Schemas) -> None:
        schemas.prepare(BOOT_ACTION)  # while the hardware answers
        await self._ready()
        if self._registration is not None:
            await self._registration.run(known=self._accepted_by is adapter)

    async def _until_dead(self) -> None:
        if self._dead is not None:
            await self._dead

    async def _receive(self, wire: "Wire", answerer: Answerer) -> None:
        loop = asyncio.get_running_loop()
        in_a_row = 0
        while True:
            text = await wire.recv()
            try:
                frame = await asyncio.to_thread(rpc.parse, text) if rpc.is_long(text) else rpc.parse(text)
            except FrameError as error:
                logger.debug("no frame: %s", error)
                self.on_incident(SecurityEventType.INVALID_MESSAGES, str(error))
                await answerer.answer_garbage(error)
            else:
                if isinstance(frame, Call):
                    await answerer.answer(frame, self._boot_status)
                else:
                    self._calls.take_answer(frame, loop.time())
            in_a_row += 1
            if in_a_row % _FRAMES_PER_TURN == 0:
                await asyncio.sleep(0)

    def _take_status(self, status: BootStatus) -> None:
        self._boot_status = status
        if not self._taken:
            self._taken = True
            self.on_registered()
        self.explanation = f"connected, boot {status.value}"
        if status is BootStatus.ACCEPTED:
            self._accepted_by = self.adapter
            self.offline.clear()
            self.online.set()
            return
        self._accepted_by = None
        if self.online.is_set():
            self._go_offline()

    def _take_late_answer(self, _message_id: str, action: str, payload: Payload) -> None:
        if action == BOOT_ACTION and self._registration is not None and self._boot_status is None:
            self._registration.take_boot_answer(payload)

    def _may_send(self, urgency: Urgency) -> bool:
        if urgency is Urgency.BOOT or self._boot_status is BootStatus.ACCEPTED:
            return True
        known = self._accepted_by is self.adapter and self._boot_status is None and urgency is Urgency.HEARTBEAT
        return known or (urgency is Urgency.FOLLOW_UP and self._boot_status is BootStatus.PENDING)

    def _suspect(self) -> None:
        """Something was not answered: ask once more, and give the connection up if nothing is answered at all."""
        since_s = self._calls.unanswered_since_s
        if since_s is None or self._dead is None or self._dead.done():
            return
        silent_s = asyncio.get_running_loop().time() - since_s
        if silent_s >= self._timing().liveness_s:
            self._give_up(f"the back-end has answered nothing for {silent_s:.0f} s")
        elif self._registration is not None:
            self._registration.probe()

    def _give_up(self, reason: str) -> None:
        if self._dead is not None and not self._dead.done():
            self._dead.set_exception(LinkLostError(reason))
            self._dead.exception()  # retrieved: the connection may be ending for another reason already

    def _tell_why(self, reason: str, wait_s: float) -> None:
        self.explanation = reason
        level = logging.INFO if reason == self._last_reason else logging.WARNING
        logger.log(level, "not connected: %s; next try in %.0f s", reason, wait_s)
        self._last_reason = reason


class _Versions:
    """The configured versions; adapter (one for each back-end) and schemas are built when first negotiated."""

    def __init__(self, factories: AdapterFactories) -> None:
        self._factories = {subprotocol_of(version): build for version, build in factories.items()}
        self._adapters: dict[tuple[str, str], Adapter] = {}
        self._schemas: dict[str, Schemas] = {}

    @property
    def subprotocols(self) -> Sequence[str]:
        return tuple(self._factories)

    def adapter(self, subprotocol: str | None, back_end_name: str) -> Adapter | None:
        if subprotocol is None or subprotocol not in self._factories:
            return None
        key = back_end_name, subprotocol
        if key not in self._adapters:
            self._adapters[key] = self._factories[subprotocol]()
        return self._adapters[key]

    def schemas(self, subprotocol: str) -> Schemas:
        if subprotocol not in self._schemas:
            self._schemas[subprotocol] = Schemas(RULES[subprotocol])
        return self._schemas[subprotocol]
