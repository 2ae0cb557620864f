import json
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.domain.facts import Fact, TransactionUpdated
from agent.domain.vocabulary import TxPoint
from agent.store.errors import StoreError
from agent.store.json_codec import decode, encode
from tests.agent.store.samples import updated

FINITE = st.decimals(allow_nan=False, allow_infinity=False)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TIMES = st.datetimes(min_value=datetime(1971, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants it naive


def values(type_: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401 - any type form
    """Values as the domain can hold them: finite numbers and aware times."""
    if is_dataclass(type_) and isinstance(type_, type):
        hints = get_type_hints(type_)
        return st.fixed_dictionaries({each.name: values(hints[each.name]) for each in fields(type_)}).map(
            lambda found: type_(**found)
        )
    if get_origin(type_) is UnionType:
        return st.one_of([values(member) for member in get_args(type_)])
    if get_origin(type_) is tuple:
        return st.lists(values(get_args(type_)[0]), max_size=3).map(tuple)
    return {Decimal: FINITE, datetime: TIMES, float: FLOATS}.get(type_, st.from_type(type_))


@dataclass(frozen=True, slots=True)
class Inner:
    count: int
    note: str = "none"


@dataclass(frozen=True, slots=True)
class Other:
    text: str


@dataclass(frozen=True, slots=True)
class Outer:
    either: Inner | Other | None
    pair: tuple[int, str] = (1, "a")
    points: frozenset[TxPoint] = field(default_factory=frozenset)
    at: datetime | None = None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(values(Fact))
def test_every_fact_comes_back_as_it_went(fact: Fact) -> None:
    assert decode(encode(fact), Fact) == fact


@pytest.mark.parametrize(
    "value",
    [
        Outer(Inner(3)),
        Outer(Other("x"), pair=(9, "z"), points=frozenset({TxPoint.AUTHORIZED, TxPoint.EV_CONNECTED})),
        Outer(None, at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    ],
)
def test_unions_pairs_and_sets_come_back(value: Outer) -> None:
    assert decode(encode(value), Outer) == value


def test_a_stored_fact_is_readable_text_with_its_kind_and_format_version() -> None:
    plain = json.loads(encode(updated(3)))
    assert (plain["v"], plain["kind"], plain["seq_no"]) == (1, "TransactionUpdated", 3)
    assert plain["register_wh"] == "12348.678"
    assert plain["at"] == "2026-03-01T12:00:03.250000Z"
    assert plain["samples"][0]["reading"]["voltage_v"] == ["230.1", None, "229.9"]


def test_times_of_other_zones_are_kept_as_the_same_moment_in_utc() -> None:
    at = datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    text = encode(Outer(None, at=at))
    assert json.loads(text)["at"] == "2025-12-31T23:00:00Z"
    assert decode(text, Outer).at == at


def test_fields_of_a_newer_firmware_are_ignored() -> None:
    plain = json.loads(encode(updated(3))) | {"v": 2, "signature": {"kind": "Signature"}}
    plain["samples"][0]["reading"]["temperature_c"] = 21
    assert decode(json.dumps(plain), Fact) == updated(3)


def test_a_missing_field_takes_its_default_and_one_without_is_refused() -> None:
    plain = json.loads(encode(updated(3)))
    del plain["remote_start_id"]
    assert decode(json.dumps(plain), TransactionUpdated).remote_start_id is None
    del plain["seq_no"]
    with pytest.raises(StoreError, match="seq_no is missing"):
        decode(json.dumps(plain), TransactionUpdated)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "TransactionPaused"},
        {"trigger": "SomethingNew"},
        {"register_wh": 12.5},
        {"register_wh": "much"},
        {"at": "2026-03-01T12:00:03"},
        {"seq_no": "3"},
        {"seq_no": True},
        {"samples": {}},
        {"samples": [None]},
    ],
)
def test_what_is_not_of_the_type_is_refused_when_read(change: dict[str, Any]) -> None:
    plain = json.loads(encode(updated(3))) | change
    with pytest.raises(StoreError):
        decode(json.dumps(plain), Fact)


@pytest.mark.parametrize("text", ["", "null", "[]", "{", '"x"', "{}"])
def test_text_that_is_no_fact_is_refused(text: str) -> None:
    with pytest.raises(StoreError):
        decode(text, Fact)


@dataclass(frozen=True, slots=True)
class Unstorable:
    value: complex


@dataclass(frozen=True, slots=True)
class Ambiguous:
    value: int | str


@pytest.mark.parametrize(
    "value",
    [
        Unstorable(1j),
        Ambiguous(1),
        Outer(Inner(count="three")),  # type: ignore[arg-type]  # the mistake under test
        Outer(None, at=datetime(2026, 1, 1)),  # noqa: DTZ001 - the mistake under test
        Outer(None, pair=(1, "a", "b")),  # type: ignore[arg-type]  # the mistake under test
        Outer("text"),  # type: ignore[arg-type]  # the mistake under test
        "text",
    ],
)
def test_what_cannot_be_stored_is_refused_when_written(value: object) -> None:
    with pytest.raises(StoreError):
        encode(value)


def test_no_energy_that_is_no_number_is_ever_stored() -> None:
    @dataclass(frozen=True)
    class Energy:
        wh: Decimal

    with pytest.raises(StoreError, match="no quantity"):
        encode(Energy(Decimal("NaN")))


def test_a_field_that_would_hide_the_name_of_its_class_is_refused_when_written() -> None:
    @dataclass(frozen=True)
    class Hiding:
        kind: str

    with pytest.raises(StoreError, match="kind"):
        encode(Hiding("a"))
