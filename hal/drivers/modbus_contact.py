"""One contact at an input of a Modbus card, read again and again (runner).

Each answer is told, a changed one or not: whoever hears nothing for a while knows that the card is silent.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from hal.api import HalError
from hal.codecs.modbus_frame import ReadRequest
from hal.drivers.modbus_bus import ModbusBus

logger = logging.getLogger(__name__)

READ_INPUTS: Final = 2
POLL_INTERVAL_S: Final = 0.25
REQUEST_TIMEOUT_S: Final = 0.5
"""Of one request with its turn on the line."""


class ModbusContact:
    """Implements `Contact`."""

    def __init__(self, bus: ModbusBus, unit: int, number: int, *, poll_interval_s: float = POLL_INTERVAL_S) -> None:
        """`number`: of the input, from 0 on."""
        self._bus = bus
        self._request = ReadRequest(unit, READ_INPUTS, number, 1)
        self._poll_interval_s = poll_interval_s
        self._lost = False

    async def run(self, hear: Callable[[bool], None]) -> None:
        """Look for ever; returns only on cancellation."""
        while True:
            try:
                async with asyncio.timeout(REQUEST_TIMEOUT_S):
                    (bit,) = await self._bus.submit(self._request)
            except (HalError, TimeoutError) as error:
                self._tell_lost(str(error) or f"no turn on the line in {REQUEST_TIMEOUT_S} s")
            else:
                self._tell_back()
                hear(bool(bit))
            await asyncio.sleep(self._poll_interval_s)

    def _tell_lost(self, reason: str) -> None:
        if not self._lost:
            self._lost = True
            logger.warning("contact lost unit=%d input=%d: %s", self._request.unit, self._request.address, reason)

    def _tell_back(self) -> None:
        if self._lost:
            self._lost = False
            logger.info("contact is back unit=%d input=%d", self._request.unit, self._request.address)
