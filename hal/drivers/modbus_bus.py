"""A Modbus line with several units on it (runner): strictly one request at a time, in the order in which they came.

Rules kept here:
* Input is flushed before each request; a reply must fit its request (`hal.codecs.modbus_frame`).
* RTU replies carry no number, so a unit that missed its time is left alone as long again before it is asked anything;
  other units are served meanwhile.
* An urgent write goes out before all that waits, also to a unit that missed its time: its reply names what was written
  and is taken for no other. What is under way is left its time, since two at once are heard by nobody.
* A unit that needs a rest between writes gets it (`set_write_gap`).
* A lost port is reopened with back-off; while it is down, requests fail at once.
Source: facts lessons 53-55; Modbus serial line V1.02, 2.5.1.1.
"""

import asyncio
import contextlib
import logging
from collections import defaultdict, deque
from dataclasses import dataclass, replace

from hal.api import BadFrameError, BusTimeoutError, DeviceRefusedError, LinkErrors, PortError
from hal.codecs.modbus_frame import (
    Exchange,
    Framing,
    OutOfStepError,
    ReadRequest,
    Refused,
    Reply,
    Request,
    WriteRequest,
)
from hal.transports.port import Port

logger = logging.getLogger(__name__)

OPEN_TIMEOUT_S = 10.0
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
TURN_TIMEOUTS = 10
"""A request that waited this many reply timeouts for its end is given up."""
SILENT_REQUESTS_UNTIL_REOPEN = 3
"""TCP: a peer that lost power leaves a connection behind that looks alive."""
SILENT_CHARACTERS = 3.5
BITS_PER_CHARACTER = 11
SHORTEST_SILENCE_S = 0.00175
LAST_TRANSACTION_ID = 0xFFFF

EXCEPTION_NAMES = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "server device failure",
    5: "acknowledge",
    6: "server device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target device failed to respond",
}
"""Modbus application protocol V1.1b3, section 7."""
ILLEGAL_DATA_ADDRESS = 2


class ModbusRefusedError(DeviceRefusedError):
    """The device answered with an exception; `code` as EXCEPTION_NAMES lists them."""

    def __init__(self, unit: int, code: int) -> None:
        super().__init__(f"unit {unit} refused: {EXCEPTION_NAMES.get(code, f'exception {code}')}")
        self.code = code


@dataclass(slots=True)
class _Job:
    request: Request
    answer: "asyncio.Future[tuple[int, ...]]"
    attempts_left: int
    urgent: bool = False


class ModbusBus:
    """One line; `run` must be running for requests to be answered."""

    def __init__(
        self,
        port: Port,
        framing: Framing,
        *,
        timeout_s: float = 1.0,
        retries: int = 1,
        baudrate: int = 9600,
        name: str = "modbus",
    ) -> None:
        self._port = port
        self._framing: Framing = framing
        self._timeout_s = timeout_s
        self._attempts = 1 + retries
        self._silence_s = max(SILENT_CHARACTERS * BITS_PER_CHARACTER / baudrate, SHORTEST_SILENCE_S)
        self._name = name
        self._jobs: deque[_Job] = deque()
        self._wake = asyncio.Event()
        self._errors: defaultdict[int, LinkErrors] = defaultdict(LinkErrors)
        self._left_alone_until_s: dict[int, float] = {}
        self._write_gap_s: dict[int, float] = {}
        self._written_s: dict[int, float] = {}
        self._echoes = False
        self._last_byte_s = 0.0
        self._transaction_id = 0
        self._silent_requests = 0
        self._pause_s = 0.0
        self._answered = False
        self._down: str | None = None
        self._reported_down = False

    def errors(self, unit: int) -> LinkErrors:
        """Errors counted for this unit so far."""
        return self._errors[unit]

    def set_write_gap(self, unit: int, gap_s: float) -> None:
        """Let this unit rest so long between two writes, s."""
        self._write_gap_s[unit] = gap_s

    async def read_registers(self, unit: int, function: int, address: int, count: int) -> tuple[int, ...]:
        """Read registers. Raises: BusTimeoutError, BadFrameError, ModbusRefusedError, PortError."""
        return await self._ask(ReadRequest(unit, function, address, count), self._attempts)

    async def write_registers(
        self, unit: int, address: int, words: tuple[int, ...], *, is_repeatable: bool = True
    ) -> None:
        """Write registers with function 16; a command that must not come twice is not repeatable. Raises: as reads."""
        await self._ask(WriteRequest(unit, address, words), self._attempts if is_repeatable else 1)

    def submit(self, request: Request, *, attempts: int = 1, urgent: bool = False) -> "asyncio.Future[tuple[int, ...]]":
        """Queue a request, an urgent one at the head; cancelling the future withdraws it if it has not gone out.

        The future fails as reads do, but for waiting too long, which is the caller's to limit.
        """
        answer: asyncio.Future[tuple[int, ...]] = asyncio.get_running_loop().create_future()
        if self._down is not None:
            answer.set_exception(PortError(self._down))
            return answer
        job = _Job(request, answer, attempts, urgent)
        if urgent:
            self._jobs.appendleft(job)
        else:
            self._jobs.append(job)
        self._wake.set()
        return answer

    async def _ask(self, request: Request, attempts: int) -> tuple[int, ...]:
        answer = self.submit(request, attempts=attempts)
        try:
            async with asyncio.timeout(TURN_TIMEOUTS * self._timeout_s):
                return await answer
        except TimeoutError as error:
            self._count(request.unit, BusTimeoutError())
            raise BusTimeoutError(f"unit {request.unit}: its turn on {self._name} did not come in time") from error

    async def run(self) -> None:
        """Own the line for ever: reopen it, serve requests; returns only on cancellation."""
        try:
            while True:
                await self._open()
                try:
                    await self._serve()
                except PortError as error:
                    self._lost(error)
        finally:
            self._port.close()
            self._fail_all(PortError(f"{self._name} was stopped"))

    async def _open(self) -> None:
        while True:
            await asyncio.sleep(self._pause_s)
            try:
                async with asyncio.timeout(OPEN_TIMEOUT_S):
                    await self._port.open()
            except TimeoutError:
                self._went_down(f"does not open in {OPEN_TIMEOUT_S} s")
            except PortError as error:
                self._went_down(str(error))
            else:
                self._down = None
                self._silent_requests = 0
                return

    def _lost(self, error: PortError) -> None:
        """Note that the line is gone; one that had served well is reopened at once, requests and all."""
        if not self._answered:
            self._went_down(str(error))
        self._answered = False

    def _went_down(self, reason: str) -> None:
        self._pause_s = min(max(2 * self._pause_s, FIRST_PAUSE_S), LONGEST_PAUSE_S)
        self._down = f"{self._name}: {reason}"
        self._fail_all(PortError(self._down))
        if not self._reported_down:
            self._reported_down = True
            logger.warning("modbus line lost bus=%s reason=%s", self._name, reason)

    def _came_back(self) -> None:
        self._answered = True
        self._pause_s = 0.0
        self._silent_requests = 0
        if self._reported_down:
            self._reported_down = False
            logger.info("modbus line is back bus=%s", self._name)

    async def _serve(self) -> None:
        while True:
            job = await self._next_job()
            job.attempts_left -= 1
            try:
                words = await self._carry_out(job.request)
            except (BusTimeoutError, BadFrameError) as error:
                self._missed(job, error)
            except (ModbusRefusedError, PortError) as error:
                if job.attempts_left == 0 or isinstance(error, ModbusRefusedError):
                    self._finish(job, error)
                if isinstance(error, PortError):
                    raise
            else:
                self._finish(job, words)

    async def _next_job(self) -> _Job:
        """Wait for the oldest request whose unit may be asked now; it stays in the queue."""
        loop = asyncio.get_running_loop()
        while True:
            self._jobs = deque(job for job in self._jobs if not job.answer.done())
            now_s = loop.time()
            starts_s = [self._start_s(job, now_s) for job in self._jobs]
            for job, start_s in zip(self._jobs, starts_s, strict=True):
                if start_s <= now_s:
                    return job
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(min(starts_s, default=None)):
                    await self._wake.wait()

    def _start_s(self, job: _Job, now_s: float) -> float:
        """When this request may go out at the earliest."""
        unit = job.request.unit
        start_s = now_s if job.urgent else self._left_alone_until_s.get(unit, now_s)
        if isinstance(job.request, WriteRequest) and unit in self._written_s:
            start_s = max(start_s, self._written_s[unit] + self._write_gap_s.get(unit, 0.0))
        return start_s

    async def _carry_out(self, request: Request) -> tuple[int, ...]:
        self._transaction_id = self._transaction_id % LAST_TRANSACTION_ID + 1
        exchange = Exchange(self._framing, request, self._transaction_id, echoes=self._echoes)
        try:
            reply = await self._exchange(exchange, request)
        finally:
            if isinstance(request, WriteRequest):
                self._written_s[request.unit] = asyncio.get_running_loop().time()
        self._came_back()
        if exchange.echoed is not None:
            self._echoes = exchange.echoed
        if exchange.dropped:
            self._count(request.unit, BadFrameError())
        if isinstance(reply, Refused):
            error = ModbusRefusedError(request.unit, reply.code)
            self._count(request.unit, error)
            raise error
        return reply.words

    async def _exchange(self, exchange: Exchange, request: Request) -> Reply:
        await self._keep_silence()
        self._port.discard_input()
        self._port.write(exchange.frame)
        loop = asyncio.get_running_loop()
        self._last_byte_s = loop.time()
        try:
            async with asyncio.timeout(self._timeout_s):
                while True:
                    reply = exchange.feed(await self._port.read())
                    self._last_byte_s = loop.time()
                    if reply is not None:
                        return reply
        except TimeoutError as error:
            if exchange.junk:
                raise BadFrameError(f"unit {request.unit}: no valid reply among what arrived") from error
            raise BusTimeoutError(f"unit {request.unit} did not answer in {self._timeout_s} s") from error

    async def _keep_silence(self) -> None:
        if self._framing == "rtu":
            quiet_at_s = self._last_byte_s + self._silence_s
            await asyncio.sleep(max(0.0, quiet_at_s - asyncio.get_running_loop().time()))

    def _missed(self, job: _Job, error: BusTimeoutError | BadFrameError) -> None:
        """Count a failed attempt; end the request if it was the last. Raises: PortError if only reopening helps."""
        unit = job.request.unit
        self._count(unit, error)
        if job.attempts_left == 0:
            self._finish(job, error)
        if self._framing == "rtu":
            self._left_alone_until_s[unit] = asyncio.get_running_loop().time() + self._timeout_s
            return
        self._silent_requests += 1
        if isinstance(error, OutOfStepError) or self._silent_requests >= SILENT_REQUESTS_UNTIL_REOPEN:
            raise PortError(str(error))

    def _count(self, unit: int, error: Exception) -> None:
        errors = self._errors[unit]
        match error:
            case BusTimeoutError():
                self._errors[unit] = replace(errors, timeouts=errors.timeouts + 1)
            case BadFrameError():
                self._errors[unit] = replace(errors, bad_frames=errors.bad_frames + 1)
            case _:
                self._errors[unit] = replace(errors, exceptions=errors.exceptions + 1)

    def _finish(self, job: _Job, result: tuple[int, ...] | Exception) -> None:
        if job.answer.done():
            return
        if isinstance(result, Exception):
            job.answer.set_exception(result)
        else:
            job.answer.set_result(result)

    def _fail_all(self, error: PortError) -> None:
        jobs, self._jobs = self._jobs, deque()
        for job in jobs:
            self._finish(job, error)
