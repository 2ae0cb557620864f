"""Residual current monitor of the simulated safety controller (lives on the loop it is given).

It must have tested itself since the vehicle was plugged in before a contactor may close (facts iec61851_facts: before
each close or at least daily), and after every trip.
"""

from collections.abc import Callable

from hal.codecs.safety_values import RcmState
from hil.devices.timers import Timers
from hil.world import EvseWorld, Wiring


class SafetyRcm:
    """Tests itself when asked; `passed` and `failed` say how it ended."""

    def __init__(
        self, world: EvseWorld, self_test_s: float, passed: Callable[[], None], failed: Callable[[], None]
    ) -> None:
        self._world = world
        self._self_test_s = self_test_s
        self._passed = passed
        self._failed = failed
        self._timers = Timers(world.loop)
        self._in_error = False
        self.tested = False

    def reset(self) -> None:
        """Forget everything, as at boot."""
        self._timers.cancel_all()
        self._in_error = self.tested = False

    def need_test(self) -> None:
        """The last test does not count any more."""
        self._timers.cancel("test")
        self.tested = False

    def start_test(self) -> None:
        """Begin a self-test, unless one runs."""
        if "test" not in self._timers:
            self._in_error = False
            self._timers.after("test", self._self_test_s, self._end_test)

    def tripped(self) -> None:
        """It has seen a residual current."""
        self.need_test()
        self._in_error = True

    @property
    def state(self) -> RcmState:
        """What is reported."""
        if "test" in self._timers:
            return RcmState.SELF_TEST
        return RcmState.ERROR if self._in_error else RcmState.MONITORING

    @property
    def sees_residual_current(self) -> bool:
        """True while a residual current flows."""
        return self._world.residual_current_flows

    def _end_test(self) -> None:
        self.tested = Wiring.SELF_TEST_FAILS not in self._world.wiring
        self._in_error = not self.tested
        (self._passed if self.tested else self._failed)()
