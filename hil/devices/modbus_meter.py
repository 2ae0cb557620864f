"""A simulated Modbus energy meter: request bytes in, reply bytes out, on whatever event loop runs it.

It answers reads of documented registers only, as a strict meter does; anything else gets the exception of the Modbus
application protocol V1.1b3, section 7. It answers its own unit only, so several may hear one line.
"""

import asyncio
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum
from typing import Literal

from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU

from hil.devices.iskra_signing import SigningBlock
from hil.devices.meter_registers import MeterValues, load_simulated_registers

Framing = Literal["rtu", "tcp"]

ILLEGAL_FUNCTION = 1
ILLEGAL_DATA_ADDRESS = 2
ILLEGAL_DATA_VALUE = 3
READ_FUNCTIONS = (3, 4)
READ_INPUT = 4
READ_REQUEST_SIZE = 5
MAX_BUFFERED = 300
MBAP_SIZE = 7
DEFAULT_DELAY_S = 2.0
GARBAGE_SIZE = 40
SIGNING_MAPS = frozenset({"iskra_wm3m4c"})
"""Models whose signing block is simulated."""


class MeterMode(Enum):
    """How the meter behaves."""

    NORMAL = "normal"
    SILENT = "silent"
    GARBAGE = "garbage"
    """Answers with random bytes."""
    BACKWARDS = "backwards"
    """Shows half the energy it has counted."""
    UNAVAILABLE = "unavailable"
    """Shows no energy: NaN, or all ones."""
    SLOW = "slow"
    """Answers right, `delay_s` late."""
    WRONG_UNIT = "wrong_unit"
    """Answers in the name of the next unit."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request that was addressed to somebody on this line."""

    unit: int
    pdu: bytes
    transaction_id: int = 0


class SimulatedMeter:
    """One meter of the model `map_name` at `unit`; replies leave through `output`."""

    def __init__(
        self,
        map_name: str,
        unit: int = 1,
        framing: Framing = "rtu",
        *,
        seed: int = 0,
        serial_number: str = "PL000001",
    ) -> None:
        self.registers = load_simulated_registers(map_name)
        self.unit = unit
        self.framing = framing
        self.mode = MeterMode.NORMAL
        self.delay_s = DEFAULT_DELAY_S
        self.requests: list[Request] = []
        """Every request this meter was asked, answered or not."""
        self.output: Callable[[bytes], None] = _nowhere
        self._source: Callable[[], MeterValues] = lambda: MeterValues(Decimal(0))
        self._reader = RequestReader(framing)
        self._random = random.Random(seed)
        self.signing: SigningBlock | None = None
        """What signs, where the model can."""
        if map_name in SIGNING_MAPS:
            self.signing = SigningBlock(serial_number, lambda: self._source().energy_import_wh)

    def set_source(self, source: Callable[[], MeterValues]) -> None:
        """Ask this for the values each time a request is answered."""
        self._source = source

    def receive(self, data: bytes) -> None:
        """Take bytes from the line; what completes a request to this unit is answered through `output`."""
        for request in self._reader.feed(data):
            if request.unit == self.unit:
                self.requests.append(request)
                self._respond(request)

    def _respond(self, request: Request) -> None:
        signing = self.signing if request.pdu[0] != READ_INPUT else None
        if self.mode is MeterMode.SILENT or (signing is not None and signing.is_silent):
            return
        if self.mode is MeterMode.GARBAGE:
            self.output(self._random.randbytes(self._random.randint(1, GARBAGE_SIZE)))
            return
        unit = self.unit % 247 + 1 if self.mode is MeterMode.WRONG_UNIT else self.unit
        reply = frame(Request(unit, self._answer(request.pdu), request.transaction_id), self.framing)
        if self.mode is MeterMode.SLOW:
            asyncio.get_running_loop().call_later(self.delay_s, lambda: self.output(reply))
        else:
            self.output(reply)

    def _answer(self, pdu: bytes) -> bytes:
        function = pdu[0]
        if self.signing is not None and function != READ_INPUT:
            return self.signing.answer(pdu)
        if function != self.registers.function:
            return bytes([function | 0x80, ILLEGAL_FUNCTION])
        if len(pdu) != READ_REQUEST_SIZE:
            return bytes([function | 0x80, ILLEGAL_DATA_VALUE])
        address, count = int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")
        if not 1 <= count <= self.registers.max_registers:
            return bytes([function | 0x80, ILLEGAL_DATA_VALUE])
        image = self.registers.image(self._values())
        if self.signing is not None:
            image |= self.signing.serial_registers()
        if any(register not in image for register in range(address, address + count)):
            return bytes([function | 0x80, ILLEGAL_DATA_ADDRESS])
        words = [image[register] for register in range(address, address + count)]
        return bytes([function, 2 * count]) + b"".join(word.to_bytes(2, "big") for word in words)

    def _values(self) -> MeterValues:
        values = self._source()
        if self.mode is MeterMode.UNAVAILABLE:
            return replace(values, has_energy=False)
        if self.mode is MeterMode.BACKWARDS:
            return replace(values, energy_import_wh=values.energy_import_wh / 2)
        return values


class RequestReader:
    """Cuts a byte stream into requests, whoever they are for; junk between them is skipped."""

    def __init__(self, framing: Framing) -> None:
        self._next = self._next_rtu if framing == "rtu" else self._next_tcp
        self._decoder = DecodePDU(is_server=True)
        self._buffer = b""

    def feed(self, data: bytes) -> list[Request]:
        """Take bytes in and return the requests that are complete."""
        self._buffer += data
        requests = []
        while (request := self._next()) is not None:
            requests.append(request)
        self._buffer = self._buffer[-MAX_BUFFERED:]
        return requests

    def _next_rtu(self) -> Request | None:
        for start in range(len(self._buffer) - FramerRTU.MIN_SIZE + 1):
            end = start + self._rtu_size(self._buffer[start:])
            if start < end <= len(self._buffer) and _crc_fits(self._buffer[start:end]):
                found = self._buffer[start:end]
                self._buffer = self._buffer[end:]
                return Request(found[0], found[1:-2])
        return None

    def _rtu_size(self, data: bytes) -> int:
        """Size that a request starting here has by its function code; 0 if it cannot start here."""
        if data[1] & 0x80:
            return 0
        try:
            kind = self._decoder.lookupPduClass(data)
            return 0 if kind is None else kind.calculateRtuFrameSize(data)
        except (ModbusException, IndexError, struct.error):
            return 0

    def _next_tcp(self) -> Request | None:
        if len(self._buffer) <= MBAP_SIZE:
            return None
        transaction_id, protocol, length = (int.from_bytes(self._buffer[i : i + 2], "big") for i in (0, 2, 4))
        if protocol != 0 or not 2 <= length <= 254:  # noqa: PLR2004 - unit and function; Modbus TCP guide V1.0b, 3.1.3
            self._buffer = b""
            return None
        end = MBAP_SIZE - 1 + length
        if len(self._buffer) < end:
            return None
        found = self._buffer[:end]
        self._buffer = self._buffer[end:]
        return Request(found[6], found[MBAP_SIZE:], transaction_id)


def frame(message: Request, framing: Framing) -> bytes:
    """Put unit, length and checksum around a request or reply."""
    if framing == "rtu":
        return FramerRTU(DecodePDU(is_server=True)).encode(message.pdu, message.unit, 0)
    return FramerSocket(DecodePDU(is_server=True)).encode(message.pdu, message.unit, message.transaction_id)


def _crc_fits(data: bytes) -> bool:
    return FramerRTU.compute_CRC(data[:-2]) == int.from_bytes(data[-2:], "big")


def _nowhere(_data: bytes) -> None:
    """Lose the reply: nothing is connected."""
