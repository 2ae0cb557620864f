"""When samples are due: a rule. The clock-aligned grid starts at midnight UTC, the periodic one with the transaction.

Source: OCPP 1.6 section 3.16 (ClockAlignedDataInterval: from 00:00:00), OCPP 2.0.1 J01/J02.
"""

from datetime import datetime, timedelta

from agent.clock import Instant
from agent.domain.device_model import DeviceModel
from agent.domain.vocabulary import ReadingContext, TriggerReason
from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class SampleIntervals:
    """Seconds between samples; 0 switches a kind off."""

    aligned_s: int
    periodic_s: int
    kept: frozenset[ReadingContext] = frozenset()
    """Kinds that the end of a transaction tells once more."""


def sample_intervals(model: DeviceModel) -> SampleIntervals:
    """Return what the variables say; a kind is kept only while the end of a transaction is to tell it."""
    kept = {
        ReadingContext.SAMPLE_CLOCK: model.members("AlignedDataCtrlr", "TxEndedMeasurands"),
        ReadingContext.SAMPLE_PERIODIC: model.members("SampledDataCtrlr", "TxEndedMeasurands"),
    }
    return SampleIntervals(
        aligned_s=model.integer("AlignedDataCtrlr", "Interval"),
        periodic_s=model.integer("SampledDataCtrlr", "TxUpdatedInterval"),
        kept=frozenset(context for context, measurands in kept.items() if measurands),
    )


@dataclass(frozen=True, slots=True)
class SampleWanted:
    """A sample is due; it is told with the next fresh reading."""

    context: ReadingContext
    trigger: TriggerReason


ALIGNED = SampleWanted(ReadingContext.SAMPLE_CLOCK, TriggerReason.METER_VALUE_CLOCK)
PERIODIC = SampleWanted(ReadingContext.SAMPLE_PERIODIC, TriggerReason.METER_VALUE_PERIODIC)
TRIGGERED = SampleWanted(ReadingContext.TRIGGER, TriggerReason.TRIGGER)


class SampleSchedule:
    """Hands out each due time once."""

    def __init__(self) -> None:
        self._aligned_after: datetime | None = None
        self._transaction_id: str | None = None
        self._periodic_at_s = 0.0

    def due_within(
        self, now: Instant, horizon_s: float, intervals: SampleIntervals, transaction_id: str | None
    ) -> list[tuple[float, SampleWanted]]:
        """Return what falls due within the horizon, as (seconds from now, what)."""
        due = [(delay_s, ALIGNED) for delay_s in self._aligned(now, horizon_s, intervals.aligned_s)]
        due += [(delay_s, PERIODIC) for delay_s in self._periodic(now, horizon_s, intervals.periodic_s, transaction_id)]
        return due

    def _aligned(self, now: Instant, horizon_s: float, interval_s: int) -> list[float]:
        if interval_s <= 0:
            return []
        if self._aligned_after is not None and self._aligned_after > now.utc + timedelta(seconds=horizon_s):
            self._aligned_after = None  # the clock was set back
        after = max(self._aligned_after or now.utc, now.utc - timedelta(seconds=horizon_s))
        midnight = after.replace(hour=0, minute=0, second=0, microsecond=0)
        steps = int((after - midnight).total_seconds() // interval_s) + 1
        next_at = min(midnight + timedelta(seconds=steps * interval_s), midnight + timedelta(days=1))
        delay_s = (next_at - now.utc).total_seconds()
        if delay_s > horizon_s:
            return []
        self._aligned_after = next_at
        return [max(0.0, delay_s)]

    def _periodic(self, now: Instant, horizon_s: float, interval_s: int, transaction_id: str | None) -> list[float]:
        if transaction_id is None or interval_s <= 0:
            self._transaction_id = None
            return []
        if transaction_id != self._transaction_id:
            self._transaction_id = transaction_id
            self._periodic_at_s = now.monotonic_s
        next_at_s = self._periodic_at_s + interval_s
        if next_at_s > now.monotonic_s + horizon_s:
            return []
        self._periodic_at_s = max(next_at_s, now.monotonic_s)
        return [max(0.0, next_at_s - now.monotonic_s)]
