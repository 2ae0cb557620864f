"""What the meter shows that must not be: too much current, a wrong voltage, current past an open contactor.

A second pair of eyes, never the first: a board opens in milliseconds, this rule in seconds. Each condition has to last;
a reading counts from its own time, and a gap between readings begins the counting anew.
Source: facts iec61851_facts (over-current: 10 % + 0.5 A for 7 s, as EVerest does it), bench scenario CP-26 (5 s grace).
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from agent.domain import events as ev
from hal.api import Fault, MeterReading
from hal.value import dataclass

_GAP_S: Final = 10.0
_RESIDUAL_PHASE_V: Final = Decimal(50)
"""A phase below this while another is alive is missing, not weak."""


@dataclass(frozen=True, slots=True)
class SupervisionLimits:
    """When the meter's values are a fault. Voltages are unsourced: set them as the installation's rules demand."""

    over_current_factor: float = 1.10
    over_current_margin_a: float = 0.5
    over_current_s: float = 7.0
    over_current_grace_s: float = 5.0
    """After a lower offer the EV has this long to follow (IEC 61851-1 Table A.6, sequence 6)."""
    min_offer_a: float = 6.0
    under_voltage_v: float = 195.5
    over_voltage_v: float = 264.5
    voltage_hysteresis_v: float = 4.0
    voltage_s: float = 3.0
    unexpected_current_a: float = 1.0
    unexpected_current_s: float = 2.0


class _Condition:
    """Lasts long enough, or not yet."""

    def __init__(self, fault: Fault, hold_s: float) -> None:
        self.fault = fault
        self.stands = False
        self._hold_s = hold_s
        self._since_s: float | None = None
        self._seen_s = 0.0

    def judge(self, at_s: float, detail: str | None) -> tuple[ev.Event, ...]:
        """Take one reading's verdict: a detail where it is wrong, None where it is well."""
        if detail is None:
            self._since_s = None
            if not self.stands:
                return ()
            self.stands = False
            return (ev.FaultDisappeared(self.fault, ev.FaultSource.SUPERVISION),)
        if self._since_s is None or at_s - self._seen_s > _GAP_S:
            self._since_s = at_s
        self._seen_s = at_s
        if self.stands or at_s - self._since_s < self._hold_s:
            return ()
        self.stands = True
        return (ev.FaultAppeared(self.fault, detail, ev.FaultSource.SUPERVISION),)


class MeterSupervision:
    """Watches the readings of one EVSE's meter."""

    def __init__(self, phases: int, limits: SupervisionLimits | None = None) -> None:
        self._phases = phases
        self._limits = limits = limits or SupervisionLimits()
        self._over_current = _Condition(Fault.OVER_CURRENT, limits.over_current_s)
        self._under_voltage = _Condition(Fault.UNDER_VOLTAGE, limits.voltage_s)
        self._over_voltage = _Condition(Fault.OVER_VOLTAGE, limits.voltage_s)
        self._phase_loss = _Condition(Fault.PHASE_LOSS, limits.voltage_s)
        self._unexpected = _Condition(Fault.UNEXPECTED_CURRENT, limits.unexpected_current_s)
        self._offered_a = 0.0
        self._earlier: list[tuple[float, float]] = []
        """Higher offers that the EV may still be following down: current, A, and until when."""
        self._opened_at_s: float | None = None
        self._closed: bool | None = None

    def offered(self, current_a: float, at_s: float) -> None:
        """The board is told this offer, A."""
        if current_a < self._offered_a:
            self._earlier.append((self._offered_a, at_s + self._limits.over_current_grace_s))
        self._offered_a = current_a

    def contactor(self, *, closed: bool | None, at_s: float) -> None:
        """Feedback of the contactor; None: unknown."""
        if closed is False and self._closed is not False:
            self._opened_at_s = at_s
        self._closed = closed

    def judged(self, reading: MeterReading) -> tuple[ev.Event, ...]:
        """Return the faults that appear or disappear with this reading."""
        at_s = reading.at_s
        currents = [float(current) for current in reading.current_a if current is not None]
        voltages = reading.voltage_v[: self._phases]
        return (
            *self._over_current.judge(at_s, self._too_much(currents, at_s)),
            *self._unexpected.judge(at_s, self._past_open(currents, at_s)),
            *self._judge_voltages(voltages, at_s),
        )

    def _too_much(self, currents: Sequence[float], at_s: float) -> str | None:
        """Over-current stays until it is unplugged: the latch sees to that, since nothing flows once it is opened."""
        limits = self._limits
        self._earlier = [(current_a, until_s) for current_a, until_s in self._earlier if at_s < until_s]
        may_draw_a = max(limits.min_offer_a, self._offered_a, *(current_a for current_a, _ in self._earlier))
        most_a = max(currents, default=0.0)
        if self._closed is not True or most_a <= may_draw_a * limits.over_current_factor + limits.over_current_margin_a:
            return None
        return f"{most_a:.1f} A drawn, {self._offered_a:.1f} A offered"

    def _past_open(self, currents: Sequence[float], at_s: float) -> str | None:
        most_a = max(currents, default=0.0)
        if self._closed is not False or most_a < self._limits.unexpected_current_a:
            return None
        if self._opened_at_s is not None and at_s <= self._opened_at_s:
            return None  # measured before it opened
        return f"{most_a:.1f} A past the open contactor"

    def _judge_voltages(self, voltages: Sequence[Decimal | None], at_s: float) -> tuple[ev.Event, ...]:
        limits = self._limits
        known = [(number, voltage) for number, voltage in enumerate(voltages, start=1) if voltage is not None]
        alive = [(number, voltage) for number, voltage in known if voltage >= _RESIDUAL_PHASE_V]
        missing = [f"L{number}" for number, voltage in known if voltage < _RESIDUAL_PHASE_V] if alive else []
        low_v = float(min((voltage for _, voltage in alive), default=Decimal(0)))
        high_v = float(max((voltage for _, voltage in alive), default=Decimal(0)))
        under_v = limits.under_voltage_v + (limits.voltage_hysteresis_v if self._under_voltage.stands else 0.0)
        over_v = limits.over_voltage_v - (limits.voltage_hysteresis_v if self._over_voltage.stands else 0.0)
        return (
            *self._phase_loss.judge(at_s, f"{', '.join(missing)} missing" if missing else None),
            *self._under_voltage.judge(at_s, f"{low_v:.0f} V" if alive and low_v < under_v else None),
            *self._over_voltage.judge(at_s, f"{high_v:.0f} V" if high_v > over_v else None),
        )
