"""A card reader with a PN532 in HSU mode: bytes in, bytes out, cards held into its field.

It sleeps after power-up until it is woken, and refuses cards until SAMConfiguration has put it into normal mode.
Source: NXP UM0701-02, PN532 user manual, 6.2.1, 6.3.2.3, 7.2 and 7.3.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from hal.codecs.pn532 import (
    ACK_FRAME,
    ERROR_FRAME,
    HOST_TO_READER,
    IC_PN532,
    READER_TO_HOST,
    Command,
    FrameDecoder,
    Message,
    Signal,
    Target,
    encode,
    list_targets,
    response,
)

HOLD_S = 0.4
"""How long somebody holds a card to the reader."""
ANSWER_S = 0.002
LISTING_TRY_S = 0.005
UNLIMITED = 0xFF
RETRIES_ITEM = 0x05
FIELD_ITEM = 0x01
WAKE_UP_BYTE = 0x55
SENS_RES = {4: 0x0004, 7: 0x0044, 10: 0x0084}
UID_BYTES = tuple(SENS_RES)


@dataclass(frozen=True, slots=True)
class ReaderFirmware:
    """What the reader says that it is."""

    ic: int = IC_PN532
    version: int = 1
    revision: int = 6
    support: int = 0x07


class Pn532Simulator:
    """One reader; `output` carries its bytes."""

    uid_rule = "the 8, 14 or 20 hexadecimal digits of a type A card's UID"
    card_types = frozenset({"ISO14443"})

    def __init__(self, firmware: ReaderFirmware = ReaderFirmware()) -> None:
        self.output: Callable[[bytes], None] = lambda _data: None
        self.firmware = firmware
        self.muted = False
        """True: hears and says nothing."""
        self._cards: dict[bytes, asyncio.TimerHandle | None] = {}
        self._halted: set[bytes] = set()
        """Cards that were released: they do not answer until the field was off or they were taken away."""
        self._decoder = FrameDecoder(HOST_TO_READER)
        self._timer: asyncio.TimerHandle | None = None
        self._last_frame = b""
        self.restart()

    def restart(self) -> None:
        """Lose the supply and get it back: asleep, with default settings."""
        self._awake = self._normal = False
        self._retries = UNLIMITED
        self._last_frame = b""
        self._decoder.reset()
        self._stop_timer()

    def present(self, uid: str) -> bytes:
        """Hold a card to the reader for a moment; returns its UID. Raises: ValueError if no card has such a one."""
        raw = self.place(uid)
        self._cards[raw] = asyncio.get_running_loop().call_later(HOLD_S, self._cards.pop, raw, None)
        return raw

    def place(self, uid: str) -> bytes:
        """Lay a card on the reader until it is taken away. Raises: ValueError."""
        raw = bytes.fromhex(uid)
        if len(raw) not in UID_BYTES:
            raise ValueError("a card of type A has a UID of 4, 7 or 10 bytes")
        self.take_away(uid)
        self._halted.discard(raw)
        self._cards[raw] = None
        return raw

    def take_away(self, uid: str) -> None:
        """Take a card out of the field; harmless if it is not there."""
        timer = self._cards.pop(bytes.fromhex(uid), None)
        if timer is not None:
            timer.cancel()

    def receive(self, data: bytes) -> None:
        """Take bytes from the line."""
        if self.muted:
            return
        if not self._awake:
            if WAKE_UP_BYTE not in data:
                return
            self._awake = True
        for frame in self._decoder.feed(data):
            match frame:
                case Signal.ACK:
                    self._stop_timer()
                case Signal.NACK:
                    self.output(self._last_frame)
                case Signal.ERROR:
                    pass
                case Message():
                    self._stop_timer()
                    self.output(ACK_FRAME)
                    self._carry_out(frame)

    def _carry_out(self, command: Message) -> None:
        firmware = self.firmware
        match command.code, command.parameters:
            case Command.GET_FIRMWARE_VERSION, b"":
                answer = bytes([firmware.ic, firmware.version, firmware.revision, firmware.support])
            case Command.SAM_CONFIGURATION, bytes(parameters) if parameters[:1] == b"\x01":
                self._normal, answer = True, b""
            case Command.RF_CONFIGURATION, bytes(parameters) if self._normal and len(parameters) > 1:
                if parameters[0] == RETRIES_ITEM:
                    self._retries = parameters[-1]
                elif parameters[0] == FIELD_ITEM:
                    self._halted.clear()
                answer = b""
            case Command.IN_RELEASE, bytes(parameters) if self._normal and len(parameters) == 1:
                self._halted |= self._cards.keys()
                answer = b"\x00"
            case Command.IN_LIST_PASSIVE_TARGET, bytes(parameters) if self._normal and parameters[1:2] == b"\x00":
                self._list(command, parameters[0], 0)
                return
            case _:
                self._after(ANSWER_S, lambda: self._send(ERROR_FRAME))
                return
        frame = encode(READER_TO_HOST, response(command, answer))
        self._after(ANSWER_S, lambda: self._send(frame))

    def _list(self, command: Message, most: int, tried: int) -> None:
        """Look for cards once; try again later if there are none."""
        present = sorted(self._cards.keys() - self._halted)
        if not present and tried <= self._retries:
            further = tried + (self._retries != UNLIMITED)
            self._after(LISTING_TRY_S, lambda: self._list(command, most, further))
            return
        found = tuple(
            Target(number, SENS_RES[len(uid)], 0x08, uid) for number, uid in enumerate(present[:most], start=1)
        )
        self._after(ANSWER_S, lambda: self._send(encode(READER_TO_HOST, response(command, list_targets(found)))))

    def _send(self, frame: bytes) -> None:
        self._last_frame = frame
        self.output(frame)

    def _after(self, delay_s: float, act: Callable[[], None]) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(delay_s, act)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
