"""What stands between an EVSE's inbox and its session: supervision, latching, derating, and the contactor's wear.

Owns no resource. Every event passes here first, and what comes out is what the session hears. What limits this EVSE by
itself, whatever the supply allows, is known here too, with its name.
"""

from collections.abc import Callable
from math import inf
from typing import Final

from agent.domain import events as ev
from agent.domain.contactor_care import ContactorCare, ContactorCycles, ContactorTimes
from agent.domain.evse_memory import EvseMemory
from agent.domain.fault_latch import FaultLatch
from agent.domain.fault_reports import FaultReports
from agent.domain.meter_supervision import MeterSupervision, SupervisionLimits
from agent.domain.profile_order import NO_ORDER, ProfileOrder
from agent.domain.temperature_derating import DeratingSteps, TemperatureDerating
from hal.api import BoardCapabilities, BoardEvent, CableDetected, Fault, TemperatureMeasured
from hal.value import dataclass

_WATCHED: Final = frozenset(
    {
        ev.BoardAnswered,
        ev.BoardWasReset,
        ev.EvPluggedIn,
        ev.EvUnplugged,
        ev.PowerTurnedOn,
        ev.PowerTurnedOff,
        ev.FaultAppeared,
        ev.FaultDisappeared,
        ev.MeterSampled,
    }
)
"""All others pass as they are: the way of a command is short."""
STARTING_S: Final = 10.0
"""A board that starts up with Linux may need so long to answer (OpenEVSE: 2.6 s, and a retry of its driver)."""
_SAME_A: Final = 0.1
"""Offers are rounded down to this."""


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """What is configured of an EVSE's supervision."""

    phases: int = 1
    supervision: SupervisionLimits = SupervisionLimits()
    temperature: DeratingSteps = DeratingSteps()
    contactor: ContactorTimes = ContactorTimes()


@dataclass(frozen=True, slots=True)
class OwnLimit:
    """The most that this EVSE may offer by itself, A, and why; 0 pauses."""

    current_a: float
    by: str


class Guard:
    """Guards one EVSE."""

    def __init__(
        self,
        evse_id: int,
        next_event_id: Callable[[], int],
        settings: GuardSettings | None = None,
        memory: EvseMemory | None = None,
    ) -> None:
        settings, memory = settings or GuardSettings(), memory or EvseMemory()
        cycles = ContactorCycles(memory.closings, memory.openings_under_load)
        self.care = ContactorCare(settings.contactor, cycles)
        self.reports = FaultReports(evse_id, memory.faults, next_event_id)
        self.limit = OwnLimit(0.0, "installation")
        self._latch = FaultLatch(memory.faults)
        self._supervision = MeterSupervision(settings.phases, settings.supervision)
        self._derating = TemperatureDerating(settings.temperature)
        self._started_s: float | None = None
        self._has_answered = False
        self._silence: ev.FaultAppeared | None = None
        """Held back while the board may still be starting."""
        self._cable_a: float | None = None
        self._fixed = [OwnLimit(0.0, "installation")]
        self._min_current_a = 0.0

    def use(self, installation_a: float, capabilities: BoardCapabilities) -> None:
        """Take what wiring (A) and board carry; once, before the first event."""
        self._fixed = [OwnLimit(installation_a, "installation"), OwnLimit(capabilities.max_current_a, "board")]
        self._min_current_a = capabilities.min_current_a
        self._limit_again()

    @property
    def memory(self) -> EvseMemory:
        """What is to be known after a restart."""
        names = tuple(sorted(fault.value for fault in self.reports.told))
        return EvseMemory(names, self.care.cycles.closings, self.care.cycles.openings_under_load)

    def passed(self, event: ev.Event, now_s: float) -> tuple[ev.Event, ...]:
        """Return what the session is to hear in place of this event, in order."""
        if event.__class__ not in _WATCHED:
            return (event,)
        match event:
            case ev.MeterSampled(reading):
                self.care.measured(reading)
                return (event, *self._latched(self._supervision.judged(reading)))
            case ev.PowerTurnedOn() | ev.PowerTurnedOff():
                closed = isinstance(event, ev.PowerTurnedOn)
                self.care.moved(closed=closed, at_s=now_s)
                self._supervision.contactor(closed=closed, at_s=now_s)
            case ev.FaultAppeared(Fault.BOARD_SILENT) if self._is_starting(now_s):
                self._silence = event
                return ()
            case ev.FaultDisappeared(Fault.BOARD_SILENT) if self._silence is not None:
                self._silence = None
                return ()
            case ev.BoardAnswered(contactor_closed=found):
                self._has_answered = True
                self.care.found(closed=found)
                self._supervision.contactor(closed=found, at_s=now_s)
                return (*self._latched(self._ended_wait()), *self._latch.passed(event))
            case ev.BoardWasReset():
                self.care.found(closed=None)
                self._supervision.contactor(closed=None, at_s=now_s)
        return self._latch.passed(event)

    def heard(self, event: BoardEvent) -> tuple[ev.Event, ...]:
        """Take what the board tells of cable and temperatures; `limit` may change."""
        match event:
            case CableDetected(ampacity_a):
                self._cable_a = ampacity_a
                self._limit_again()
            case TemperatureMeasured(sensor, temperature_c, at_s):
                value = None if temperature_c is None else float(temperature_c)
                faults = self._derating.measured({sensor: value}, at_s)
                self._limit_again()
                return self._latched(faults)
        return ()

    def waited(self, now_s: float) -> tuple[ev.Event, ...]:
        """Let time count for what has stood for a while; to be asked about once a second."""
        if self._started_s is None:
            self._started_s = now_s
        silence = () if self._is_starting(now_s) else self._ended_wait()
        return self._latched((*silence, *self._derating.measured({}, now_s)))

    def offered(self, current_a: float, now_s: float) -> None:
        """The board is told this offer, A."""
        self._supervision.offered(current_a, now_s)

    def spared(self, limit_a: float, present_a: float, now_s: float, ordered_a: float = inf) -> tuple[float, float]:
        """Return the limit to take now, A, and when to ask again, s.

        A wished pause waits until closing is long ago; until then the least is offered. Heat, a cable that carries
        nothing and what charging profiles have ordered are no wish. The end of a pause waits until opening is long
        ago: the board may still hold permission.
        """
        if limit_a >= self._min_current_a > present_a:
            left_s = self.care.off_left_s(now_s)
            return (present_a, left_s) if left_s > 0 else (limit_a, 0.0)
        no_wish_a = min(self.limit.current_a, present_a, ordered_a)
        if limit_a >= self._min_current_a or no_wish_a < self._min_current_a:
            return limit_a, 0.0
        left_s = self.care.on_left_s(now_s)
        return (self._min_current_a, left_s) if left_s > 0 else (limit_a, 0.0)

    def who_limits(self, offered_current_a: float, order: ProfileOrder = NO_ORDER, shared: str = "supply") -> str:
        """Name what keeps the offer at this current: this EVSE itself, a profile's order, or what it shares."""
        if offered_current_a > self.limit.current_a - _SAME_A:
            return self.limit.by
        ordered_a = order.current_a if order.current_a >= self._min_current_a else 0.0
        return str(order) if offered_current_a > ordered_a - _SAME_A else shared

    def _ended_wait(self) -> tuple[ev.Event, ...]:
        """Give the silence that was held back; once the board has answered it is that of the card beside it."""
        silence, self._silence = self._silence, None
        return () if silence is None else (silence,)

    def _is_starting(self, now_s: float) -> bool:
        return not self._has_answered and (self._started_s is None or now_s < self._started_s + STARTING_S)

    def _latched(self, events: tuple[ev.Event, ...]) -> tuple[ev.Event, ...]:
        return tuple(passed for event in events for passed in self._latch.passed(event))

    def _limit_again(self) -> None:
        limits = [*self._fixed]
        if self._cable_a is not None:
            limits.append(OwnLimit(self._cable_a, "cable"))
        limit = min(limits, key=lambda each: each.current_a)
        warm_a = self._derating.limit_a(limit.current_a, self._min_current_a)
        self.limit = OwnLimit(warm_a, "temperature") if warm_a < limit.current_a else limit
