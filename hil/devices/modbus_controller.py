"""A simulated Modbus charge controller on its line: request bytes in, reply bytes out, and a real contactor behind.

Rules kept here:
* It answers documented registers only, its own unit only, and each request `reply_s` after it came.
* A write is carried out when it arrives; one that its gap forbids is not heard at all.
Source: facts boards_protocols, Modbus charge controllers; Modbus application protocol V1.1b3, section 7.
"""

import math
from collections.abc import Callable
from typing import Any

from hil.devices.modbus_controller_control import ControllerControl
from hil.devices.modbus_controller_layouts import Table, make_layout
from hil.devices.modbus_controller_values import ModbusControllerModel
from hil.devices.modbus_meter import Request, RequestReader, frame
from hil.devices.timers import Timers
from hil.world import Emit, EvseWorld

ILLEGAL_FUNCTION, ILLEGAL_DATA_ADDRESS, ILLEGAL_DATA_VALUE = 1, 2, 3
READ_COILS, READ_HOLDING, READ_INPUT = 1, 3, 4
WRITE_COIL, WRITE_REGISTER, WRITE_REGISTERS = 5, 6, 16
COIL_VALUES = {0x0000: 0, 0xFF00: 1}
TABLES: dict[int, Table] = {
    READ_COILS: "coil",
    READ_HOLDING: "holding",
    READ_INPUT: "input",
    WRITE_COIL: "coil",
    WRITE_REGISTER: "holding",
    WRITE_REGISTERS: "holding",
}
EXCEPTION_FLAG = 0x80
CLOCK_ROUNDING_S = 1e-6


class RefusedError(Exception):
    """The request is answered by this exception code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exception {code}")
        self.code = code


class ModbusController:
    """One controller; joined to its line by `output` and `receive`. It is a `Board` of the bench."""

    def __init__(self, world: EvseWorld, emit: Emit, model: ModbusControllerModel | None = None) -> None:
        self.output: Callable[[bytes], None] = lambda _data: None
        self.muted = False
        """True: hears and says nothing, but goes on charging, and soon misses its host where it watches for one."""
        self.model = model if model is not None else ModbusControllerModel()
        self.powered = False
        self.requests: list[bytes] = []
        """PDU of every request it was asked, in order."""
        self._world = world
        self._emit = emit
        self._timers = Timers(world.loop)
        self._reader = RequestReader(self.model.framing)
        self._written_s = -math.inf
        self._replies = 0
        self.control = ControllerControl(world, self.model.timing, self._changed)
        self._layout = make_layout(self.model, world, self.control)

    def power_on(self) -> None:
        """Give it supply; it works and answers after `boot_s`."""
        if not self.powered:
            self.powered = True
            self._timers.after("boot", self.model.timing.boot_s, self._booted)

    def power_off(self) -> None:
        """Take the supply away."""
        self.powered = False
        self._timers.cancel_all()
        self._layout.dark()
        self.control.stop()

    def reset(self) -> None:
        """Restart it."""
        if self.powered:
            self.power_off()
            self.power_on()

    def save(self) -> dict[str, Any]:
        """Return what survives the dark."""
        return dict(self._layout.save())

    def restore(self, saved: dict[str, Any]) -> None:
        """Put it back."""
        self._layout.restore(saved)

    def receive(self, data: bytes) -> None:
        """Take bytes from the line."""
        if self.muted or not self.control.running:
            return
        for request in self._reader.feed(data):
            if request.unit == self.model.unit:
                self._take(request)

    def describe(self) -> dict[str, Any]:
        """State and registers for the bench's `state` operation."""
        control = self.control
        return {
            "powered": self.powered,
            "kind": self.model.kind,
            "state": control.state,
            "trouble": None if control.trouble is None else control.trouble.value,
            "offer_a": control.offer_a,
            "signalled_a": control.signalled_a,
            "relay_driven": control.relay_driven,
            "registers": {f"{table} {at}": r.read() for (table, at), r in self._layout.registers.items() if r.write},
        }

    def _booted(self) -> None:
        self._written_s = -math.inf
        self.control.start()
        self._layout.restart()

    def _changed(self) -> None:
        control = self.control
        trouble = None if control.trouble is None else control.trouble.value
        self._emit("controller", {"state": control.state, "trouble": trouble})

    # -------------------------------------------------------------- line

    def _take(self, request: Request) -> None:
        self.requests.append(request.pdu)
        function = request.pdu[0]
        if function in self._layout.write_functions and not self._may_hear_write():
            self._emit("command_refused", {"text": request.pdu.hex(), "reason": "too soon after the last write"})
            return
        try:
            pdu = self._answer(request.pdu)
        except RefusedError as refused:
            self._emit("command_refused", {"text": request.pdu.hex(), "reason": str(refused)})
            pdu = bytes([function | EXCEPTION_FLAG, refused.code])
        self._layout.heard()
        reply = frame(Request(request.unit, pdu, request.transaction_id), self.model.framing)
        self._replies += 1
        self._timers.after(f"reply {self._replies}", self.model.timing.reply_s, lambda: self._send(reply))

    def _may_hear_write(self) -> bool:
        now_s = self._world.loop.time()
        heard = now_s - self._written_s >= self._layout.write_gap_s - CLOCK_ROUNDING_S
        if heard:
            self._written_s = now_s
        return heard

    def _answer(self, pdu: bytes) -> bytes:
        function = pdu[0]
        if function in {READ_COILS, READ_HOLDING, READ_INPUT}:
            return self._read(function, pdu)
        if function not in self._layout.write_functions:
            raise RefusedError(ILLEGAL_FUNCTION)
        return self._write(function, pdu)

    def _read(self, function: int, pdu: bytes) -> bytes:
        address, count = int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")
        if not 1 <= count <= 125:  # noqa: PLR2004 - V1.1b3, 6.3
            raise RefusedError(ILLEGAL_DATA_VALUE)
        registers = [self._layout.registers.get((TABLES[function], address + index)) for index in range(count)]
        values = [register.read() for register in registers if register is not None]
        if len(values) != count:
            raise RefusedError(ILLEGAL_DATA_ADDRESS)
        if function == READ_COILS:
            bits = sum(bit << index for index, bit in enumerate(values))
            data = bits.to_bytes((count + 7) // 8, "little")
        else:
            data = b"".join((value & 0xFFFF).to_bytes(2, "big") for value in values)
        return bytes([function, len(data)]) + data

    def _write(self, function: int, pdu: bytes) -> bytes:
        address, second = int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")
        values = [second]
        if function == WRITE_REGISTERS:
            if len(pdu) != 6 + 2 * second or pdu[5] != 2 * second:
                raise RefusedError(ILLEGAL_DATA_VALUE)
            values = [int.from_bytes(pdu[6 + 2 * index : 8 + 2 * index], "big") for index in range(second)]
        if function == WRITE_COIL:
            if second not in COIL_VALUES:
                raise RefusedError(ILLEGAL_DATA_VALUE)
            values = [COIL_VALUES[second]]
        for index, value in enumerate(values):
            register = self._layout.registers.get((TABLES[function], address + index))
            if register is None or register.write is None:
                raise RefusedError(ILLEGAL_DATA_ADDRESS)
            self._emit("command", {"text": f"{TABLES[function]} {address + index} = {value}", "name": "write"})
            if not register.write(value):
                raise RefusedError(ILLEGAL_DATA_VALUE)
        return pdu[:5]

    def _send(self, reply: bytes) -> None:
        if self.powered and not self.muted:
            self.output(reply)
