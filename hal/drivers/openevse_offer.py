"""What an OpenEVSE board offers: its answers to `$SC` and `$SY`, and what is told of them (rule).

Source: facts: rapi_openevse, traps 2, 4 and 6.
"""

import logging

from hal.api import BadFrameError, BoardEvent, DeviceRefusedError, OfferConfirmed
from hal.codecs.rapi import HeartbeatReply, Reply
from hal.codecs.rapi_values import HeartbeatTrigger, Verb
from hal.drivers.openevse_plan import Command, Known, Wanted
from hal.drivers.openevse_state import OpenEvseState

logger = logging.getLogger(__name__)


class OfferLedger:
    """Which offer was told, and whether a new one waits to be confirmed."""

    def __init__(self, wanted: Wanted, board: OpenEvseState) -> None:
        self.is_asked = False
        self.announced_a: int | None = None
        self._wanted = wanted
        self._board = board

    def events(self, known: Known, now_s: float) -> list[BoardEvent]:
        """What the board offers, if that changed or answers a new offer."""
        offered_a = self._offered_now_a(known)
        if offered_a is None:
            return []
        wanted_a = self._wanted.offered_current_a or 0
        if self._wanted.refused_current_a == wanted_a:
            wanted_a = 0
        settled = offered_a == 0 if wanted_a == 0 else offered_a > 0 and known.asked_current_a == wanted_a
        if offered_a == self.announced_a and not (self.is_asked and settled):
            return []
        self.announced_a = offered_a
        self.is_asked = self.is_asked and not settled
        return [OfferConfirmed(float(offered_a), now_s)]

    def _offered_now_a(self, known: Known) -> int | None:
        if known.stale or self._board.evse is None:
            return None
        if not self._board.enabled or self._board.evse.is_fault:
            return 0
        return known.current_a


def current_answered(wanted: Wanted, known: Known, asked_a: int, reply: Reply) -> None:
    """Note what `$SC` has set. Raises: BadFrameError."""
    if not reply.params or not reply.params[0].isdecimal():
        raise BadFrameError("$SC was answered without a current")
    known.current_a, known.asked_current_a = int(reply.params[0]), asked_a
    if known.current_a > asked_a:
        # Trap 2: `$NK n` has set n.
        logger.error("board offers more than asked, offer withdrawn asked_a=%d set_a=%d", asked_a, known.current_a)
        wanted.refused_current_a = asked_a


def heartbeat_answered(known: Known, command: Command, reply: Reply, now_s: float) -> None:
    """Note what `$GY` or `$SY` tells. Raises: BadFrameError, DeviceRefusedError without supervision."""
    if not reply.params:
        raise DeviceRefusedError(f"no heartbeat supervision: {command.verb}")
    trigger = HeartbeatReply.from_params(reply.params).trigger
    if not reply.ok:
        trigger = HeartbeatTrigger.MISSED
    # Trap 4: a miss lowered the current, an acknowledgement restored another one than ours.
    if trigger == HeartbeatTrigger.MISSED or command.params:
        known.current_a = known.asked_current_a = None
    known.trigger = trigger
    if command != Command(Verb.SET_HEARTBEAT):
        known.trigger_read_s = now_s
