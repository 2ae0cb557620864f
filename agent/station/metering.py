"""Owns the reading of one energy meter: polls it, reads at once when asked, reports silence and recovery.

A silent meter delays nothing: only who asks for a fresh reading waits. A reading is used once, with its own time.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from agent.domain.events import Event, FaultAppeared, FaultDisappeared, MeterSampled, StopRequested
from agent.domain.vocabulary import StoppedReason, TriggerReason
from hal.api import EnergyMeter, Fault, HalError, MeterReading, Quality

logger = logging.getLogger(__name__)

MISSES_TO_FAULT: Final = 2
"""Facts: lessons 52, a stale meter is a fault after two misses."""
READ_TIMEOUT_S: Final = 4.0
"""Two misses and the pause between them last less than the 10 s of bench scenario MT-01."""


class Metering:
    """Polls `meter` for one EVSE."""

    def __init__(
        self, evse_id: int, meter: EnergyMeter, *, poll_interval_s: float = 1.0, fail_on_error: bool = False
    ) -> None:
        """`fail_on_error`: a session ends, in order, when its meter fails."""
        self._fail_on_error = fail_on_error
        self._evse_id = evse_id
        self._meter = meter
        self._poll_interval_s = poll_interval_s
        self._wanted = asyncio.Event()
        self._waiters: list[asyncio.Future[MeterReading | None]] = []
        self._misses = 0
        self._standing: set[Fault] = set()
        self._emit: Callable[[Event], None] = lambda _event: None

    def read_now(self) -> None:
        """Take a reading without waiting for the next poll."""
        self._wanted.set()

    async def fresh(self) -> MeterReading | None:
        """Return a reading taken from now on; None if the meter is silent."""
        waiter: asyncio.Future[MeterReading | None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self.read_now()
        return await waiter

    async def run(self, emit: Callable[[Event], None]) -> None:
        """Poll for ever; returns only on cancellation."""
        self._emit = emit
        while True:
            self._wanted.clear()
            waiters, self._waiters = self._waiters, []
            reading = await self._read()
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(reading)
            try:
                async with asyncio.timeout(self._poll_interval_s):
                    await self._wanted.wait()
            except TimeoutError:
                continue

    async def _read(self) -> MeterReading | None:
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                reading = await self._meter.read()
        except (HalError, TimeoutError) as error:
            self._misses += 1
            if self._misses >= MISSES_TO_FAULT:
                self._raise(Fault.METER_SILENT, str(error) or "no answer")
            return None
        self._misses = 0
        self._clear(Fault.METER_SILENT)
        if reading.quality is Quality.NO_ENERGY:
            self._raise(Fault.METER_IMPLAUSIBLE, "the energy register is missing or implausible")
        else:
            self._clear(Fault.METER_IMPLAUSIBLE)
        self._emit(MeterSampled(reading))
        return reading

    def _raise(self, fault: Fault, detail: str) -> None:
        if fault not in self._standing:
            self._standing.add(fault)
            logger.warning("meter fault evse=%d fault=%s detail=%s", self._evse_id, fault.value, detail)
            self._emit(FaultAppeared(fault, detail))
            if self._fail_on_error:
                self._emit(StopRequested(StoppedReason.OTHER, TriggerReason.ABNORMAL_CONDITION))

    def _clear(self, fault: Fault) -> None:
        if fault in self._standing:
            self._standing.remove(fault)
            logger.warning("meter fault cleared evse=%d fault=%s", self._evse_id, fault.value)
            self._emit(FaultDisappeared(fault))
