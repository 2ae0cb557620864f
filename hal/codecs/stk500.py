"""Requests to an AVR boot loader that speaks STK500 version 1, and what may answer them (rule).

A request is a command byte, its parameters and an end mark; an answer is IN_SYNC, the data asked for, OK. Addresses
count words of two bytes. Only what boot loaders of the Arduino kind carry out is here: they leave fuses and EEPROM
alone.
Source: Atmel AVR061, STK500 communication protocol, sections 2 to 4.
"""

from typing import Final

from hal.api import BadFrameError, DeviceRefusedError
from hal.value import dataclass

END_OF_COMMAND: Final = 0x20
IN_SYNC, NOT_IN_SYNC, OK, FAILED, UNKNOWN = 0x14, 0x15, 0x10, 0x11, 0x12
FLASH: Final = ord("F")
SOFTWARE_MAJOR, SOFTWARE_MINOR = 0x81, 0x82
WORD_BYTES: Final = 2
MAX_BLOCK_BYTES: Final = 256
_FRAMING_BYTES: Final = 2
"""IN_SYNC before the data of an answer, OK behind them."""
_WORDS: Final = 0x10000
_JUMP: Final = 0x940C
"""JMP k, its first word while k fits the second. Source: AVR instruction set manual, JMP."""
ERASED: Final = 0xFF


@dataclass(frozen=True, slots=True)
class AvrPart:
    """A controller: what its data sheet says, and what its boot loader takes of the flash.

    `boot_bytes`: Optiboot takes 512 of an ATmega328P, the loader before it 2048; not sourced for every board, so it can
    be set.
    """

    name: str
    signature: bytes
    flash_bytes: int
    page_bytes: int
    boot_bytes: int

    @property
    def application_bytes(self) -> int:
        """What an image may take."""
        return self.flash_bytes - self.boot_bytes


ATMEGA328P: Final = AvrPart("ATmega328P", bytes.fromhex("1E950F"), 32 * 1024, 128, 512)
"""The OpenEVSE board's. Source: ATmega328P data sheet, 27.3 (signature), 27.5 (pages), table 26-7 (boot size)."""


@dataclass(frozen=True, slots=True)
class Request:
    """Bytes to send, and how many bytes of data their answer carries."""

    name: str
    data: bytes
    answer_bytes: int = 0


GET_SYNC: Final = Request("get sync", bytes([0x30, END_OF_COMMAND]))
ENTER_PROGRAMMING: Final = Request("enter programming", bytes([0x50, END_OF_COMMAND]))
LEAVE_PROGRAMMING: Final = Request("leave programming", bytes([0x51, END_OF_COMMAND]))
READ_SIGNATURE: Final = Request("read signature", bytes([0x75, END_OF_COMMAND]), 3)


def get_parameter(parameter: int) -> Request:
    """Ask for one parameter, for instance `SOFTWARE_MAJOR`."""
    return Request("get parameter", bytes([0x41, parameter, END_OF_COMMAND]), 1)


def load_address(byte_address: int) -> Request:
    """Say where the next page lies. Raises: ValueError for an address between two words or beyond 128 KiB."""
    word, odd = divmod(byte_address, WORD_BYTES)
    if odd or not 0 <= word < _WORDS:
        raise ValueError(f"no flash address: {byte_address}")
    return Request("load address", bytes([0x55, *word.to_bytes(2, "little"), END_OF_COMMAND]))


def program_page(page: bytes) -> Request:
    """Write one page of flash at the address loaded. Raises: ValueError."""
    return Request("program page", bytes([0x64, *_block(len(page)), *page, END_OF_COMMAND]))


def read_page(size: int) -> Request:
    """Read flash from the address loaded on. Raises: ValueError."""
    return Request("read page", bytes([0x74, *_block(size), END_OF_COMMAND]), size)


def take_answer(request: Request, received: bytes) -> bytes | None:
    """Return the data of a whole answer; None: more bytes are to come (or none, if a request for data was refused).

    Raises: BadFrameError if this cannot be the answer, DeviceRefusedError if it says no.
    """
    if not received:
        return None
    if received[0] != IN_SYNC:
        raise BadFrameError(f"{request.name}: the boot loader is out of step ({received[0]:#04x})")
    size = request.answer_bytes + _FRAMING_BYTES
    if len(received) < size:
        return None
    if received[size - 1] in {FAILED, UNKNOWN}:
        raise DeviceRefusedError(f"{request.name}: the boot loader refuses")
    if len(received) > size or received[size - 1] != OK:
        raise BadFrameError(f"{request.name}: {len(received)} bytes that end with {received[-1]:#04x} are no answer")
    return received[1 : size - 1]


def jump_to_loader(part: AvrPart) -> bytes:
    """A first page that leads every start into the boot loader."""
    words = (_JUMP, part.application_bytes // WORD_BYTES)
    jump = b"".join(word.to_bytes(WORD_BYTES, "little") for word in words)
    return jump.ljust(part.page_bytes, bytes([ERASED]))


def pages(part: AvrPart, image: bytes) -> list[bytes]:
    """Cut an image into whole pages. Raises: ValueError if it is empty or does not fit below the boot loader."""
    if not 0 < len(image) <= part.application_bytes:
        raise ValueError(f"{len(image)} bytes do not fit the {part.application_bytes} of an {part.name}")
    erased = bytes([ERASED])
    starts = range(0, len(image), part.page_bytes)
    return [image[start : start + part.page_bytes].ljust(part.page_bytes, erased) for start in starts]


def _block(size: int) -> bytes:
    if not 0 < size <= MAX_BLOCK_BYTES or size % WORD_BYTES:
        raise ValueError(f"no block of flash: {size} bytes")
    return bytes([*size.to_bytes(2, "big"), FLASH])
