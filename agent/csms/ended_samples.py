"""Rule: how much of a transaction's samples its last message carries at most, in any version.

Back-ends drop the connection, or the message, when a frame is too big, and a stop that is refused for its samples would
be lost with them. Beyond `MAX_CHARS` each kind is thinned evenly by the same ratio; its first and last sample stay.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final, TypeVar

from agent.csms import rpc
from agent.csms.adapter import Payload
from agent.domain.device_model import DeviceModel
from agent.domain.facts import Sample
from agent.domain.vocabulary import ReadingContext
from hal.value import dataclass

MAX_CHARS: Final = 32_768
"""Half of the 64 KiB that small websocket servers take; some 190 samples of one measurand."""
ENDS: Final = 2
"""Of each kind always stay the first and the last."""
_THINNER: Final = 0.9
_KINDS: Final = tuple(ReadingContext)
_PLACE: Final = {ReadingContext.TRANSACTION_BEGIN: 0, ReadingContext.TRANSACTION_END: 2}
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Told:
    sample: Sample
    value: Payload
    chars: int


def ended_measurands(context: ReadingContext, model: DeviceModel) -> tuple[str, ...]:
    """Return what the end of a transaction tells of samples of this kind."""
    component = "AlignedDataCtrlr" if context is ReadingContext.SAMPLE_CLOCK else "SampledDataCtrlr"
    return model.members(component, "TxEndedMeasurands")


def fitting(written: Iterable[tuple[Sample, Payload]]) -> list[Payload]:
    """Return what fits, oldest first, the begin before and the end after everything else."""
    told = [_Told(sample, value, len(rpc.payload_text(value)) + 1) for sample, value in written]
    told.sort(key=lambda each: (_KINDS.index(each.sample.context), each.sample.reading.at))
    kinds = [list(kind) for _, kind in groupby(told, key=lambda each: each.sample.context)]
    kept = [each for kind in _thinned(kinds) for each in kind]
    kept.sort(key=lambda each: (_PLACE.get(each.sample.context, 1), each.sample.reading.at))
    return [each.value for each in kept]


def _thinned(kinds: Sequence[Sequence[_Told]]) -> Sequence[Sequence[_Told]]:
    ratio, chosen = 1.0, kinds
    while _chars(chosen) > MAX_CHARS and any(len(kind) > ENDS for kind in chosen):
        ratio *= _THINNER
        chosen = [_evenly(kind, max(ENDS, int(len(kind) * ratio))) for kind in kinds]
    return chosen


def _chars(kinds: Sequence[Sequence[_Told]]) -> int:
    return sum(each.chars for kind in kinds for each in kind)


def _evenly(items: Sequence[T], count: int) -> Sequence[T]:
    if len(items) <= count:
        return items
    return [items[round(n * (len(items) - 1) / (count - 1))] for n in range(count)]
