"""Heartbeat supervision of the board: `$SY` (lives on the loop it is given).

Source: facts rapi_openevse, traps 4-6. A miss only lowers the current; the interval in milliseconds wraps at 16 bits.
"""

import asyncio
from collections.abc import Callable
from enum import IntEnum

from hil.devices.openevse_board_values import HEARTBEAT_COOKIE, Eeprom

MILLISECONDS_MASK = 0xFFFF


class Trigger(IntEnum):
    """Third value of `$GY`."""

    NEVER_MISSED = 0
    ACKNOWLEDGED = 1
    MISSED = 2


class Heartbeat:
    """Watches the pulses; `missed` and `restored` change the current."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        eeprom: Eeprom,
        missed: Callable[[int], None],
        restored: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._eeprom = eeprom
        self._missed = missed
        self._restored = restored
        self.trigger = Trigger.NEVER_MISSED
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin at power-up, with the setting of the EEPROM."""
        self.trigger = Trigger.NEVER_MISSED
        self._restart()

    def stop(self) -> None:
        """Lose power."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def text(self) -> str:
        """Render the values of `$GY` and `$SY`."""
        return f"{self._eeprom.heartbeat_interval_s} {self._eeprom.heartbeat_current_a} {int(self.trigger)}"

    def configure(self, interval_s: int, current_a: int) -> None:
        """Take `$SY interval amps`; 0 switches supervision off."""
        self._eeprom.write(heartbeat_interval_s=interval_s & 0xFFFF, heartbeat_current_a=current_a & 0xFF)
        if interval_s == 0 and self.trigger is Trigger.MISSED:
            self.trigger = Trigger.NEVER_MISSED
            self._restored()
        self._restart()

    def pulse(self) -> bool:
        """Take `$SY`; False while a miss waits to be acknowledged."""
        self._restart()
        return self.trigger is not Trigger.MISSED

    def acknowledge(self, cookie: int) -> bool:
        """Take `$SY 165`; False for another cookie."""
        if cookie != HEARTBEAT_COOKIE:
            return False
        if self.trigger is Trigger.MISSED:
            self.trigger = Trigger.ACKNOWLEDGED
            self._restored()
            self._restart()
        return True

    def _restart(self) -> None:
        self.stop()
        if self._eeprom.heartbeat_interval_s and self.trigger is not Trigger.MISSED:
            wrapped_ms = (self._eeprom.heartbeat_interval_s * 1000) & MILLISECONDS_MASK
            self._timer = self._loop.call_later(wrapped_ms / 1000, self._miss)

    def _miss(self) -> None:
        self._timer = None
        self.trigger = Trigger.MISSED
        self._missed(self._eeprom.heartbeat_current_a)
