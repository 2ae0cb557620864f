"""One Modbus read and the bytes that may answer it (rule); framing and PDUs are pymodbus's.

A reply counts only if unit, function and number of registers are those of the request, and over TCP the transaction id;
everything else on the line is dropped and counted. pymodbus's own search for a frame is not used: it gives up a good
reply behind junk.
Source: Modbus application protocol V1.1b3, 6.3, 6.4, 7; serial line V1.02, 2.5.1; TCP/IP guide V1.0b, 3.1.3.
"""

from typing import Literal

from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest

from hal.api import BadFrameError
from hal.value import dataclass

Framing = Literal["rtu", "tcp"]

_REQUESTS = {3: ReadHoldingRegistersRequest, 4: ReadInputRegistersRequest}
_EXCEPTION_FLAG = 0x80
_RTU_OVERHEAD = 5
"""Unit, function, byte count and two bytes of checksum."""
_RTU_EXCEPTION_SIZE = 5
_MBAP_UNIT = 6
_MBAP_SIZE = 7
_MIN_TCP_LENGTH, _MAX_TCP_LENGTH = 3, 254
_MAX_UNIT, _MAX_COUNT, _END_ADDRESS = 255, 125, 0x10000
_MAX_BYTES = 4096
"""More than this is a line that never stops talking."""


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """Read `count` registers from `address` on, with function 3 or 4. Raises: ValueError if that cannot be asked."""

    unit: int
    function: int
    address: int
    count: int

    def __post_init__(self) -> None:
        in_range = 0 <= self.unit <= _MAX_UNIT and 1 <= self.count <= _MAX_COUNT
        if self.function not in _REQUESTS or not in_range or not 0 <= self.address <= _END_ADDRESS - self.count:
            raise ValueError(f"no such Modbus read: {self}")


@dataclass(frozen=True, slots=True)
class Registers:
    """Words that the device answered with."""

    words: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """The exception code that the device answered with."""

    code: int


Reply = Registers | Refused


class OutOfStepError(BadFrameError):
    """A TCP stream that is no Modbus stream any more: only a new connection helps."""


class ReadExchange:
    """One request on the wire and the search for its reply."""

    def __init__(self, framing: Framing, request: ReadRequest, transaction_id: int) -> None:
        self._request = request
        self._transaction_id = transaction_id
        self._decoder = DecodePDU(is_server=False)
        self._framer = FramerRTU(self._decoder) if framing == "rtu" else FramerSocket(self._decoder)
        self._search = self._search_rtu if framing == "rtu" else self._search_tcp
        self._buffer = b""
        self._received = 0
        self.frame = self._framer.buildFrame(
            _REQUESTS[request.function](
                address=request.address, count=request.count, dev_id=request.unit, transaction_id=transaction_id
            )
        )
        """Bytes to send."""
        self.dropped = 0
        """Replies, or stretches of junk, that did not belong to the request."""

    def feed(self, data: bytes) -> Reply | None:
        """Take bytes in and return the reply once it is complete. Raises: BadFrameError if it can never come."""
        self._received += len(data)
        if self._received > _MAX_BYTES:
            raise OutOfStepError(f"more than {_MAX_BYTES} bytes for one request")
        self._buffer += data
        return self._search()

    @property
    def junk(self) -> bool:
        """True if anything arrived that was not the reply."""
        return self.dropped > 0 or bool(self._buffer)

    def _search_rtu(self) -> Reply | None:
        # An RS-485 adapter without echo suppression hears what it sends.
        self._buffer = self._buffer.removeprefix(self.frame)
        for start in range(len(self._buffer)):
            size = self._rtu_size(self._buffer[start : start + 3])
            candidate = self._buffer[start : start + size]
            if size and len(candidate) == size and (pdu := self._framer.decode(candidate)[3]):
                self.dropped += start > 0
                self._buffer = b""
                return self._reply(pdu)
        return None

    def _rtu_size(self, head: bytes) -> int:
        """Size of the reply that may start with these bytes; 0 if it cannot."""
        request = self._request
        if head == bytes([request.unit, request.function, 2 * request.count]):
            return _RTU_OVERHEAD + 2 * request.count
        if head[:2] == bytes([request.unit, request.function | _EXCEPTION_FLAG]):
            return _RTU_EXCEPTION_SIZE
        return 0

    def _search_tcp(self) -> Reply | None:
        while len(self._buffer) >= _MBAP_SIZE:
            protocol, length = int.from_bytes(self._buffer[2:4], "big"), int.from_bytes(self._buffer[4:6], "big")
            if protocol != 0 or not _MIN_TCP_LENGTH <= length <= _MAX_TCP_LENGTH:
                raise OutOfStepError("not a Modbus TCP header")
            size = _MBAP_UNIT + length
            if len(self._buffer) < size:
                return None
            frame, self._buffer = self._buffer[:size], self._buffer[size:]
            _, unit, transaction_id, pdu = self._framer.decode(frame)
            if (unit, transaction_id) == (self._request.unit, self._transaction_id) and self._fits(pdu):
                return self._reply(pdu)
            self.dropped += 1
        return None

    def _fits(self, pdu: bytes) -> bool:
        request = self._request
        if pdu[0] == request.function | _EXCEPTION_FLAG:
            return len(pdu) == _RTU_EXCEPTION_SIZE - 3
        return pdu[:2] == bytes([request.function, 2 * request.count]) and len(pdu) == 2 + 2 * request.count

    def _reply(self, pdu: bytes) -> Reply | None:
        message = self._decoder.decode(pdu)
        if message is None:
            self.dropped += 1
            return None
        return Refused(message.exception_code) if message.isError() else Registers(tuple(message.registers))
