import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.csms import rpc
from agent.csms.adapter import RpcErrorCode
from agent.csms.rpc import Call, CallError, CallResult, FrameError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(st.text() | JSON.map(json.dumps) | st.lists(JSON, max_size=6).map(json.dumps))
def test_any_text_is_a_frame_or_a_frame_error(text: str) -> None:
    try:
        frame = rpc.parse(text)
    except FrameError:
        return
    assert isinstance(frame, Call | CallResult | CallError)


@given(st.tuples(st.sampled_from([2, 3, 4]), JSON, JSON, JSON, JSON).map(list))
def test_near_frames_are_survived_too(parts: list[Any]) -> None:
    for length in range(len(parts) + 1):
        try:
            rpc.parse(json.dumps(parts[:length]))
        except FrameError as error:
            assert error.message_id is None or isinstance(error.message_id, str)  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ('[2,"a","Reset",{"type":"Hard"}]', Call("a", "Reset", {"type": "Hard"})),
        ('[3,"a",{}]', CallResult("a", {})),
        ('[4,"a","GenericError","why",{"x":1}]', CallError("a", "GenericError", "why", {"x": 1})),
        ('[4,"a","GenericError",null]', CallError("a", "GenericError")),
    ],
)
def test_the_three_kinds_of_frame(text: str, frame: rpc.Frame) -> None:
    assert rpc.parse(text) == frame


@pytest.mark.parametrize(
    "text",
    [
        '[2,"a","R",{"x":1,"x":2}]',
        '[2,"a","R",{"x":NaN}]',
        '[2,"a","R",{"x":-Infinity}]',
        '[2,"a","R",{"x":1e999}]',
        '[2,"a","R",{"x":99999999999999999999}]',
        '[2,"a","R",{"x":"\\ud800"}]',
        '[2,"a","' + "R" * 51 + '",{}]',
        '[2,"a","",{}]',
        '[2,"' + "a" * 37 + '","R",{}]',
        '[2,"","R",{}]',
        "[" * 100_000,
        "9" * 10_000,
        "[2" + " " * rpc.MAX_FRAME_CHARS + "]",
    ],
)
def test_what_json_would_let_pass_is_refused(text: str) -> None:
    with pytest.raises(FrameError):
        rpc.parse(text)


def test_a_readable_id_is_kept_for_the_answer_and_broken_answers_are_not_answered() -> None:
    with pytest.raises(FrameError) as caught:
        rpc.parse('[2,"id","R"]')
    assert (caught.value.message_id, caught.value.answerable) == ("id", True)
    with pytest.raises(FrameError) as caught:
        rpc.parse('[3,"id",1]')
    assert not caught.value.answerable


def test_descriptions_are_clipped_and_both_spellings_understood() -> None:
    assert len(json.loads(rpc.error_text("a", "X", "y" * 999))[3]) == rpc.MAX_DESCRIPTION_CHARS
    assert rpc.error_code_named("FormationViolation") is RpcErrorCode.FORMAT_VIOLATION
    assert rpc.error_code_named("OccurenceConstraintViolation") is RpcErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION
    assert rpc.error_code_named("Whatever") is RpcErrorCode.GENERIC_ERROR


@given(st.dictionaries(st.text(), st.integers(-1000, 1000) | st.text(st.characters(exclude_categories=["Cs"]))))
def test_what_is_written_reads_back(payload: dict[str, Any]) -> None:
    payload = {key: value for key, value in payload.items() if key.isprintable()}
    assert rpc.parse(rpc.call_text("a", "R", payload)) == Call("a", "R", payload)
    assert rpc.parse(rpc.result_text("a", payload)) == CallResult("a", payload)


@pytest.mark.parametrize(
    "rest", ['"Reset",{"type":"Hard","type":"Soft"}]', '"Reset",{"a":NaN}]', '"Reset",{"a":' + "9" * 400 + "}]", '"Res']
)
def test_a_call_that_cannot_be_read_is_still_known_by_its_id(rest: str) -> None:
    """OCPP-J 1.6, 4.2.3: FormationViolation answers the CALL, so its sender does not wait in vain."""
    with pytest.raises(FrameError) as caught:
        rpc.parse(f' [2, "an-id",{rest}')
    assert (caught.value.message_id, caught.value.answerable) == ("an-id", True)


@pytest.mark.parametrize("text", ['[3,"an-id",{"a":NaN}]', '[2,"an-id"', '[2,"an\\u0041-id",{', f'[2,"{"x" * 37}",{{'])
def test_of_other_unreadable_frames_no_id_is_guessed(text: str) -> None:
    with pytest.raises(FrameError) as caught:
        rpc.parse(text)
    assert caught.value.message_id is None
