"""A relay card on a pseudo-terminal, and by Modbus TCP: coils remember, an input shows what the test wires to it."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from pymodbus.framer import FramerBase, FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.pdu.bit_message import ReadDiscreteInputsResponse, WriteSingleCoilResponse

from hil.lines.pty_line import PtyLine

COILS = 8
ILLEGAL_DATA_ADDRESS = 2


class SimulatedRelayCard:
    """Unit 1 with eight coils and eight inputs."""

    def __init__(self, path: Path, switched: Callable[[int, bool], None] = lambda _coil, _closed: None) -> None:
        self.path = path
        self._on_switch = switched
        self.coils = [False] * COILS
        self.inputs: list[Callable[[], bool]] = [lambda: False] * COILS
        self.switched: list[tuple[int, bool]] = []
        self.muted = False
        self._buffer = b""
        self._framer = FramerRTU(DecodePDU(is_server=True))
        self._line = PtyLine(path, self._receive)

    def open(self) -> None:
        self._line.open()

    def close(self) -> None:
        self._line.close()

    async def serve(self) -> tuple[asyncio.Server, int]:
        """Let it be reached by Modbus TCP as well; gives the port."""
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        return server, server.sockets[0].getsockname()[1]

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        framer, unused = FramerSocket(DecodePDU(is_server=True)), b""
        try:
            while data := await reader.read(256):
                unused, reply = self._replied(framer, unused + data)
                writer.write(reply)
        except ConnectionError:
            pass
        finally:
            writer.close()

    def _receive(self, data: bytes) -> None:
        self._buffer, reply = self._replied(self._framer, self._buffer + data)
        self._line.write(reply)

    def _replied(self, framer: FramerBase, received: bytes) -> tuple[bytes, bytes]:
        used, unit, transaction_id, frame = framer.decode(received)
        reply = b""
        if frame and (request := framer.decoder.decode(frame)) is not None and not self.muted:
            response = self._answer(request)
            response.dev_id, response.transaction_id = unit, transaction_id
            reply = framer.buildFrame(response)
        return received[used:], reply

    def _answer(self, request: ModbusPDU) -> ModbusPDU:
        if request.address + max(request.count, 1) > COILS:
            return ExceptionResponse(request.function_code, ILLEGAL_DATA_ADDRESS)
        if request.function_code == WriteSingleCoilResponse.function_code:
            self.coils[request.address] = request.bits[0]
            self.switched.append((request.address, request.bits[0]))
            self._on_switch(request.address, request.bits[0])
            return WriteSingleCoilResponse(address=request.address, bits=request.bits)
        wanted = self.inputs[request.address : request.address + request.count]
        return ReadDiscreteInputsResponse(bits=[shown() for shown in wanted])
