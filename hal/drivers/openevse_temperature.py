"""When an OpenEVSE board is asked for its temperatures, and what the answer means (rule).

* The board has up to three sensors and says which are absent. One that was once seen is missed when it is gone. A board
  that shows none at all, or is built without them, tells no temperature, which is never taken for cold.
* Asked least urgently of all, so no look at the state waits for it; more often once it is warm.
* Without the board's own temperature protection, which has to be allowed by name, nothing is asked.
Source: facts: rapi_openevse, `$GP`.
"""

import math
from decimal import Decimal
from typing import Final

from hal.api import TemperatureMeasured
from hal.codecs.rapi import Reply, TemperatureReply
from hal.codecs.rapi_values import Verb
from hal.drivers.openevse_plan import Command

SENSOR: Final = "board"
"""The warmest of its sensors, by the name that other boards use."""
INTERVAL_S: Final = 10.0
WARM_INTERVAL_S: Final = 1.0
WARM_C: Final = 50
"""Below the first step of derating: from there on the way to a stop may be short."""


class Thermometer:
    """The sensors of one board."""

    def __init__(self, *, is_used: bool) -> None:
        self.next_s = -math.inf if is_used else math.inf
        self._is_used = is_used
        self._seen: set[int] = set()

    def forget(self) -> None:
        """The board was lost or restarted: ask soon."""
        self.next_s = -math.inf if self._is_used else math.inf

    def command(self, now_s: float) -> Command | None:
        """The question, when it is due."""
        return Command(Verb.GET_TEMPERATURES) if now_s >= self.next_s else None

    def asked(self, now_s: float) -> None:
        """Note that the question goes out."""
        self.next_s = now_s + INTERVAL_S

    def answered(self, reply: Reply, now_s: float) -> TemperatureMeasured:
        """Tell the highest temperature. Raises: BadFrameError."""
        shown = TemperatureReply.from_params(reply.params).sensors_c if reply.ok else ()
        present = {index: value for index, value in enumerate(shown) if value is not None}
        self._seen |= present.keys()
        warmest_c: Decimal | None = max(present.values(), default=None)
        if warmest_c is not None and warmest_c >= WARM_C:
            self.next_s = now_s + WARM_INTERVAL_S
        return TemperatureMeasured(SENSOR, warmest_c if self._seen <= present.keys() else None, now_s)
