"""Which samples of a transaction stay for its end."""

from datetime import timedelta
from itertools import pairwise

import pytest

from agent.domain.facts import Sample
from agent.domain.kept_samples import MAX_KEPT, KeptSample, KeptSamples
from agent.domain.vocabulary import ReadingContext
from tests.agent.domain.session_rig import START, reading

CLOCK = ReadingContext.SAMPLE_CLOCK


def sample(number: int, context: ReadingContext = CLOCK) -> Sample:
    return Sample(context, reading(number, number * 900.0))


def numbers(kept: KeptSamples, context: ReadingContext = CLOCK) -> list[int]:
    readings = [each.reading for each in kept.all() if each.context is context]
    return [int((each.at - START) / timedelta(seconds=900)) for each in readings]


@pytest.mark.parametrize("count", [1, 2, MAX_KEPT, MAX_KEPT + 1, MAX_KEPT + 2, 1000, 10_001])
def test_however_long_it_takes_only_so_many_stay_evenly_spread_the_first_and_the_newest_among_them(count: int) -> None:
    kept = KeptSamples()
    assert [kept.add(sample(number)) for number in range(count)] == list(range(count))
    left = numbers(kept)
    assert (left[0], left[-1]) == (0, count - 1)
    assert min(count, MAX_KEPT // 2) <= len(left) <= MAX_KEPT + 1
    assert len({later - earlier for earlier, later in pairwise(left[:-1])}) <= 1


def test_what_was_stored_goes_on_as_if_nothing_had_been() -> None:
    whole = KeptSamples()
    for number in range(500):
        whole.add(sample(number))
    restored = KeptSamples(KeptSample(number, sample(number)) for number in reversed(numbers(whole)))
    assert numbers(restored) == numbers(whole)
    assert restored.add(sample(500)) == whole.add(sample(500)) == 500
    assert numbers(restored) == numbers(whole)


def test_one_kind_takes_no_room_from_another() -> None:
    kept = KeptSamples()
    kept.add(sample(0, ReadingContext.TRANSACTION_BEGIN))
    for number in range(1000):
        kept.add(sample(number, ReadingContext.SAMPLE_PERIODIC))
        if number % 15 == 0:
            kept.add(sample(number))
    assert len(numbers(kept)) == 67
    assert numbers(kept, ReadingContext.TRANSACTION_BEGIN) == [0]
