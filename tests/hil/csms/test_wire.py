import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.csms import wire
from hil.csms.bench_csms import BenchCsms
from hil.virtual_time import run_virtual
from tests.hil.csms.messages import BOOT_16, BOOT_201, event_201, meter_16, start_16, stop_16
from tests.hil.csms.station import station_in_memory

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)

REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("1.6", "BootNotification", BOOT_16),
    ("1.6", "StartTransaction", start_16()),
    ("1.6", "StopTransaction", stop_16(1)),
    ("1.6", "MeterValues", meter_16(1)),
    ("2.0.1", "BootNotification", BOOT_201),
    ("2.0.1", "TransactionEvent", event_201("Started", 0, 7, idToken={"idToken": "T", "type": "Central"})),
    ("2.0.1", "MeterValues", {"evseId": 1, "meterValue": event_201("Started", 0, 7)["meterValue"]}),
]


def frames_around(request: tuple[str, str, dict[str, Any]]) -> st.SearchStrategy[tuple[str, str]]:
    """Give a version and a frame: a valid request with one member replaced by anything."""
    version, action, payload = request
    places = [()] + [(key,) for key in payload] + [(*at,) for at in _inner_places(payload)]

    def mutated(place: tuple[Any, ...], value: object) -> tuple[str, str]:
        copy = json.loads(json.dumps([payload]))
        at = copy
        for key in (0, *place)[:-1]:
            at = at[key]
        at[(0, *place)[-1]] = value
        return version, json.dumps([2, "fuzz", action, copy[0]])

    return st.builds(mutated, st.sampled_from(places), JSON)


def _inner_places(value: object, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    return [place for key, inner in items for place in [(*prefix, key), *_inner_places(inner, (*prefix, key))]]


async def _ids_answered(version: str, frame: str) -> list[str]:
    """Say this frame and a heartbeat; gives the ids of both answers. The ledger stays one that JSON can hold."""
    csms = BenchCsms()
    async with station_in_memory(csms, version) as station:
        await station.connection.send(frame)
        await station.say("Heartbeat", {})
        answered = [str((await station.hear())[1]) for _ in range(2)]
    json.dumps(csms.ledger.to_json(), allow_nan=False)
    return answered


@settings(deadline=None)  # the first message of an action loads its schema
@given(st.sampled_from(REQUESTS).flatmap(frames_around))
def test_any_mutation_of_a_request_is_answered_and_survived(versioned: tuple[str, str]) -> None:
    assert run_virtual(_ids_answered(*versioned)) == ["fuzz", "m1"]


@given(st.text(max_size=60) | JSON.map(json.dumps))
def test_any_text_is_a_message_or_a_wire_error(text: str) -> None:
    try:
        message = wire.decode(text)
    except wire.WireError:
        return
    assert isinstance(message.message_id, str)


def test_a_deeply_nested_frame_is_a_wire_error() -> None:
    with pytest.raises(wire.WireError):
        wire.decode("[" * 200_000)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("2026-01-01T10:00:00Z", True),
        ("2026-01-01T10:00:00.123+02:00", True),
        ("2026-01-01T10:00:00", False),
        ("2026-13-01T10:00:00Z", False),
        ("2026-01-01 10:00:00Z", False),
        ("20260101T100000Z", False),
        ("1767261600", False),
    ],
)
async def test_date_times_need_rfc_3339_with_a_zone(text: str, good: bool) -> None:
    if good:
        await wire.check_call("StartTransaction", start_16(timestamp=text), "1.6")
        return
    with pytest.raises(wire.WireError, match="timestamp"):
        await wire.check_call("StartTransaction", start_16(timestamp=text), "1.6")


async def test_dates_nested_in_lists_and_in_answers_are_checked() -> None:
    with pytest.raises(wire.WireError, match="timestamp"):
        await wire.check_call("MeterValues", meter_16(1, at="noon"), "1.6")
    with pytest.raises(wire.WireError, match="currentTime"):
        await wire.check_result("Heartbeat", {"currentTime": "now"}, "2.0.1")


async def test_nan_is_no_number() -> None:
    event = event_201("Started", 0)
    event["meterValue"] = [{"timestamp": "2026-01-01T10:00:00Z", "sampledValue": [{"value": float("nan")}]}]
    with pytest.raises(wire.WireError, match="no JSON number"):
        await wire.check_call("TransactionEvent", event, "2.0.1")


@pytest.mark.parametrize(("version", "code"), [("1.6", "FormationViolation"), ("2.0.1", "FormatViolation")])
def test_error_codes_are_spelled_as_the_version_spells_them(version: str, code: str) -> None:
    assert json.loads(wire.encode_error("i", "FormatViolation", "x" * 300, version))[2:4] == [code, "x" * 255]
