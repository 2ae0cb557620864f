"""Card reader that sends one UID per line (runner)."""

import asyncio
import logging
import math
from collections.abc import Callable
from typing import Final, Literal

from hal.api import PortError
from hal.codecs.rfid import UidDecoder, UidFormat
from hal.panel import CardPresented
from hal.transports.port import Port

logger = logging.getLogger(__name__)

_FIRST_RETRY_S: Final = 0.2
_LONGEST_RETRY_S: Final = 5.0


class LineRfidReader:
    """One reader on one line; implements `RfidReader`.

    A card that is held to the reader repeats its UID: the same one counts again after `debounce_s` of absence.
    """

    def __init__(
        self,
        port: Port,
        *,
        case: Literal["upper", "lower"] = "upper",
        byte_order: Literal["msb", "lsb"] = "msb",
        uid_lengths: tuple[int, ...] = (4, 7, 10),
        token_type: str = "ISO14443",  # noqa: S107 - a kind of card
        debounce_s: float = 2.0,
    ) -> None:
        self._port = port
        self._decoder = UidDecoder(UidFormat(case, byte_order, uid_lengths))
        self._token_type = token_type
        self._debounce_s = debounce_s
        self._last_uid = ""
        self._last_seen_s = -math.inf

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
                while True:
                    data = await self._port.read()
                    retry_s = _FIRST_RETRY_S
                    self._take(data, emit)
            except PortError as error:
                logger.warning("reader lost retry_s=%.1f error=%s", retry_s, error)
            finally:
                self._port.close()
            await asyncio.sleep(retry_s)
            retry_s = min(retry_s * 2, _LONGEST_RETRY_S)

    def _take(self, data: bytes, emit: Callable[[CardPresented], None]) -> None:
        bad_before = self._decoder.bad_lines
        now_s = asyncio.get_running_loop().time()
        for uid in self._decoder.feed(data):
            is_new = uid != self._last_uid or now_s - self._last_seen_s >= self._debounce_s
            self._last_uid, self._last_seen_s = uid, now_s
            if is_new:
                emit(CardPresented(uid, self._token_type, now_s))
        if self._decoder.bad_lines > bad_before:
            # The bytes may be a token in an unexpected format: only their number is logged.
            logger.warning("reader line is no UID bytes=%d bad_lines=%d", len(data), self._decoder.bad_lines)
