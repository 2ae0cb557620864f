"""One Modbus request and the bytes that may answer it (rule); framing and PDUs are pymodbus's.

A reply counts only if unit, function and number of registers (of a write: its address too) are those of the request,
and over TCP the transaction id; everything else on the line is dropped and counted. pymodbus's own search for a frame
is not used: it gives up a good reply behind junk.
Source: Modbus application protocol V1.1b3, 6.3, 6.4, 6.12, 7; serial line V1.02, 2.5.1; TCP/IP guide V1.0b, 3.1.3.
"""

from typing import Literal

from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ModbusPDU
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadInputRegistersRequest,
    WriteMultipleRegistersRequest,
)

from hal.api import BadFrameError
from hal.value import dataclass

Framing = Literal["rtu", "tcp"]

_READS = {3: ReadHoldingRegistersRequest, 4: ReadInputRegistersRequest}
_WRITE = 16
_EXCEPTION_FLAG = 0x80
_RTU_OVERHEAD = 3
"""Unit and two bytes of checksum."""
_EXCEPTION_SIZE = 2
_MBAP_UNIT = 6
_MBAP_SIZE = 7
_MIN_TCP_LENGTH, _MAX_TCP_LENGTH = 3, 254
_MAX_UNIT, _MAX_COUNT, _MAX_WRITTEN, _END_ADDRESS = 255, 125, 123, 0x10000
_LAST_WORD = 0xFFFF
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
        if self.function not in _READS or not in_range or not 0 <= self.address <= _END_ADDRESS - self.count:
            raise ValueError(f"no such Modbus read: {self}")

    @property
    def reply_head(self) -> bytes:
        """First bytes of the only PDU that answers this."""
        return bytes([self.function, 2 * self.count])

    @property
    def reply_size(self) -> int:
        """Bytes of that PDU."""
        return 2 + 2 * self.count

    def to_pdu(self, transaction_id: int) -> ModbusPDU:
        """Render for pymodbus."""
        return _READS[self.function](
            address=self.address, count=self.count, dev_id=self.unit, transaction_id=transaction_id
        )


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """Write registers from `address` on, with function 16. Raises: ValueError if that cannot be asked.

    Function 6 is not used: its reply repeats the request, as an adapter that hears itself does.
    """

    unit: int
    address: int
    words: tuple[int, ...]
    function: int = _WRITE

    def __post_init__(self) -> None:
        in_range = 0 <= self.unit <= _MAX_UNIT and 1 <= len(self.words) <= _MAX_WRITTEN
        are_words = all(0 <= word <= _LAST_WORD for word in self.words)
        if not (in_range and are_words) or not 0 <= self.address <= _END_ADDRESS - len(self.words):
            raise ValueError(f"no such Modbus write: {self}")

    @property
    def reply_head(self) -> bytes:
        """The whole PDU that answers this: function, address and count."""
        return bytes([self.function]) + self.address.to_bytes(2, "big") + len(self.words).to_bytes(2, "big")

    @property
    def reply_size(self) -> int:
        """Bytes of that PDU."""
        return len(self.reply_head)

    def to_pdu(self, transaction_id: int) -> ModbusPDU:
        """Render for pymodbus."""
        return WriteMultipleRegistersRequest(
            address=self.address, registers=[*self.words], dev_id=self.unit, transaction_id=transaction_id
        )


Request = ReadRequest | WriteRequest


@dataclass(frozen=True, slots=True)
class Registers:
    """Words that the device answered with; none to a write."""

    words: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """The exception code that the device answered with."""

    code: int


Reply = Registers | Refused


class OutOfStepError(BadFrameError):
    """A TCP stream that is no Modbus stream any more: only a new connection helps."""


class Exchange:
    """One request on the wire and the search for its reply."""

    def __init__(self, framing: Framing, request: Request, transaction_id: int) -> None:
        self._request = request
        self._transaction_id = transaction_id
        self._decoder = DecodePDU(is_server=False)
        self._framer = FramerRTU(self._decoder) if framing == "rtu" else FramerSocket(self._decoder)
        self._search = self._search_rtu if framing == "rtu" else self._search_tcp
        self._buffer = b""
        self._received = 0
        self.frame = self._framer.buildFrame(request.to_pdu(transaction_id))
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
            size = self._rtu_size(start)
            candidate = self._buffer[start : start + size]
            if size and len(candidate) == size and (pdu := self._framer.decode(candidate)[3]):
                self.dropped += start > 0
                self._buffer = b""
                return self._reply(pdu)
        return None

    def _rtu_size(self, start: int) -> int:
        """Size of the reply that may start there; 0 if none can."""
        request = self._request
        if self._buffer.startswith(bytes([request.unit]) + request.reply_head, start):
            return _RTU_OVERHEAD + request.reply_size
        if self._buffer.startswith(bytes([request.unit, request.function | _EXCEPTION_FLAG]), start):
            return _RTU_OVERHEAD + _EXCEPTION_SIZE
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
            return len(pdu) == _EXCEPTION_SIZE
        return pdu.startswith(request.reply_head) and len(pdu) == request.reply_size

    def _reply(self, pdu: bytes) -> Reply | None:
        message = self._decoder.decode(pdu)
        if message is None:
            self.dropped += 1
            return None
        if message.isError():
            return Refused(message.exception_code)
        return Registers(() if isinstance(self._request, WriteRequest) else tuple(message.registers))
