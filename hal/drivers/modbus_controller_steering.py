"""From what the agent asks and a Modbus charge controller shows to events and to the next write (rule).

* It is switched on only while a current is offered *and* permission is unexpired *and* no fault stands; off otherwise.
* `forbid_power(EV_STOPPED)` leaves the offer: the controller opens by itself when the EV leaves C. If the EV comes back
  and no permission follows within `RETURN_GRACE_S`, it is switched off.
* A value that was confirmed and is another one later, without a write of ours, is the mark of a restart.
* Without a contactor register the contactor counts as closed when the state says so and the controller is switched on,
  and as open only once the EV has left C; so an ordered opening is never taken for a seen one. A state of fault shows
  no EV: what was known of the contactor stays.
Source: facts: boards_protocols, Modbus charge controllers; iec61851_facts, sequences 7-10.
"""

import math
from decimal import ROUND_FLOOR, Decimal
from typing import Final

from hal.api import BoardEvent, Fault, ForbidReason, OfferConfirmed, PilotChanged, PilotState, PowerOff, PowerOn
from hal.controllers.points import ControllerProfile, Span
from hal.drivers.fault_set import FaultSet
from hal.drivers.modbus_controller_image import ControllerImage, Report
from hal.value import dataclass

RETURN_GRACE_S: Final = 0.5
ADOPTION_GRACE_S: Final = 5.0
"""A controller found switched on with a car is left so until the agent has judged, for so long at most."""
RETRY_S: Final = 1.0
"""The same write again, if it did not come true."""
_ASKING: Final = frozenset({PilotState.C, PilotState.D})


@dataclass(frozen=True, slots=True)
class Order:
    """One value to write."""

    span: Span
    value: int


class ControllerSteering:
    """Knows what is wanted of one controller and what it shows."""

    def __init__(self, profile: ControllerProfile, image: ControllerImage, max_current_a: float) -> None:
        self._profile = profile
        self._image = image
        self._max_current_a = Decimal(str(max_current_a))
        self._current = profile.current.quantity.span
        watchdog = profile.watchdog
        self._feed_interval_s = math.inf if watchdog is None else watchdog.timeout_ms / 3000
        self._offered_a = Decimal(0)
        self._offer_untold = False
        self._told_offer_a: Decimal | None = None
        self.permitted_until_s = self.waits_for_ev_until_s = self._undecided_until_s = -math.inf
        self._decided = False
        self.faults = FaultSet()
        self.report: Report | None = None
        self.connected = False
        self.pilot: PilotState | None = None
        self.contactor_closed: bool | None = None
        self._off_since_s = self._not_asked_since_s = math.inf
        self._written: dict[Span, int] = {}
        self._known: dict[Span, int] = {}
        self._held: dict[Span, int] = {}
        """Values that a report has confirmed after they were written."""
        self._retry_s: dict[Order, float] = {}
        self._next_feed_s = -math.inf

    # What the agent asks.

    def offer(self, offered_current_a: float) -> None:
        """Take a new offer, rounded down to what the controller can be told; below its minimum it is none."""
        offered_a = min(Decimal(str(offered_current_a)), self._max_current_a)
        self._offered_a = offered_a if offered_a >= self._profile.current.min_a else Decimal(0)
        self._offer_untold = True
        if not self._offered_a:
            self.waits_for_ev_until_s = self._undecided_until_s = -math.inf
            self._decided = True

    def permit(self, until_s: float) -> None:
        """Take a new lease."""
        self.permitted_until_s, self.waits_for_ev_until_s = until_s, -math.inf
        self._undecided_until_s = -math.inf
        self._decided = True

    def forbid(self, reason: ForbidReason, now_s: float) -> bool:
        """Withdraw permission; True if the order to switch off must go out in this very call."""
        self.permitted_until_s = self.waits_for_ev_until_s = self._undecided_until_s = -math.inf
        self._decided = True
        if reason is ForbidReason.EV_STOPPED:
            self.waits_for_ev_until_s = now_s + RETURN_GRACE_S if self.pilot in _ASKING else math.inf
            return False
        return not (self.is_off and self.contactor_closed is False)

    @property
    def lease_end_s(self) -> float:
        """When permission ends, or the grace of an EV that came back, or of a controller that was found switched on."""
        return max(self.permitted_until_s, self.waits_for_ev_until_s, self._undecided_until_s)

    def wants_power(self, now_s: float) -> bool:
        """Tell whether the controller may be switched on now."""
        until_s = max(self.permitted_until_s, self.waits_for_ev_until_s)
        return bool(self._offered_a) and now_s < until_s and not self.faults.standing

    def may_stay_on(self, now_s: float) -> bool:
        """Tell whether the controller may be switched on, or left so until the agent has decided."""
        return self.wants_power(now_s) or (now_s < self._undecided_until_s and not self.faults.standing)

    def found(self, report: Report, now_s: float) -> None:
        """Take what a controller shows that has just been reached, before anything is written to it."""
        with_car = report.pilot in {PilotState.B, PilotState.C, PilotState.D}
        if report.enabled and with_car and not self._decided:
            self._undecided_until_s = now_s + ADOPTION_GRACE_S

    @property
    def off(self) -> Order:
        """The order to switch off."""
        switch = self._profile.enable
        return Order(self._current, 0) if switch is None else Order(switch.span, switch.off)

    @property
    def is_off(self) -> bool:
        """True if the controller was last told to be off, if anything, and it said or showed that it is."""
        span, value = self.off.span, self.off.value
        return self._known.get(span) == value == self._written.get(span, value)

    # What comes of it.

    def next_order(self, now_s: float) -> Order | None:
        """Choose the value to write now; None if all is as it should be, or was tried a moment ago."""
        for order in self._aims(now_s):
            if self._known.get(order.span) != order.value:
                return order if now_s >= self._retry_s.get(order, -math.inf) else None
        setting = self._known.get(self._current)
        if setting is not None and now_s >= self._next_feed_s + self._feed_interval_s:
            return Order(self._current, setting)
        return None

    def _aims(self, now_s: float) -> list[Order]:
        """What has to hold, in the order in which it is written."""
        switch = self._profile.enable
        if not self.wants_power(now_s):
            return [] if self.may_stay_on(now_s) else [self.off]
        setting = Order(self._current, self._setting)
        return [setting] if switch is None else [setting, Order(switch.span, switch.on)]

    def next_due_s(self, now_s: float) -> float:
        """When to look again if nothing happens before."""
        times = [self._next_feed_s + self._feed_interval_s, *self._retry_s.values(), self.lease_end_s]
        return min((time_s for time_s in times if time_s > now_s), default=math.inf)

    def ordered(self, order: Order, now_s: float) -> None:
        """Note that this order goes out."""
        self._retry_s = {order: now_s + RETRY_S}
        self._written[order.span] = order.value
        self._known.pop(order.span, None)
        if self.connected:
            self._held.pop(order.span, None)
        if order.span == self._current:
            self._next_feed_s = now_s

    def withdrawn(self, order: Order) -> None:
        """The order did not go out, or nobody knows whether it did: another one may follow at once."""
        self._retry_s.pop(order, None)

    def acknowledged(self, order: Order) -> None:
        """The controller has taken it; a report will show whether it did."""
        if self._held.get(order.span) != order.value:
            self._held.pop(order.span, None)
        if self._written.get(order.span) == order.value:
            self._known[order.span] = order.value

    # What the controller shows.

    def forget(self) -> None:
        """The line is gone or the controller restarted: nothing of its state is known. What it held is kept."""
        self.connected = False
        self.report = self.pilot = self.contactor_closed = self._told_offer_a = None
        self._known.clear()
        self._retry_s.clear()

    def revoke(self) -> None:
        """The controller restarted: permission has to be given anew."""
        self.permitted_until_s = self.waits_for_ev_until_s = self._undecided_until_s = -math.inf
        self._decided = True
        self._held.clear()

    def observe(self, report: Report, now_s: float) -> list[BoardEvent]:
        """Take a poll and tell what changed, faults first; nothing is told before it is connected."""
        self.report = report
        self._confirm(report)
        events = self._edges(report, now_s)
        self._judge(report, now_s)
        if not self.connected:
            return []
        return self.faults.changes(now_s) + events + self.offer_events(now_s)

    def was_dark(self, report: Report) -> bool:
        """Tell whether a controller that was silent lost its settings; asked once, before it is configured anew.

        An order that was given into the silence and never acknowledged explains nothing.
        """
        lost = self.lost_settings(report)
        self._held.clear()
        return lost

    def lost_settings(self, report: Report) -> bool:
        """Tell whether something that was confirmed is another value now, though nobody wrote it."""
        shown = self._values_of(report)
        return any(shown[span] != value for span, value in self._held.items() if span in shown)

    def offer_events(self, now_s: float) -> list[BoardEvent]:
        """What the controller offers, if that changed or answers a new offer."""
        if self.report is None:
            return []
        offered_a = self.report.offered_a
        wanted_a = self._setting * self._image.current_scale if self.wants_power(now_s) else Decimal(0)
        if offered_a == self._told_offer_a and not (self._offer_untold and offered_a == wanted_a):
            return []
        self._offer_untold = self._offer_untold and offered_a != wanted_a
        self._told_offer_a = offered_a
        return [OfferConfirmed(float(offered_a), now_s)]

    @property
    def _setting(self) -> int:
        return int((self._offered_a / self._image.current_scale).to_integral_value(ROUND_FLOOR))

    def _values_of(self, report: Report) -> dict[Span, int]:
        switch = self._profile.enable
        values = {self._current: report.setting}
        if switch is not None:
            values[switch.span] = self._image.word(switch.span)
        return values

    def _confirm(self, report: Report) -> None:
        self._known = self._values_of(report)
        self._held |= {span: value for span, value in self._known.items() if self._written.get(span) == value}

    def _edges(self, report: Report, now_s: float) -> list[BoardEvent]:
        events: list[BoardEvent] = []
        if report.pilot is not None and report.pilot is not self.pilot:
            came_back = report.pilot in _ASKING and self.waits_for_ev_until_s == math.inf
            if came_back:
                self.waits_for_ev_until_s = now_s + RETURN_GRACE_S
            elif report.pilot is PilotState.A:
                self.waits_for_ev_until_s = -math.inf
            self.pilot = report.pilot
            events.append(PilotChanged(report.pilot, now_s))
        closed = self._is_closed(report)
        if closed is not None and closed is not self.contactor_closed:
            self.contactor_closed = closed
            events.append(PowerOn(now_s) if closed else PowerOff(now_s))
        return events

    def _is_closed(self, report: Report) -> bool | None:
        if report.evidence is not None:
            return report.evidence
        if report.pilot is not None and report.pilot not in _ASKING:
            return False
        return True if report.is_charging and report.enabled else self.contactor_closed

    def _judge(self, report: Report, now_s: float) -> None:
        self.faults.show(report.faults)
        self._off_since_s = math.inf if report.enabled else min(self._off_since_s, now_s)
        asks = self.pilot in _ASKING or not report.evidence
        self._not_asked_since_s = math.inf if asks else min(self._not_asked_since_s, now_s)
        overdue = self.contactor_closed is True and now_s >= self._off_since_s + self._profile.stop_opening_time_s
        welded = (overdue and report.evidence) or now_s >= self._not_asked_since_s + self._profile.opening_time_s
        self.faults.stand(Fault.CONTACTOR_WELDED, "closed though nobody asks for power" if welded else "")
        # A state of fault shows no contactor: its own fault is told, not a second one that names another part.
        unseen = overdue and not welded and report.pilot is not None
        self.faults.stand(Fault.CONTACTOR_UNCONFIRMED, "switched off, but not shown as open" if unseen else "")
