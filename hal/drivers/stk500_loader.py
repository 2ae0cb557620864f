"""Writes a board's own controller through its boot loader, over the line of the board's protocol (runner).

The first page is written twice: at the beginning so that every start leads into the boot loader, and at the very end
with what the image has there. A write that was interrupted, wherever, leaves a controller that waits in its boot
loader, where it drives no output, and can be written again.
Source: Atmel AVR061; updater facts (both components are confirmed or both go back).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from hal.api import BadFrameError, BusTimeoutError, HardwareFault
from hal.codecs.stk500 import (
    ATMEGA328P,
    ENTER_PROGRAMMING,
    GET_SYNC,
    LEAVE_PROGRAMMING,
    READ_SIGNATURE,
    AvrPart,
    Request,
    jump_to_loader,
    load_address,
    pages,
    program_page,
    read_page,
    take_answer,
)
from hal.transports.port import Port

logger = logging.getLogger(__name__)

OPEN_TIMEOUT_S: Final = 10.0
SYNC_TIMEOUT_S: Final = 0.2
SYNC_ATTEMPTS: Final = 25
"""Five seconds: a boot loader of the Arduino kind listens for one to two after a reset."""
ANSWER_TIMEOUT_S: Final = 1.0
"""A page is erased and written in some 10 ms, and its bytes take 12 ms at 115,200 baud."""


class Stk500Loader:
    """One controller on one line; implements `ControllerFirmware`."""

    def __init__(self, port: Port, reset: Callable[[], Awaitable[None]], part: AvrPart = ATMEGA328P) -> None:
        """`reset`: restarts the controller into its boot loader, the line being open; raises PortError if it cannot."""
        self._port = port
        self._reset = reset
        self._part = part

    async def identify(self) -> str:
        """See `ControllerFirmware`."""
        try:
            await self._begin()
            await self._ask(LEAVE_PROGRAMMING)
        finally:
            self._port.close()
        return self._part.name

    async def install(self, image: bytes, progress: Callable[[float], None]) -> None:
        """See `ControllerFirmware`."""
        whole = pages(self._part, image)
        steps = _Steps(2 * len(whole) + 1, progress)
        try:
            await self._begin()
            await self._write(0, jump_to_loader(self._part))
            steps.done()
            for number in range(1, len(whole)):
                await self._write(number, whole[number])
                steps.done()
            for number in range(1, len(whole)):
                await self._compare(number, whole[number])
                steps.done()
            await self._write(0, whole[0])
            steps.done()
            await self._compare(0, whole[0])
            steps.done()
            await self._ask(LEAVE_PROGRAMMING)
        finally:
            self._port.close()
        logger.info("controller written part=%s bytes=%d", self._part.name, len(image))

    async def _begin(self) -> None:
        """Open, reset, find the boot loader and make sure whose it is. Raises: HalError."""
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                await self._port.open()
        except TimeoutError as error:
            raise BusTimeoutError("the line to the controller does not open in time") from error
        await self._reset()
        await self._synchronise()
        signature = await self._ask(READ_SIGNATURE)
        if signature != self._part.signature:
            raise HardwareFault(
                f"the controller is no {self._part.name}: signature {signature.hex()}, not {self._part.signature.hex()}"
            )
        await self._ask(ENTER_PROGRAMMING)

    async def _synchronise(self) -> None:
        for _ in range(SYNC_ATTEMPTS):
            self._port.discard_input()
            try:
                await self._ask(GET_SYNC, SYNC_TIMEOUT_S)
            except (BusTimeoutError, BadFrameError):
                await asyncio.sleep(SYNC_TIMEOUT_S / 10)
                continue
            await asyncio.sleep(SYNC_TIMEOUT_S / 10)  # what an earlier attempt is still answered
            self._port.discard_input()
            return
        raise BusTimeoutError(
            "no boot loader answers after a reset: is the line's reset wired, is the baud rate right?"
        )

    async def _write(self, number: int, page: bytes) -> None:
        await self._ask(load_address(number * self._part.page_bytes))
        await self._ask(program_page(page))

    async def _compare(self, number: int, page: bytes) -> None:
        await self._ask(load_address(number * self._part.page_bytes))
        if await self._ask(read_page(len(page))) != page:
            raise HardwareFault(
                f"page {number} of the controller's flash does not keep what was written: it is worn out"
            )

    async def _ask(self, request: Request, timeout_s: float = ANSWER_TIMEOUT_S) -> bytes:
        """Send one request and return its answer's data. Raises: HalError."""
        self._port.write(request.data)
        received = bytearray()
        try:
            async with asyncio.timeout(timeout_s):
                while (answer := take_answer(request, bytes(received))) is None:
                    received += await self._port.read()
        except TimeoutError as error:
            raise BusTimeoutError(f"{request.name}: no answer within {timeout_s:g} s") from error
        return answer


class _Steps:
    """Counts what is done."""

    def __init__(self, number: int, progress: Callable[[float], None]) -> None:
        self._number = number
        self._done = 0
        self._progress = progress

    def done(self) -> None:
        self._done += 1
        self._progress(self._done / self._number)
