"""One EVSE's share of a Modbus card of relays and inputs (runner).

The inputs are read at least ten times a second, outputs are written when they change and all of them anew whenever
the card has been away: a card that restarted has switched them off. Coils are written one by one (function 5), inputs
read in one request (function 2). Several EVSEs may share a card and its line.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from hal.abilities import CardEvent
from hal.api import HalError
from hal.codecs.modbus_frame import WRITE_COIL, ReadRequest, WriteRequest
from hal.drivers.modbus_bus import ModbusBus
from hal.drivers.modbus_io_steering import DEBOUNCE_S, CardSettings, CardSteering

logger = logging.getLogger(__name__)

READ_COILS: Final = 1
READ_INPUTS: Final = 2
SILENT_S: Final = 1.0
"""A card that was not read for so long is lost."""
POLL_INTERVAL_S: Final = 0.08
REQUEST_TIMEOUT_S: Final = 0.5
"""Of one request with its turn on the line."""


class ModbusIo:
    """Implements `InputOutputCard`, `ConnectorLock`, `Ventilator` and `ShuntTrip`, as far as they are configured."""

    def __init__(self, bus: ModbusBus, settings: CardSettings, *, poll_interval_s: float = POLL_INTERVAL_S) -> None:
        self.settings = settings
        self.last_beat_s = 0.0
        self._bus = bus
        self._poll_interval_s = poll_interval_s
        self._steering = CardSteering(settings)
        self._switched: dict[int, bool] = {}
        """Coils as the card has confirmed them since it was last away."""
        self._wake = asyncio.Event()
        self._rested = asyncio.Event()
        self._reported_lost = False

    def lock(self) -> None:
        """Lock the plug in the socket."""
        self._steering.wish_lock(locked=True)
        self._act()

    def unlock(self) -> None:
        """Release the plug."""
        self._steering.wish_lock(locked=False)
        self._act()

    def run_fan(self, *, on: bool) -> None:
        """Let the fan run, or stop it."""
        self._steering.wish_fan(on=on)
        self._act()

    def trip(self) -> None:
        """Drive the shunt trip for its time."""
        self._steering.trip(_now_s())
        self._act()

    async def at_rest(self) -> None:
        """Wait until no motor is driven and no pulse is under way."""
        await self._rested.wait()

    async def run(self, emit: Callable[[CardEvent], None]) -> None:
        """Poll the card for ever; returns only on cancellation."""
        heard_s = _now_s()
        while True:
            self.last_beat_s = _now_s()
            self._wake.clear()
            try:
                events = await self._round()
            except HalError as error:
                self._switched.clear()
                events = self._missed(str(error)) if _now_s() - heard_s >= SILENT_S else []
            else:
                heard_s = _now_s()
                self._came_back()
                if not self._wake.is_set() and not any(self._switched.get(coil) for coil in self.settings.timed_coils):
                    self._rested.set()
            for event in (*events, *self._steering.fault_changes(_now_s())):
                emit(event)
            await self._rest()

    async def _round(self) -> list[CardEvent]:
        """Write, read, and write what follows from it. Raises: HalError."""
        events = await self._switch()
        numbers = self.settings.inputs
        if numbers:
            bits = await self._read(READ_INPUTS, numbers)
        else:
            bits = await self._read(READ_COILS, self.settings.coils)
        events += self._steering.seen({number: bits[number - min(numbers)] for number in numbers}, _now_s())
        return events + await self._switch()

    async def _read(self, function: int, numbers: Sequence[int]) -> tuple[bool, ...]:
        first = min(numbers)
        words = await self._ask(ReadRequest(self.settings.unit, function, first, max(numbers) - first + 1))
        return tuple(map(bool, words))

    async def _switch(self) -> list[CardEvent]:
        """Write the coils that are not as they are wanted, those that go off first. Raises: HalError."""
        wanted = self._steering.outputs(_now_s())
        events: list[CardEvent] = []
        for coil, on in sorted(wanted.items(), key=lambda item: item[1]):
            if self._switched.get(coil) is not on:
                self._switched.pop(coil, None)
                if on and coil in self.settings.timed_coils:
                    self._rested.clear()
                await self._ask(WriteRequest(self.settings.unit, coil, (int(on),), WRITE_COIL))
                self._switched[coil] = on
                events += self._steering.switched(coil, on=on, now_s=_now_s())
        return events

    async def _ask(self, request: ReadRequest | WriteRequest) -> tuple[int, ...]:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                return await self._bus.submit(request, urgent=isinstance(request, WriteRequest))
        except TimeoutError as error:
            raise HalError(f"unit {request.unit}: no turn on the line in {REQUEST_TIMEOUT_S} s") from error

    def _act(self) -> None:
        self._rested.clear()
        self._wake.set()

    async def _rest(self) -> None:
        wait_s = self._poll_interval_s if self._steering.is_settled else DEBOUNCE_S
        try:
            async with asyncio.timeout(wait_s):
                await self._wake.wait()
        except TimeoutError:
            return

    def _missed(self, reason: str) -> list[CardEvent]:
        if not self._reported_lost:
            self._reported_lost = True
            logger.warning("input/output card lost unit=%d reason=%s", self.settings.unit, reason)
        return self._steering.lost("does not answer", _now_s())

    def _came_back(self) -> None:
        if self._reported_lost:
            self._reported_lost = False
            logger.info("input/output card is back unit=%d", self.settings.unit)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
