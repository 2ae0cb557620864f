import dataclasses
from dataclasses import field, replace
from decimal import Decimal

import pytest

from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    register_wh: Decimal
    phases: tuple[int, ...] = ()
    notes: list[str] = field(default_factory=list)
    source: str = field(default="meter", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Positive:
    value: int

    def __post_init__(self) -> None:
        if self.value <= 0:
            raise ValueError("not positive")

    def __repr__(self) -> str:
        return "Positive(…)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    label: str = "meter"
    phases: int
    unit: int = field(kw_only=False)


@dataclass(slots=True)
class Counter:
    count: int = 0


def test_a_value_is_made_by_position_and_by_name_and_gets_its_defaults() -> None:
    assert Reading(Decimal(1), phases=(1, 2)).phases == (1, 2)
    first, second = Reading(Decimal(1)), Reading(Decimal(1))
    assert first.notes == []
    assert first.notes is not second.notes


def test_a_missing_or_unknown_argument_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="register_wh"):
        Reading()  # type: ignore[call-arg]  # the point
    with pytest.raises(TypeError, match="colour"):
        Reading(Decimal(1), colour="red")  # type: ignore[call-arg]  # the point


def test_fields_may_be_given_by_name_only() -> None:
    assert Named(7, phases=3) == Named(unit=7, label="meter", phases=3)
    with pytest.raises(TypeError, match="positional"):
        Named(7, "meter", 3)  # type: ignore[call-arg]  # the point


def test_values_are_equal_by_what_counts_and_only_to_their_own_kind() -> None:
    assert Reading(Decimal(1), source="a") == Reading(Decimal(1), source="b")
    assert Reading(Decimal(1)) != Reading(Decimal(2))
    others: list[object] = [Positive(1), Decimal(1), None]
    assert Reading(Decimal(1)) not in others
    assert len({Positive(1), Positive(1), Positive(2)}) == 2


def test_a_value_cannot_be_changed_but_replaced() -> None:
    reading = Reading(Decimal(1))
    with pytest.raises(dataclasses.FrozenInstanceError, match="register_wh"):
        reading.register_wh = Decimal(2)  # type: ignore[misc]  # the point
    with pytest.raises(dataclasses.FrozenInstanceError):
        del reading.register_wh
    assert replace(reading, register_wh=Decimal(2)) == Reading(Decimal(2))
    assert not hasattr(reading, "__dict__")


def test_a_value_is_shown_by_its_fields_unless_it_says_otherwise() -> None:
    assert repr(Reading(Decimal(1))) == "Reading(register_wh=Decimal('1'), phases=(), notes=[])"
    assert repr(Positive(1)) == "Positive(…)"


def test_what_a_class_checks_after_construction_is_checked_every_time() -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="not positive"):
            Positive(0)


def test_a_value_can_be_taken_apart_by_a_match() -> None:
    match Reading(Decimal(3), (1,)):
        case Reading(register_wh, phases):
            assert (register_wh, phases) == (Decimal(3), (1,))


def test_other_dataclasses_are_the_standard_ones() -> None:
    counter = Counter()
    counter.count += 1
    assert counter == Counter(1)
