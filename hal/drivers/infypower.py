"""A set of Infypower DC power modules on CAN (runner); implements `PowerModule`.

Rules kept here:
* Polling is the keep-alive: a module that hears nothing for 10 s switches off by itself, so a dead host needs no order.
* Permission is a lease kept by a timer of its own; its end is an order to switch off in that moment.
* A set that is not heard for `quiet_after_s` gets one order to switch off and then no word at all, for longer than its
  10 s. It may hear what it does not answer, and each word would keep it on. Only then is it lost, and certainly off.
* Expiry, a loss, a fault and `switch_off` forget setpoint and permission: delivery begins anew by the caller's word.
* What is on without being wanted is ordered off until it says that it is: a process before this one may have left it.
Source: facts: boards_protocols, CAN, Infypower; safety_split_and_interfaces.
"""

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import field
from typing import Final

from hal.api import HalError, PortError
from hal.codecs.infypower import (
    CONTROLLER,
    DATA_SIZE,
    GROUP,
    HOST_SILENCE_LIMIT_S,
    MAX_ADDRESS,
    SINGLE,
    Address,
    Command,
    Setpoint,
    switch_data,
)
from hal.drivers.infypower_state import InfypowerState
from hal.power_module import (
    OFF_TIMEOUT_S,
    SAFE_CURRENT_A,
    OutputRefused,
    PowerModuleConnected,
    PowerModuleEvent,
    PowerModuleLost,
)
from hal.together import together
from hal.transports.can_line import CanFilter, CanFrame, CanLine
from hal.value import dataclass

logger = logging.getLogger(__name__)

POLL_INTERVAL_S: Final = 0.25
_REFRESH_INTERVAL_S: Final = 1.0
_FIRST_RETRY_S: Final = 0.1
_LONGEST_RETRY_S: Final = 1.0
_ADDRESS_SHIFT: Final = 8
_ADDRESS_MASK: Final = 0xFF
_REQUEST: Final = bytes(DATA_SIZE)


@dataclass(frozen=True, slots=True)
class InfypowerSettings:
    """Which modules, and how long each silence lasts, s. Raises: ValueError for a set that cannot be."""

    addresses: tuple[int, ...] = field(default=(0,))
    group: int | None = None
    """Commands go to this group instead of each module; all modules must be in it and no other."""
    quiet_after_s: float = 4.0
    mute_s: float = HOST_SILENCE_LIMIT_S + 0.5
    controller: int = CONTROLLER

    def __post_init__(self) -> None:
        if not self.addresses or len(set(self.addresses)) < len(self.addresses):
            raise ValueError("addresses: name each module once, and at least one")
        if not all(0 <= address <= MAX_ADDRESS for address in self.addresses):
            raise ValueError(f"addresses: modules have addresses 0 to {MAX_ADDRESS}")
        if self.mute_s <= HOST_SILENCE_LIMIT_S:
            raise ValueError(f"mute_s: more than the {HOST_SILENCE_LIMIT_S:g} s after which modules switch off")
        if self.quiet_after_s < 2 * POLL_INTERVAL_S:
            raise ValueError(f"quiet_after_s: at least two polls ({2 * POLL_INTERVAL_S:g} s)")

    @property
    def filter(self) -> CanFilter:
        """What the line has to hear: answers to this controller."""
        return CanFilter(self.controller << _ADDRESS_SHIFT, _ADDRESS_MASK << _ADDRESS_SHIFT, extended=True)


class InfypowerModules:
    """One set of modules that deliver together."""

    def __init__(self, line: CanLine, settings: InfypowerSettings | None = None) -> None:
        self._line = line
        self._settings = settings or InfypowerSettings()
        self.state = InfypowerState(self._settings.addresses)
        self._emit: Callable[[PowerModuleEvent], None] = _nobody_listens
        self._setpoint: Setpoint | None = None
        self._permitted_until_s = -math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._heard = asyncio.Event()
        self._connected = self._lost = False
        self._mute_until_s = -math.inf
        self._since_s = self._beat_s = self._refreshed_s = -math.inf
        self._line_error = ""

    @property
    def last_beat_s(self) -> float:
        """When the driver's own loop last came round."""
        return self._beat_s

    def set_output(self, voltage_v: float, current_a: float) -> None:
        """Hold this voltage with at most this current, V and A; what cannot be had is refused by an event."""
        reason = "nothing is connected" if not self._connected else self.state.refusal(voltage_v, current_a)
        if reason is not None:
            self._emit(OutputRefused(reason, _now_s()))
            return
        self._setpoint = Setpoint(voltage_v, current_a)
        self._refreshed_s = -math.inf
        self._order()

    def permit_output(self, until_s: float) -> None:
        """Let the modules deliver until this monotonic time, kept by a timer of its own."""
        self._permitted_until_s = until_s
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(until_s, self._expire)
        self._order()

    async def switch_off(self, timeout_s: float = OFF_TIMEOUT_S) -> bool:
        """Switch off at once; True once a measurement taken after the order is below `SAFE_CURRENT_A`, else False."""
        ordered_s = _now_s()
        self._stop()
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    output = self.state.output
                    if output is not None and self.state.measured_s > ordered_s and output.current_a < SAFE_CURRENT_A:
                        return True
                    self._heard.clear()
                    await self._heard.wait()
        except TimeoutError:
            return False

    async def run(self, emit: Callable[[PowerModuleEvent], None]) -> None:
        """Own the line for ever: reopen it, poll, report through `emit`; returns only on cancellation."""
        self._emit = emit
        self._since_s = _now_s()
        retry_s = _FIRST_RETRY_S
        while True:
            try:
                await self._line.open()
                retry_s = _FIRST_RETRY_S
                await together(self._receive(), self._keep_polling())
            except HalError as error:
                self._note_line(str(error))
            finally:
                self._line.close()
            self._beat_s = _now_s()
            self._judge_silence(self._beat_s)
            await asyncio.sleep(retry_s)
            retry_s = min(retry_s * 2, _LONGEST_RETRY_S)

    # ------------------------------------------------------------------ the line

    async def _receive(self) -> None:
        while True:
            for frame in await self._line.receive():
                address = Address.from_id(frame.arbitration_id) if frame.extended else None
                if address is not None and address.destination == self._settings.controller:
                    self.state.observe(address, frame.data, _now_s())
            self._heard.set()
            self._take(_now_s())

    async def _keep_polling(self) -> None:
        while True:
            self._beat_s = now_s = _now_s()
            self._judge_silence(now_s)
            if now_s >= self._mute_until_s:
                self._poll()
                self._order()
            await asyncio.sleep(POLL_INTERVAL_S)

    def _poll(self) -> None:
        for address, module in self.state.modules.items():
            if module.capabilities is None:
                self._send(Command.READ_CAPABILITIES, address)
            self._send(Command.READ_OUTPUT, address)
            self._send(Command.READ_STATUS, address)

    def _send(self, command: Command, destination: int, data: bytes = _REQUEST, device: int = SINGLE) -> None:
        address = Address(command, destination, self._settings.controller, device)
        self._line.send(CanFrame(address.arbitration_id(), data, extended=True))

    def _send_to_all(self, command: Command, data: bytes) -> None:
        if self._settings.group is not None:
            self._send(command, self._settings.group, data, GROUP)
            return
        for address in self._settings.addresses:
            self._send(command, address, data)

    def _stop(self) -> None:
        """Forget the wish and order off now, whatever the modules said last."""
        self._setpoint = None
        self._permitted_until_s = -math.inf
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._order(off_anyway=True)

    def _order(self, *, off_anyway: bool = False) -> None:
        """Order what is wanted, where the modules are not known to do it already."""
        now_s = _now_s()
        if not self._line.is_open or now_s < self._mute_until_s:
            return
        try:
            if self._setpoint is None or now_s >= self._permitted_until_s:
                if off_anyway or not self.state.is_off:
                    self._send_to_all(Command.SWITCH, switch_data(on=False))
            elif self.state.is_off or now_s >= self._refreshed_s + _REFRESH_INTERVAL_S:
                self._refreshed_s = now_s
                self._send_to_all(Command.SET_OUTPUT, self.state.share(self._setpoint).to_data())
                self._send_to_all(Command.SWITCH, switch_data(on=True))
        except PortError as error:  # the reader finds the same and reopens the line
            logger.warning("order not sent error=%s", error)

    # ------------------------------------------------------------------ what is heard, and what is not

    def _take(self, now_s: float) -> None:
        state = self.state
        if not self._connected and state.capabilities is not None and state.states is not None:
            self._connected, self._lost = True, False
            self._line_error = ""
            self._emit(PowerModuleConnected(state.capabilities, now_s))
        if not self._connected:
            return
        for event in state.changes(now_s):
            self._emit(event)
        if state.must_stop and self._setpoint is not None:
            logger.error("output switched off: a power module is in fault")
            self._stop()

    def _judge_silence(self, now_s: float) -> None:
        if math.isfinite(self._mute_until_s):
            if now_s >= self._mute_until_s:
                self._lose(now_s)
            return
        heard_s = max(self.state.heard_s, self._since_s)
        if now_s < heard_s + self._settings.quiet_after_s:
            return
        if self._lost:
            return
        logger.error("power modules are silent: switching off, and waiting until they are off by themselves")
        self._stop()
        self._mute_until_s = now_s + self._settings.mute_s

    def _lose(self, now_s: float) -> None:
        """They are off by now, so that polling may begin anew."""
        self._mute_until_s = -math.inf
        self._since_s = now_s
        self._connected, self._lost = False, True
        self.state.forget()
        self._emit(PowerModuleLost(self._line_error or "the modules do not answer", now_s))

    def _expire(self) -> None:
        self._timer = None
        if self._setpoint is not None:
            logger.error("permission to deliver expired")
        self._stop()

    def _note_line(self, error: str) -> None:
        if error != self._line_error:
            logger.warning("line of the power modules lost error=%s", error)
        self._line_error = error


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _nobody_listens(event: PowerModuleEvent) -> None:
    logger.debug("event before run event=%s", event)
