"""The line to an OpenEVSE board: sequence ids, one outstanding command, time limits.

An order to open the contactor may overtake: it is written at once behind the outstanding command, which the firmware
answers in order. A reply is matched by its sequence id alone; a late one matches nothing. What the board says is taken
in the order in which it was said: a report behind a reply waits until the asker has its reply.
Source: facts: rapi_openevse, Link, Sequence id, Reply.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import suppress

from hal.api import BadFrameError, BusTimeoutError, PortError
from hal.codecs.rapi import RapiDecoder, Reply, Report, encode_command
from hal.codecs.rapi_values import Verb
from hal.transports.port import Port

logger = logging.getLogger(__name__)

_SEQUENCES = 255


class OpenEvseLink:
    """Sends commands and sorts what comes back: replies to their askers, reports to `on_report`."""

    def __init__(self, port: Port, reply_timeout_s: float, on_report: Callable[[Report], None]) -> None:
        self._port = port
        self._reply_timeout_s = reply_timeout_s
        self._on_report = on_report
        self._decoder = RapiDecoder()
        self._sequence = random.randrange(_SEQUENCES)  # noqa: S311 - a late reply to a killed process matches nothing
        self._waiting: dict[int, asyncio.Future[Reply]] = {}
        self._asked: int | None = None
        """Sequence id of the request that somebody waits for."""
        self._taken = asyncio.Event()
        self._reported = asyncio.Event()
        self._is_open = False
        self.late_replies = 0
        """Replies that matched no outstanding command."""
        self.last_heard_s = 0.0

    @property
    def is_open(self) -> bool:
        """True if commands can be written."""
        return self._is_open

    @property
    def bad_frames(self) -> int:
        """Frames dropped so far."""
        return self._decoder.bad_frames

    async def open(self) -> None:
        """Open or reopen the port. Raises: PortError."""
        await self._port.open()
        self._decoder.reset()
        self.last_heard_s = asyncio.get_running_loop().time()
        self._is_open = True

    def close(self) -> None:
        """Close the port and let outstanding commands fail; harmless if closed already."""
        self._is_open = False
        self._port.close()
        for waiting in self._waiting.values():
            waiting.cancel()
        self._waiting.clear()

    async def receive(self) -> None:
        """Take what arrives, for ever. Raises: PortError."""
        loop = asyncio.get_running_loop()
        while True:
            data = await self._port.read()
            self.last_heard_s = loop.time()
            for frame in self._decoder.feed(data):
                if isinstance(frame, Reply):
                    self._match(frame)
                else:
                    await self._reply_taken()
                    self._reported.set()
                    self._on_report(frame)

    async def request(self, verb: Verb, *params: str) -> Reply:
        """Send a command when no other is outstanding and wait for its reply.

        Raises: PortError, BusTimeoutError, BadFrameError if the board got it damaged.
        """
        await self.settle()
        self._asked = self._send(verb, *params)
        return await self._reply(self._asked)

    def order(self, verb: Verb) -> None:
        """Write a command in this very call, whatever is outstanding. Raises: PortError."""
        self._send(verb)

    async def settle(self) -> None:
        """Wait until nothing is outstanding. Raises: BusTimeoutError if an ordered command was not answered."""
        while self._waiting:
            try:
                await self._reply(next(iter(self._waiting)))
            except BadFrameError as error:
                logger.warning("order arrived damaged error=%s", error)

    async def report_within(self, limit_s: float) -> None:
        """Wait for the next report, so long at most."""
        self._reported.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._reported.wait()

    async def _reply_taken(self) -> None:
        """Let the asker run if its reply is there; takes a turn or two of the loop and no time."""
        while self._asked in self._waiting and self._waiting[self._asked].done():
            self._taken.clear()
            await self._taken.wait()

    async def _reply(self, sequence: int) -> Reply:
        waiting = self._waiting[sequence]
        try:
            async with asyncio.timeout(self._reply_timeout_s):
                return await waiting
        except TimeoutError as error:
            raise BusTimeoutError(f"no reply within {self._reply_timeout_s} s") from error
        finally:
            self._waiting.pop(sequence, None)
            self._taken.set()

    def _send(self, verb: Verb, *params: str) -> int:
        if not self._is_open:
            raise PortError("not open")
        self._sequence = self._sequence % _SEQUENCES + 1
        self._port.write(encode_command(verb, *params, sequence=self._sequence))
        self._waiting[self._sequence] = asyncio.get_running_loop().create_future()
        return self._sequence

    def _match(self, reply: Reply) -> None:
        sequence = reply.sequence
        if sequence is None and not reply.ok and self._waiting:
            # `$NK` without a sequence id: the board could not read the oldest command.
            waiting = next(iter(self._waiting.values()))
            if not waiting.done():
                waiting.set_exception(BadFrameError("the board received a damaged command"))
            return
        found = self._waiting.get(sequence) if sequence is not None else None
        if found is None or found.done():
            self.late_replies += 1
            return
        found.set_result(reply)
