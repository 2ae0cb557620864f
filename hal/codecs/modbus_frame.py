"""One Modbus request and the bytes that may answer it (rule); framing and PDUs are pymodbus's.

A reply counts only if unit, function and number of registers (of a write: its address too) are those of the request,
and over TCP the transaction id; everything else on the line is dropped and counted. pymodbus's own search for a frame
is not used: it gives up a good reply behind junk.
Source: Modbus application protocol V1.1b3, 6.1-6.6, 6.12, 7; serial line V1.02, 2.5.1; TCP/IP guide V1.0b, 3.1.3.
"""

from typing import Final, Literal

from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ModbusPDU
from pymodbus.pdu.bit_message import ReadCoilsRequest, ReadDiscreteInputsRequest, WriteSingleCoilRequest
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadInputRegistersRequest,
    WriteMultipleRegistersRequest,
    WriteSingleRegisterRequest,
)

from hal.api import BadFrameError
from hal.value import dataclass

Framing = Literal["rtu", "tcp"]

WRITE_COIL, WRITE_REGISTER, WRITE_REGISTERS = 5, 6, 16
_READS: Final = {
    1: ReadCoilsRequest,
    2: ReadDiscreteInputsRequest,
    3: ReadHoldingRegistersRequest,
    4: ReadInputRegistersRequest,
}
_OF_BITS: Final = frozenset({1, 2})
_COIL_ON: Final = 0xFF00
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
    """Read `count` bits (function 1, 2) or registers (3, 4) from `address` on. Raises: ValueError if that is not so."""

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
        size = (self.count + 7) // 8 if self.function in _OF_BITS else 2 * self.count
        return bytes([self.function, size])

    @property
    def reply_size(self) -> int:
        """Bytes of that PDU."""
        return 2 + self.reply_head[1]

    def to_pdu(self, transaction_id: int) -> ModbusPDU:
        """Render for pymodbus."""
        return _READS[self.function](
            address=self.address, count=self.count, dev_id=self.unit, transaction_id=transaction_id
        )


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """Write registers from `address` on (function 16), one register (6) or one coil (5, word 0 or 1).

    The replies to 5 and 6 repeat the request, as an adapter that hears itself does: 16 is to be preferred.
    Raises: ValueError if that cannot be asked.
    """

    unit: int
    address: int
    words: tuple[int, ...]
    function: int = WRITE_REGISTERS

    def __post_init__(self) -> None:
        most = {WRITE_REGISTERS: _MAX_WRITTEN, WRITE_REGISTER: 1, WRITE_COIL: 1}.get(self.function, 0)
        in_range = 0 <= self.unit <= _MAX_UNIT and 1 <= len(self.words) <= most
        are_words = all(0 <= word <= (1 if self.function == WRITE_COIL else _LAST_WORD) for word in self.words)
        if not (in_range and are_words) or not 0 <= self.address <= _END_ADDRESS - len(self.words):
            raise ValueError(f"no such Modbus write: {self}")

    @property
    def repeats_itself(self) -> bool:
        """True if the reply is the same as the request."""
        return self.function != WRITE_REGISTERS

    @property
    def reply_head(self) -> bytes:
        """The whole PDU that answers this: function, address, and the count or the value."""
        word = self.words[0] if self.repeats_itself else len(self.words)
        word = word * _COIL_ON if self.function == WRITE_COIL else word
        return bytes([self.function]) + self.address.to_bytes(2, "big") + word.to_bytes(2, "big")

    @property
    def reply_size(self) -> int:
        """Bytes of that PDU."""
        return len(self.reply_head)

    def to_pdu(self, transaction_id: int) -> ModbusPDU:
        """Render for pymodbus."""
        if self.function == WRITE_COIL:
            return WriteSingleCoilRequest(
                address=self.address, bits=[bool(self.words[0])], dev_id=self.unit, transaction_id=transaction_id
            )
        kind = WriteSingleRegisterRequest if self.repeats_itself else WriteMultipleRegistersRequest
        return kind(address=self.address, registers=[*self.words], dev_id=self.unit, transaction_id=transaction_id)


Request = ReadRequest | WriteRequest


@dataclass(frozen=True, slots=True)
class Registers:
    """Words that the device answered with, bits as 0 or 1; none to a write."""

    words: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """The exception code that the device answered with."""

    code: int


Reply = Registers | Refused


class OutOfStepError(BadFrameError):
    """A TCP stream that is no Modbus stream any more: only a new connection helps."""


class Exchange:
    """One request on the wire and the search for its reply.

    `echoes` says that the line brings back what is sent. A write whose reply repeats it cannot find that out by itself.
    """

    def __init__(self, framing: Framing, request: Request, transaction_id: int, *, echoes: bool = False) -> None:
        self._request = request
        self._transaction_id = transaction_id
        self._decoder = DecodePDU(is_server=False)
        self._framer = FramerRTU(self._decoder) if framing == "rtu" else FramerSocket(self._decoder)
        self._search = self._search_rtu if framing == "rtu" else self._search_tcp
        self._buffer = b""
        self._received = 0
        self.frame = self._framer.buildFrame(request.to_pdu(transaction_id))
        """Bytes to send."""
        self._is_its_own_reply = isinstance(request, WriteRequest) and request.repeats_itself
        self._echo_may_come = echoes or not self._is_its_own_reply
        self.echoed: bool | None = None
        """Whether the line brought the request back; None while that cannot be told."""
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
        if self._echo_may_come and self._buffer.startswith(self.frame):
            self._buffer = self._buffer[len(self.frame) :]
            self._echo_may_come, self.echoed = False, True
        for start in range(len(self._buffer)):
            size = self._rtu_size(start)
            candidate = self._buffer[start : start + size]
            if size and len(candidate) == size and (pdu := self._framer.decode(candidate)[3]):
                self.dropped += start > 0
                self._buffer = b""
                if self.echoed is None and not self._is_its_own_reply:
                    self.echoed = False
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
        if isinstance(self._request, WriteRequest):
            return Registers(())
        if self._request.function in _OF_BITS:
            return Registers(tuple(int(bit) for bit in message.bits[: self._request.count]))
        return Registers(tuple(message.registers))
