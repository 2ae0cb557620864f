"""A relay card on a pseudo-terminal: coils remember, an input shows what the test wires to it."""

from collections.abc import Callable
from pathlib import Path

from pymodbus.framer import FramerRTU
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

    def _receive(self, data: bytes) -> None:
        self._buffer += data
        used, unit, transaction_id, frame = self._framer.decode(self._buffer)
        self._buffer = self._buffer[used:]
        if frame and (request := self._framer.decoder.decode(frame)) is not None and not self.muted:
            response = self._answer(request)
            response.dev_id, response.transaction_id = unit, transaction_id
            self._line.write(self._framer.buildFrame(response))

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
