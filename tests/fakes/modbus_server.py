"""A Modbus server with several units on one line, on pymodbus's server-side framing; it can be told to misbehave."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Literal

from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.pdu.bit_message import WriteSingleCoilResponse
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersResponse,
    ReadInputRegistersResponse,
    WriteMultipleRegistersResponse,
    WriteSingleRegisterResponse,
)

from hal.api import PortError
from hal.transports.port import Port

Misbehaviour = Callable[["ModbusServer", ModbusPDU], list[tuple[float, bytes]]]
"""Given the server and the request: what to send instead, each after a delay in seconds."""

RESPONSES = {3: ReadHoldingRegistersResponse, 4: ReadInputRegistersResponse}
ILLEGAL_DATA_ADDRESS = 2


class ModbusServer:
    """Answers reads of `units[unit][address]` and takes writes; `misbehave` changes the answers to come."""

    def __init__(self, port: Port, framing: Literal["rtu", "tcp"] = "rtu") -> None:
        self.units: dict[int, dict[int, int]] = {}
        self.asked: list[tuple[int, int, int, int]] = []
        """Unit, function, address and count of each request, in order."""
        self.asked_at_s: list[float] = []
        self.written: list[tuple[int, int, tuple[int, ...]]] = []
        """Unit, address and words of each write, in order."""
        self._port = port
        self._framer = (FramerRTU if framing == "rtu" else FramerSocket)(DecodePDU(is_server=True))
        self._misbehaviours: deque[Misbehaviour] = deque()
        self._always: Misbehaviour | None = None

    def misbehave(self, *misbehaviours: Misbehaviour) -> None:
        """Answer the next requests so, one each."""
        self._misbehaviours.extend(misbehaviours)

    def always(self, misbehaviour: Misbehaviour | None) -> None:
        """Answer every request so, until told otherwise with None."""
        self._always = misbehaviour

    async def run(self) -> None:
        """Serve the line until cancelled, through its losses."""
        while True:
            with contextlib.suppress(PortError):
                await self._port.open()
                await self._listen()
            await asyncio.sleep(1)

    async def _listen(self) -> None:
        buffer = b""
        while True:
            buffer += await self._port.read()
            used, unit, transaction_id, frame = self._framer.decode(buffer)
            buffer = buffer[used:]
            if frame and (request := self._framer.decoder.decode(frame)) is not None:
                request.dev_id, request.transaction_id = unit, transaction_id
                self._serve(request)

    def reply(self, request: ModbusPDU) -> bytes:
        """Frame the honest answer."""
        if request.function_code not in RESPONSES:
            return self._write(request)
        registers = self.units[request.dev_id]
        wanted = range(request.address, request.address + request.count)
        if any(address not in registers for address in wanted):
            return self.refusal(request, ILLEGAL_DATA_ADDRESS)
        return self.frame(
            RESPONSES[request.function_code](registers=[registers[address] for address in wanted]), request
        )

    def _write(self, request: ModbusPDU) -> bytes:
        words = tuple(request.registers) or tuple(int(bit) for bit in request.bits)
        self.written.append((request.dev_id, request.address, words))
        match request.function_code:
            case 5:
                return self.frame(WriteSingleCoilResponse(address=request.address, bits=request.bits), request)
            case 6:
                return self.frame(WriteSingleRegisterResponse(address=request.address, registers=[*words]), request)
            case _:
                return self.frame(WriteMultipleRegistersResponse(address=request.address, count=len(words)), request)

    def refusal(self, request: ModbusPDU, code: int) -> bytes:
        """Frame an exception."""
        return self.frame(ExceptionResponse(request.function_code, code), request)

    def frame(self, response: ModbusPDU, request: ModbusPDU, *, unit: int | None = None) -> bytes:
        """Frame any response to a request."""
        response.dev_id = request.dev_id if unit is None else unit
        response.transaction_id = request.transaction_id
        return self._framer.buildFrame(response)

    def _serve(self, request: ModbusPDU) -> None:
        loop = asyncio.get_running_loop()
        self.asked.append((request.dev_id, request.function_code, request.address, request.count))
        self.asked_at_s.append(loop.time())
        if self._misbehaviours:
            parts = self._misbehaviours.popleft()(self, request)
        elif self._always is not None:
            parts = self._always(self, request)
        else:
            parts = honest(self, request)
        for delay_s, data in parts:
            loop.call_later(delay_s, self._port.write, data)


def honest(server: ModbusServer, request: ModbusPDU) -> list[tuple[float, bytes]]:
    """Answer truly; units that are not on the line stay silent."""
    return [(0.0, server.reply(request))] if request.dev_id in server.units else []


def silent(_server: ModbusServer, _request: ModbusPDU) -> list[tuple[float, bytes]]:
    """Say nothing."""
    return []


def late(delay_s: float) -> Misbehaviour:
    """Answer truly, this much later."""
    return lambda server, request: [(delay_s, server.reply(request))]


def instead(*parts: bytes) -> Misbehaviour:
    """Send these bytes."""
    return lambda _server, _request: [(0.0, part) for part in parts]


def around(before: bytes = b"", after: bytes = b"") -> Misbehaviour:
    """Put junk around the true answer."""
    return lambda server, request: [(0.0, before + server.reply(request) + after)]


def echoing(server: ModbusServer, request: ModbusPDU) -> list[tuple[float, bytes]]:
    """Hear oneself first, as a two-wire adapter without echo suppression does."""
    return [(0.0, server.frame(request, request)), (0.01, server.reply(request))]


def in_pieces(server: ModbusServer, request: ModbusPDU) -> list[tuple[float, bytes]]:
    """Send the true answer byte by byte."""
    return [(0.001 * index, bytes([byte])) for index, byte in enumerate(server.reply(request))]


def cut_short(server: ModbusServer, request: ModbusPDU) -> list[tuple[float, bytes]]:
    """Leave the last byte out."""
    return [(0.0, server.reply(request)[:-1])]


def flipped(server: ModbusServer, request: ModbusPDU) -> list[tuple[float, bytes]]:
    """Turn one bit of the data."""
    reply = bytearray(server.reply(request))
    reply[4] ^= 0x10
    return [(0.0, bytes(reply))]


def as_unit(unit: int) -> Misbehaviour:
    """Answer in another unit's name."""

    def misbehave(server: ModbusServer, request: ModbusPDU) -> list[tuple[float, bytes]]:
        registers = [0] * request.count
        return [(0.0, server.frame(RESPONSES[request.function_code](registers=registers), request, unit=unit))]

    return misbehave


def with_other_function(server: ModbusServer, request: ModbusPDU) -> list[tuple[float, bytes]]:
    """Answer as if the other register table had been asked for."""
    return [(0.0, server.frame(RESPONSES[7 - request.function_code](registers=[0] * request.count), request))]


def with_count(count: int) -> Misbehaviour:
    """Answer with another number of registers."""
    return lambda server, request: [
        (0.0, server.frame(RESPONSES[request.function_code](registers=[0xBAD] * count), request))
    ]


def refusing(code: int) -> Misbehaviour:
    """Answer with an exception."""
    return lambda server, request: [(0.0, server.refusal(request, code))]
