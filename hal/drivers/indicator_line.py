"""Light, buzzer and small display on a line: one JSON object per change (runner)."""

import asyncio
import contextlib
import json
import logging
from dataclasses import replace
from typing import Final

from hal.api import PortError
from hal.panel import Buzzer, Indication
from hal.transports.port import Port

logger = logging.getLogger(__name__)

_FIRST_RETRY_S: Final = 0.2
_LONGEST_RETRY_S: Final = 5.0


class LineIndicator:
    """One display on one line; implements `Indicator`.

    While the line is down the latest indication wins and is shown when it returns; no sound is made late.
    """

    def __init__(self, port: Port) -> None:
        self._port = port
        self._is_open = False
        self._shown: Indication | None = None

    def show(self, indication: Indication) -> None:
        """Show this until the next call; never blocks, a missing display is no error."""
        if indication == self._shown and indication.buzzer is Buzzer.NONE:
            return
        self._shown = indication
        if self._is_open:
            with contextlib.suppress(PortError):
                self._port.write(_line(indication))

    async def run(self) -> None:
        """Own the line for ever; returns only on cancellation."""
        retry_s = _FIRST_RETRY_S
        while True:
            try:
                await self._port.open()
                retry_s = _FIRST_RETRY_S
                self._is_open = True
                if self._shown is not None:
                    self._port.write(_line(replace(self._shown, buzzer=Buzzer.NONE)))
                while True:
                    await self._port.read()
            except PortError as error:
                logger.warning("display lost retry_s=%.1f error=%s", retry_s, error)
            finally:
                self._is_open = False
                self._port.close()
            await asyncio.sleep(retry_s)
            retry_s = min(retry_s * 2, _LONGEST_RETRY_S)


def _line(indication: Indication) -> bytes:
    message = {
        "light": indication.light.value,
        "blinking": indication.blinking,
        "buzzer": indication.buzzer.value,
        "text": indication.text,
    }
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"
