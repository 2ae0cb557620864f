"""Card reader that sends one UID per line (runner)."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Literal

from hal.api import PortError
from hal.codecs.rfid import DEBOUNCE_S, CardDebounce, UidDecoder, UidFormat
from hal.panel import CardPresented
from hal.transports.port import Port

logger = logging.getLogger(__name__)

_FIRST_RETRY_S: Final = 0.2
_LONGEST_RETRY_S: Final = 5.0


class LineRfidReader:
    """One reader on one line; implements `RfidReader`.

    A card that is held to the reader repeats its UID: the same one counts again after `debounce_s` of absence, and of
    several at once one counts.
    """

    def __init__(
        self,
        port: Port,
        *,
        case: Literal["upper", "lower"] = "upper",
        byte_order: Literal["msb", "lsb"] = "msb",
        uid_lengths: tuple[int, ...] = (4, 7, 10),
        token_type: str = "ISO14443",  # noqa: S107 - a kind of card
        debounce_s: float = DEBOUNCE_S,
    ) -> None:
        self._port = port
        self._decoder = UidDecoder(UidFormat(case, byte_order, uid_lengths))
        self._token_type = token_type
        self._debounce = CardDebounce(debounce_s)
        self._reported_lost = False

    @property
    def bad_lines(self) -> int:
        """Lines dropped so far."""
        return self._decoder.bad_lines

    async def run(self, emit: Callable[[CardPresented], None]) -> None:
        """Own the line for ever; returns only on cancellation."""
        retry_s = _FIRST_RETRY_S
        while True:
            try:
                await self._port.open()
                self._decoder.reset()
                self._came_back()
                while True:
                    data = await self._port.read()
                    retry_s = _FIRST_RETRY_S
                    self._take(data, emit)
            except PortError as error:
                self._went(error)
            finally:
                self._port.close()
            await asyncio.sleep(retry_s)
            retry_s = min(retry_s * 2, _LONGEST_RETRY_S)

    def _take(self, data: bytes, emit: Callable[[CardPresented], None]) -> None:
        bad_before = self._decoder.bad_lines
        now_s = asyncio.get_running_loop().time()
        uid = self._debounce.counts(self._decoder.feed(data), now_s)
        if uid is not None:
            emit(CardPresented(uid, self._token_type, now_s))
        if self._decoder.bad_lines > bad_before:
            # The bytes may be a token in an unexpected format: only their number is logged.
            logger.warning("reader line is no UID bytes=%d bad_lines=%d", len(data), self._decoder.bad_lines)

    def _went(self, error: PortError) -> None:
        if not self._reported_lost:
            self._reported_lost = True
            logger.warning("reader lost error=%s", error)

    def _came_back(self) -> None:
        if self._reported_lost:
            self._reported_lost = False
            logger.info("reader is back")
