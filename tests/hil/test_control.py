import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.bench import Bench
from hil.control import Control
from hil.virtual_time import run_virtual


def ask(*requests: Any) -> list[dict[str, Any]]:
    async def story() -> list[dict[str, Any]]:
        bench = Bench(2)
        bench.power_on()
        await asyncio.sleep(5)
        control = Control(bench)
        lines = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in requests]
        answers = [control.handle_line(line)[0] for line in lines]
        await asyncio.sleep(5)
        return answers

    return run_virtual(story())


def test_every_operation_of_the_table_is_carried_out() -> None:
    answers = ask(
        {
            "id": 1,
            "op": "plug_in",
            "evse": 1,
            "cable_a": 32,
            "current_a": 16,
            "phases": 3,
            "delay_s": 1,
            "capacity_wh": None,
        },
        {"id": 2, "op": "ev", "evse": 1, "state": "C", "current_a": 10, "phases": 1},
        {"id": 3, "op": "ev", "evse": 1, "state": "sleep"},
        {"id": 4, "op": "swipe", "token": "04A1B2C3", "type": "ISO14443", "evses": [1]},
        {"id": 5, "op": "swipe", "reader": 1, "token": "04a1b2c3"},
        {"id": 6, "op": "fault", "evse": 2, "kind": "meter_silent"},
        {"id": 7, "op": "clear", "evse": 2, "kind": "meter_silent"},
        {"id": 8, "op": "clear", "evse": 2},
        {"id": 9, "op": "meter", "evse": 2, "energy_wh": 1000, "voltage_v": 231.5, "reset_on_plug_in": False},
        {"id": 10, "op": "state"},
        {"id": 11, "op": "power_cut"},
        {"id": 12, "op": "power_on"},
        {"id": 13, "op": "plug_out", "evse": 1},
        {"id": 14, "op": "ping"},
        {"id": 15, "op": "subscribe"},
    )
    assert [answer["ok"] for answer in answers] == [True] * 15, answers
    assert [answer["id"] for answer in answers] == list(range(1, 16))


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        ({"op": "explode"}, "explode"),
        ({"op": "plug_in"}, "evse"),
        ({"op": "plug_in", "evse": 3}, "no EVSE 3"),
        ({"op": "plug_in", "evse": 1, "colour": "red"}, "colour"),
        ({"op": "plug_in", "evse": True}, "evse"),
        ({"op": "plug_in", "evse": 1, "current_a": "16"}, "current_a"),
        ({"op": "plug_in", "evse": 1, "phases": 4}, "phases"),
        ({"op": "ev", "evse": 1, "state": "C"}, "no car"),
        ({"op": "swipe", "token": "xyz"}, "hexadecimal"),
        ({"op": "swipe", "token": "04", "type": "MAGIC"}, "MAGIC"),
        ({"op": "swipe", "token": "04", "reader": 2}, "reader 2"),
        ({"op": "fault", "evse": 1, "kind": "lock_blocked"}, "lock_blocked"),
        (b"[1, 2]", "JSON object"),
        (b"{not json", "JSON object"),
        (b"\xff\xfe", "JSON object"),
        (b"[" * 100_000, "JSON object"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence_that_names_it(
    request_: dict[str, object] | bytes, named: str
) -> None:
    (answer,) = ask(request_)
    assert answer["ok"] is False
    assert named in answer["error"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
OPERATIONS = ("plug_in", "plug_out", "ev", "swipe", "fault", "clear", "meter", "state", "power_cut", "power_on", "ping")
FIELDS = ("evse", "state", "kind", "token", "current_a", "cable_a", "phases", "delay_s", "capacity_wh", "energy_wh")
requests = st.fixed_dictionaries(
    {"op": st.sampled_from(OPERATIONS)},
    optional={
        field: st.integers(0, 3) | st.sampled_from(["B", "C", "D", "sleep", "welded", "cable_pulled"]) | json_values
        for field in FIELDS
    },
)


@settings(max_examples=150, deadline=None)
@given(st.lists(requests | st.binary(max_size=40), max_size=8))
def test_no_request_breaks_the_bench(sequence: list[Any]) -> None:
    answers = ask(*sequence, {"id": 99, "op": "state"})
    assert all(isinstance(answer["ok"], bool) for answer in answers)
    assert answers[-1]["ok"] is True
