"""Samples of the open transaction that its end tells once more: a rule.

Of each kind at most `MAX_KEPT` are kept, however long the transaction is: beyond that every second, fourth, … by its
number, so that what stays is evenly spread. The first and the newest are always among them.
Source: OCPP 1.6 section 9.1 (StopTxnAlignedData, StopTxnSampledData), OCPP 2.0.1 part 2, J01 and J02.
"""

from collections.abc import Iterable
from typing import Final

from agent.domain.facts import Sample
from agent.domain.vocabulary import ReadingContext
from hal.value import dataclass

MAX_KEPT: Final = 200
"""Of each kind. A night at one a minute is thinned once, ten days at one every 15 min three times."""


@dataclass(frozen=True, slots=True)
class KeptSample:
    """A sample and its number among those of its kind in the transaction, from 0."""

    number: int
    sample: Sample


def stride(count: int) -> int:
    """Every how manieth of `count` samples is kept."""
    step = 1
    while (count + step - 1) // step > MAX_KEPT:
        step *= 2
    return step


class KeptSamples:
    """Those of one transaction."""

    def __init__(self, stored: Iterable[KeptSample] = ()) -> None:
        self._kinds: dict[ReadingContext, dict[int, Sample]] = {}
        for each in sorted(stored, key=lambda kept: kept.number):
            self._put(each)

    def add(self, sample: Sample) -> int:
        """Keep one more, making room if need be; returns its number."""
        kind = self._kinds.get(sample.context, {})
        number = max(kind, default=-1) + 1
        self._put(KeptSample(number, sample))
        return number

    def all(self) -> tuple[Sample, ...]:
        """Return what is kept, each kind in the order of its numbers."""
        return tuple(sample for kind in self._kinds.values() for sample in kind.values())

    def _put(self, kept: KeptSample) -> None:
        step = stride(kept.number + 1)
        kind = self._kinds.get(kept.sample.context, {})
        left = {number: sample for number, sample in kind.items() if number % step == 0}
        self._kinds[kept.sample.context] = {**left, kept.number: kept.sample}
