"""A Modbus card of eight relays and eight inputs at one EVSE, and what is wired to it.

Relays: the connector lock's motor one way and the other, a ventilation fan, a shunt trip. Inputs: the lock's end
switch, the chain of emergency stop and door contact, the fan's flow switch, the grid operator's contact. The chain is
also wired into the contactor's coil, so that pressing the stop opens it without any software; the shunt trip takes the
EVSE's supply away until somebody resets the breaker.
Source: Modbus application protocol V1.1b3, 6.1, 6.2, 6.5, 7; facts: bench_scenarios LK-01, ES-01, CP-14, RL-01.
"""

import asyncio
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from hil.devices.modbus_meter import Framing, Request, RequestReader, frame
from hil.devices.timers import Timers
from hil.world import Emit, EvseWorld

CHANNELS: Final = 8
COILS: Final[Mapping[str, int]] = MappingProxyType({"lock": 0, "unlock": 1, "fan": 2, "shunt_trip": 3})
INPUTS: Final[Mapping[str, int]] = MappingProxyType({"locked": 0, "emergency_stop": 1, "fan": 2, "grid_limit": 3})
TRAVEL_S: Final = 0.4
"""The motor's way from one end to the other."""
FAN_STARTS_S: Final = 0.5
READ_COILS, READ_INPUTS, WRITE_COIL = 1, 2, 5
ON, OFF = b"\xff\x00", b"\x00\x00"
REQUEST_SIZE = 5
ILLEGAL_FUNCTION, ILLEGAL_DATA_ADDRESS, ILLEGAL_DATA_VALUE = 1, 2, 3


class IoCardSimulator:
    """One card; `output` carries its replies."""

    def __init__(self, world: EvseWorld, emit: Emit, unit: int = 1, framing: Framing = "rtu") -> None:
        self.output: Callable[[bytes], None] = lambda _data: None
        self.muted = False
        self.lock_blocked = False
        self.fan_fails = False
        self.stop_pressed = False
        self.grid_limits = False
        """The grid operator's contact is closed."""
        self.breaker_tripped = False
        self.locked = False
        self.fan_runs = False
        self.tries = 0
        """Times that the lock's motor was switched on."""
        self.coils = [False] * CHANNELS
        self._world = world
        self._emit = emit
        self._unit = unit
        self._framing = framing
        self._reader = RequestReader(framing)
        self._timers = Timers(asyncio.get_running_loop())

    def receive(self, data: bytes) -> None:
        """Take bytes from the line; what completes a request to this unit is answered."""
        for request in self._reader.feed(data):
            if request.unit == self._unit and not self.muted:
                pdu = self._answer(request.pdu)
                self.output(frame(Request(self._unit, pdu, request.transaction_id), self._framing))

    def power_off(self) -> None:
        """Lose the supply: every relay falls off."""
        for coil in range(CHANNELS):
            self._switch(coil, on=False)

    def press(self, *, pressed: bool) -> None:
        """Operate the emergency stop, or release it."""
        self.stop_pressed = pressed
        self._emit("emergency_stop", {"pressed": pressed})
        self._world.change(coil_supplied=not pressed)

    def close_grid_contact(self, *, closed: bool) -> None:
        """Do what the grid operator's box does to limit the station, or to let it go."""
        self.grid_limits = closed
        self._emit("grid_contact", {"closed": closed})

    def trip_breaker(self) -> None:
        """Take the EVSE's supply away, as the shunt trip does."""
        if not self.breaker_tripped:
            self.breaker_tripped = True
            self._emit("breaker", {"tripped": True})
            self._world.change(supplied=False)

    def reset_breaker(self) -> None:
        """Do what a technician does after a shunt trip."""
        if self.breaker_tripped:
            self.breaker_tripped = False
            self._emit("breaker", {"tripped": False})
            self._world.change(supplied=True)

    def stop_fan(self, *, fails: bool) -> None:
        """Let the fan fail although it is switched on, or work again."""
        self.fan_fails = fails
        self._drive_fan()

    def describe(self) -> dict[str, Any]:
        """State for the bench's `state` operation."""
        return {
            "locked": self.locked,
            "lock_tries": self.tries,
            "fan_runs": self.fan_runs,
            "stop_pressed": self.stop_pressed,
            "grid_limits": self.grid_limits,
            "breaker_tripped": self.breaker_tripped,
            "coils": [number for number, on in enumerate(self.coils) if on],
        }

    def save(self) -> dict[str, Any]:
        """Return what stays in the dark."""
        return {"locked": self.locked, "breaker_tripped": self.breaker_tripped}

    def restore(self, saved: dict[str, Any]) -> None:
        """Put back what `save` gave."""
        self.locked, self.breaker_tripped = saved["locked"], saved["breaker_tripped"]

    def _answer(self, pdu: bytes) -> bytes:
        function = pdu[0]
        if function not in {READ_COILS, READ_INPUTS, WRITE_COIL}:
            return bytes([function | 0x80, ILLEGAL_FUNCTION])
        if len(pdu) != REQUEST_SIZE:
            return bytes([function | 0x80, ILLEGAL_DATA_VALUE])
        address, value = int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")
        if function == WRITE_COIL:
            if address >= CHANNELS:
                return bytes([function | 0x80, ILLEGAL_DATA_ADDRESS])
            if pdu[3:5] not in {ON, OFF}:
                return bytes([function | 0x80, ILLEGAL_DATA_VALUE])
            self._switch(address, on=pdu[3:5] == ON)
            return pdu
        if value < 1 or address + value > CHANNELS:
            return bytes([function | 0x80, ILLEGAL_DATA_ADDRESS])
        bits = (self.coils if function == READ_COILS else self._inputs())[address : address + value]
        packed = sum(on << place for place, on in enumerate(bits))
        return bytes([function, 1, packed])

    def _inputs(self) -> list[bool]:
        inputs = [False] * CHANNELS
        inputs[INPUTS["locked"]] = self.locked
        inputs[INPUTS["emergency_stop"]] = not self.stop_pressed
        inputs[INPUTS["fan"]] = self.fan_runs
        inputs[INPUTS["grid_limit"]] = self.grid_limits
        return inputs

    def _switch(self, coil: int, *, on: bool) -> None:
        if self.coils[coil] == on:
            return
        self.coils[coil] = on
        if coil in {COILS["lock"], COILS["unlock"]}:
            self._drive_motor(on=on)
        elif coil == COILS["fan"]:
            self._drive_fan()
        elif coil == COILS["shunt_trip"] and on:
            self.trip_breaker()

    def _drive_motor(self, *, on: bool) -> None:
        self.tries += on
        driven = [locked for name, locked in (("lock", True), ("unlock", False)) if self.coils[COILS[name]]]
        moves = len(driven) == 1 and driven[0] != self.locked and not self.lock_blocked
        if moves:
            self._timers.after("motor", TRAVEL_S, lambda: self._arrive(locked=driven[0]))
        else:
            self._timers.cancel("motor")

    def _arrive(self, *, locked: bool) -> None:
        self.move_lock(locked=locked)

    def move_lock(self, *, locked: bool) -> None:
        """Put the lock there, by its motor or by force."""
        self.locked = locked
        self._emit("lock", {"locked": locked})

    def _drive_fan(self) -> None:
        driven = self.coils[COILS["fan"]] and not self.fan_fails
        if driven:
            self._timers.keep("fan", not self.fan_runs, FAN_STARTS_S, lambda: self._fan(running=True))
        else:
            self._timers.cancel("fan")
            self._fan(running=False)

    def _fan(self, *, running: bool) -> None:
        if running != self.fan_runs:
            self.fan_runs = running
            self._emit("fan", {"running": running})
