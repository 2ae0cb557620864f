"""Card reader with a PN532 on a serial line (runner).

It asks for cards of ISO/IEC 14443 type A, releases them and switches the field off until the next look, so that a card
which stays is found anew each time. A reader that falls silent, restarts or is exchanged is set up again.
Source: NXP UM0701-02, PN532 user manual.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from hal.api import BadFrameError, BusTimeoutError, DeviceRefusedError, HalError, HardwareFault, PortError
from hal.codecs.pn532 import (
    ACK_FRAME,
    FIELD_OFF,
    GET_FIRMWARE_VERSION,
    HOST_TO_READER,
    LIST_TYPE_A,
    NACK_FRAME,
    READER_TO_HOST,
    RELEASE_ALL,
    USE_WITHOUT_SAM,
    WAKE_UP,
    FrameDecoder,
    Message,
    Signal,
    encode,
    firmware_version,
    limit_retries,
    targets,
)
from hal.codecs.rfid import AT_ONCE_S, DEBOUNCE_S, CardDebounce, UidFormat
from hal.panel import CardPresented
from hal.transports.port import Port

logger = logging.getLogger(__name__)

TOKEN_TYPE: Final = "ISO14443"  # noqa: S105 - a kind of card
OPEN_TIMEOUT_S: Final = 10.0
REPLY_TIMEOUT_S: Final = 0.5
"""From command to response; a listing without a card takes some 30 ms with the retries asked for here."""
ATTEMPTS: Final = 3
LOOKS_AT_ONCE: Final = 2
"""Cards that answer in turns, and a card with random UIDs, show themselves within so many looks."""
PASSIVE_ACTIVATION_RETRIES: Final = 1
FIRST_RETRY_S: Final = 0.2
LONGEST_RETRY_S: Final = 5.0


class Pn532Reader:
    """One reader on one line; implements `RfidReader`."""

    def __init__(
        self,
        port: Port,
        uid_format: UidFormat | None = None,
        *,
        poll_interval_s: float = 0.2,
        debounce_s: float = DEBOUNCE_S,
    ) -> None:
        self._port = port
        self._format = uid_format or UidFormat()
        self._poll_interval_s = poll_interval_s
        self._debounce = CardDebounce(debounce_s, max(AT_ONCE_S, LOOKS_AT_ONCE * poll_interval_s))
        self._decoder = FrameDecoder(READER_TO_HOST)
        self._state = ""
        """What was logged last."""

    @property
    def bad_frames(self) -> int:
        """Frames dropped so far."""
        return self._decoder.bad_frames

    async def run(self, emit: Callable[[CardPresented], None]) -> None:
        """Own the line for ever; returns only on cancellation."""
        retry_s = FIRST_RETRY_S
        while True:
            try:
                async with asyncio.timeout(OPEN_TIMEOUT_S):
                    await self._port.open()
                await self._set_up()
                retry_s = FIRST_RETRY_S
                while True:
                    await self._look(emit)
                    await asyncio.sleep(self._poll_interval_s)
            except TimeoutError:
                self._tell("port lost", "does not open in time")
            except HalError as error:
                self._tell(_state_of(error), str(error))
            finally:
                self._port.close()
            await asyncio.sleep(retry_s)
            retry_s = min(retry_s * 2, LONGEST_RETRY_S)

    async def _set_up(self) -> None:
        """Wake the reader, identify and configure it. Raises: HalError."""
        self._port.write(WAKE_UP)
        await self._ask(USE_WITHOUT_SAM)
        found = firmware_version(await self._ask(GET_FIRMWARE_VERSION))
        if found is None or not found.is_usable:
            seen = "no version" if found is None else f"IC {found.ic:#04x} support {found.support:#04x}"
            raise HardwareFault(f"not a PN532 that reads type A: {seen}")
        await self._ask(limit_retries(PASSIVE_ACTIVATION_RETRIES))
        if self._state != "ready":
            self._state = "ready"
            logger.info("reader ready firmware=%d.%d", found.version, found.revision)

    async def _look(self, emit: Callable[[CardPresented], None]) -> None:
        found = targets(await self._ask(LIST_TYPE_A))
        if found is None:
            raise BadFrameError("the list of cards contradicts itself")
        now_s = asyncio.get_running_loop().time()
        written = (self._format.write(target.uid) for target in found)
        uid = self._debounce.counts([uid for uid in written if uid is not None], now_s)
        if uid is not None:
            emit(CardPresented(uid, TOKEN_TYPE, now_s))
        if found:
            await self._ask(RELEASE_ALL)
        await self._ask(FIELD_OFF)

    async def _ask(self, command: Message) -> bytes:
        """Give a command and return the parameters of its response. Raises: HalError."""
        for _ in range(ATTEMPTS):
            self._port.discard_input()
            self._decoder.reset()
            self._port.write(encode(HOST_TO_READER, command))
            try:
                async with asyncio.timeout(REPLY_TIMEOUT_S):
                    return await self._response_to(command)
            except TimeoutError:
                self._port.write(ACK_FRAME)  # ends whatever the reader may still be at
        raise BusTimeoutError(f"no answer to {command.code:#04x} in {ATTEMPTS} attempts")

    async def _response_to(self, command: Message) -> bytes:
        acknowledged = False
        bad_before = self._decoder.bad_frames
        while True:
            for frame in self._decoder.feed(await self._port.read()):
                if frame is Signal.ACK:
                    acknowledged = True
                elif frame is Signal.ERROR and acknowledged:
                    raise DeviceRefusedError(f"the reader refused {command.code:#04x}")
                elif isinstance(frame, Message) and frame.code == command.code + 1 and acknowledged:
                    return frame.parameters
            if acknowledged and self._decoder.bad_frames > bad_before:
                bad_before = self._decoder.bad_frames
                self._port.write(NACK_FRAME)

    def _tell(self, state: str, reason: str) -> None:
        if state != self._state:
            self._state = state
            logger.warning("reader does not work state=%s reason=%s", state, reason)


def _state_of(error: HalError) -> str:
    match error:
        case PortError():
            return "port lost"
        case BusTimeoutError():
            return "silent"
        case HardwareFault():
            return "unsuitable"
        case _:
            return "confused"
