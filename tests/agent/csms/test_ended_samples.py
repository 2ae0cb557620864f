"""How much of a transaction's samples its last message carries."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agent.csms.adapter import Payload
from agent.csms.ended_samples import MAX_CHARS, fitting
from agent.csms.rpc import payload_text
from agent.domain.facts import Sample
from agent.domain.vocabulary import ReadingContext
from tests.fakes.fake_station import NOW, sample


def taken(minute: int, context: ReadingContext) -> Sample:
    template = sample(context=context)
    return replace(template, reading=replace(template.reading, at=NOW + timedelta(minutes=minute)))


def written(samples: list[Sample], chars: int) -> list[tuple[Sample, Payload]]:
    return [(each, {"at": each.reading.at.isoformat(), "of": each.context.value, "x": "x" * chars}) for each in samples]


def night(every: int) -> list[Sample]:
    """Ten hours, in an order of no meaning."""
    return [
        taken(600, ReadingContext.TRANSACTION_END),
        *(taken(minute, ReadingContext.SAMPLE_CLOCK) for minute in range(0, 600, 15)),
        *(taken(minute, ReadingContext.SAMPLE_PERIODIC) for minute in range(1, 600, every)),
        taken(0, ReadingContext.TRANSACTION_BEGIN),
    ]


def test_what_fits_is_told_whole_from_begin_to_end() -> None:
    values = fitting(written(night(60), 10))
    assert len(values) == len(night(60))
    assert values == sorted(values, key=lambda value: value["at"])
    assert (values[0]["of"], values[-1]["of"]) == ("Transaction.Begin", "Transaction.End")


@pytest.mark.parametrize("chars", [100, 1000, 2500])
def test_what_does_not_fit_is_thinned_evenly_in_every_kind_and_each_keeps_its_ends(chars: int) -> None:
    values = fitting(written(night(3), chars))
    assert MAX_CHARS / 2 < len(payload_text({"transactionData": values})) < MAX_CHARS + 100
    for kind, first, last in (("Sample.Clock", 0, 585), ("Sample.Periodic", 1, 598)):
        at = [value["at"] for value in values if value["of"] == kind]
        assert (at[0], at[-1]) == tuple((NOW + timedelta(minutes=minute)).isoformat() for minute in (first, last))
    clock = sum(value["of"] == "Sample.Clock" for value in values)
    periodic = sum(value["of"] == "Sample.Periodic" for value in values)
    assert clock == pytest.approx(periodic * 40 / 200, abs=2)
    assert (values[0]["of"], values[-1]["of"]) == ("Transaction.Begin", "Transaction.End")


def test_begin_and_end_are_told_however_big_they_are() -> None:
    samples = [taken(0, ReadingContext.TRANSACTION_BEGIN), taken(9, ReadingContext.TRANSACTION_END)]
    assert len(fitting(written(samples, MAX_CHARS))) == 2


def test_the_same_samples_give_the_same_message() -> None:
    assert fitting(written(night(3), 1000)) == fitting(written(night(3), 1000))
