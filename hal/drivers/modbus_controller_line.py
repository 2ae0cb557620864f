"""One charge controller's requests on its shared bus (runner's helper): reads, writes, and the order to switch off.

At most one write of the ordinary kind is under way; the order to switch off withdraws it, so that nothing old can
switch the controller on again behind it. What is set up at connection is written all the same.
"""

import asyncio
import logging
import math
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from hal.api import BusTimeoutError, DeviceRefusedError, HalError
from hal.codecs.modbus_frame import ReadRequest, WriteRequest
from hal.controllers.points import WRITE_COIL, ControllerProfile
from hal.drivers.modbus_bus import ModbusBus
from hal.drivers.modbus_controller_image import ControllerImage
from hal.drivers.modbus_controller_steering import Order

logger = logging.getLogger(__name__)

REQUEST_TIMEOUT_S: Final = 3.0
"""A request that waits so long for its turn and its answer has failed."""
_OFF_ATTEMPTS: Final = 2
Answer = asyncio.Future[tuple[int, ...]]


class ControllerLine:
    """Asks one unit of a bus; what it reads goes into the image."""

    def __init__(self, bus: ModbusBus, profile: ControllerProfile, unit: int, image: ControllerImage) -> None:
        self._bus = bus
        self._unit = unit
        self._write_function = profile.line.write_function
        self._image = image
        self._pending_write: Answer | None = None
        self._off: Answer | None = None
        self.last_heard_s = -math.inf
        bus.set_write_gap(unit, profile.line.write_gap_s)

    async def read(self, request: ReadRequest) -> None:
        """Read into the image. Raises: HalError."""
        words = await self._ask(self._bus.submit(request))
        if words is not None:
            self._image.take(request, words)

    async def write(self, order: Order) -> bool:
        """Write one value; False if it was withdrawn meanwhile. Raises: HalError."""
        self._pending_write = self._bus.submit(self._request(order))
        try:
            return await self._ask(self._pending_write) is not None
        finally:
            self._pending_write = None

    async def try_write(self, order: Order) -> None:
        """Write one value that switches nothing on: it is not withdrawn, a refusal is only logged. Raises: HalError."""
        try:
            await self._ask(self._bus.submit(self._request(order)))
        except DeviceRefusedError as error:
            logger.warning("controller refuses register=%d value=%d error=%s", order.span.address, order.value, error)

    def withdraw(self) -> None:
        """Take back the write that is under way, if it has not gone out."""
        if self._pending_write is not None:
            self._pending_write.cancel()

    def order_off(self, order: Order, done: Callable[[], None]) -> None:
        """Write this before all that waits, unless it is under way already, and call `done` when it was taken."""
        self.withdraw()
        if self._off is not None and not self._off.done():
            return
        self._off = self._bus.submit(self._request(order), attempts=_OFF_ATTEMPTS, urgent=True)

        def settle(answer: Answer) -> None:
            with suppress(asyncio.CancelledError):
                error = answer.exception()
                if error is None:
                    self.last_heard_s = asyncio.get_running_loop().time()
                    done()
                elif isinstance(error, HalError):
                    logger.warning("order to switch off failed error=%s", error)

        self._off.add_done_callback(settle)

    async def _ask(self, answer: Answer) -> tuple[int, ...] | None:
        """Wait for an answer; None if the request was withdrawn. Raises: HalError."""
        try:
            await asyncio.wait({answer}, timeout=REQUEST_TIMEOUT_S)
            if not answer.done():
                raise BusTimeoutError(f"unit {self._unit}: no answer in {REQUEST_TIMEOUT_S} s")
        finally:
            answer.cancel()
        if answer.cancelled():
            return None
        words = answer.result()
        self.last_heard_s = asyncio.get_running_loop().time()
        return words

    def _request(self, order: Order) -> WriteRequest:
        function = WRITE_COIL if order.span.table == "coil" else self._write_function
        return WriteRequest(self._unit, self._image.address(order.span), (order.value,), function)
