"""What shows that an OpenEVSE board was dark although nobody heard it start (rule).

`$SY` and the stored current survive darkness in EEPROM. The volatile current does not, nor that a heartbeat was missed.
So a board that offers nothing is given a volatile current of its own, as a mark: it has to be set anew before the board
is enabled anyway. A question that nobody answered leaves no mark: the board may have taken it.
Source: facts: rapi_openevse, traps 1 and 4.
"""

from hal.codecs.rapi_values import MIN_CURRENT_A, HeartbeatTrigger
from hal.drivers.openevse_identity import Identity
from hal.drivers.openevse_plan import Known


class RestartMarks:
    """What the board was known to hold when it was last heard; None: nothing is known of it."""

    def __init__(self) -> None:
        self._current_a: int | None = None
        self._trigger: int | None = None

    def keep(self, known: Known) -> None:
        """Take what is known of the board that is lost."""
        self._current_a, self._trigger = known.current_a, known.trigger

    def forget(self) -> None:
        """The board is being configured anew."""
        self._current_a = self._trigger = None

    def are_gone(self, identity: Identity) -> bool:
        """Tell whether the board lost what it held; a heartbeat that it missed explains another current."""
        heartbeat = identity.heartbeat
        if heartbeat is None or heartbeat.trigger != HeartbeatTrigger.NEVER_MISSED:
            return False
        if self._trigger is not None and self._trigger != HeartbeatTrigger.NEVER_MISSED:
            return True
        return self._current_a is not None and identity.offered_current_a != self._current_a


def idle_current_a(stored_current_a: int | None, max_current_a: int) -> int:
    """Volatile current, A, of a board that offers nothing: the least, but not what it has after darkness."""
    return min(MIN_CURRENT_A + 1, max_current_a) if stored_current_a == MIN_CURRENT_A else MIN_CURRENT_A
