"""The permission to power of one EVSE: given, renewed and withdrawn at its board, held back while the contactor rests.

Only the loop of the EVSE renews it, so that a hung loop loses power by itself.
"""

import asyncio
from collections.abc import Callable

from agent.domain.contactor_care import ContactorCare
from hal.api import ForbidReason, PilotController


class Permission:
    """A lease of `lease_s`; `wake` is called when a permission that had to wait is due: `renew` then."""

    def __init__(self, board: PilotController, care: ContactorCare, lease_s: float, wake: Callable[[], None]) -> None:
        self._board = board
        self._care = care
        self._lease_s = lease_s
        self._wake = wake
        self._given = False
        self._ev_paused = False
        """The EV paused under an offer, which this board keeps up and times by itself: permission does not wait."""
        self._timer: asyncio.TimerHandle | None = None

    def forbid(self, reason: ForbidReason) -> None:
        """Withdraw it at once."""
        self._given = False
        self._board.forbid_power(reason)
        self._ev_paused = reason is ForbidReason.EV_STOPPED and self._board.capabilities.pause_is_timed_by_board

    def give(self, now_s: float) -> None:
        """Give it as soon as the contactor was open for long enough."""
        self._given = True
        self.renew(now_s)

    def renew(self, now_s: float) -> None:
        """Renew what is given."""
        if not self._given:
            return
        left_s = 0.0 if self._ev_paused else self._care.off_left_s(now_s)
        if left_s <= 0:
            self._board.permit_power(now_s + self._lease_s)
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(left_s, self._due)

    def _due(self) -> None:
        self._timer = None
        self._wake()
