from typing import Any

import pytest

from hil.ctl_words import Known, completions, help_lines, request_of, words_of

KNOWN = Known.from_json(
    {
        "operations": {
            "fault": {"required": ["evse", "kind"], "optional": ["value", "for_s"]},
            "plug_in": {"required": ["evse"], "optional": ["current_a", "cable_a"]},
            "ping": {"required": [], "optional": []},
        },
        "words": {"evse": ["1", "2"], "kind": ["diode", "pilot_open", "pilot_short"]},
    }
)


@pytest.mark.parametrize(
    ("typed", "request_fields"),
    [
        ("plug 1", {"op": "plug_in", "evse": 1}),
        ("plug_in evse=1 current_a=16", {"op": "plug_in", "evse": 1, "current_a": 16}),
        ("pull 2", {"op": "plug_out", "evse": 2}),
        ("tap 04112233", {"op": "swipe", "token": "04112233"}),
        ("fault 1 diode", {"op": "fault", "evse": 1, "kind": "diode"}),
        ("fault 1 vent 20 for_s=2.5", {"op": "fault", "evse": 1, "kind": "vent", "value": 20, "for_s": 2.5}),
        ("clear 1", {"op": "clear", "evse": 1}),
        ("ev 1 sleep", {"op": "ev", "evse": 1, "state": "sleep"}),
        ("state", {"op": "state"}),
        ("send action=Reset payload='[1]'", {"op": "send", "action": "Reset", "payload": [1]}),
    ],
)
def test_short_forms_and_named_fields_become_requests(typed: str, request_fields: dict[str, Any]) -> None:
    assert request_of(words_of(typed)) == request_fields


def test_a_comment_is_nothing() -> None:
    assert words_of("# the car comes") == words_of("") == []


@pytest.mark.parametrize(
    ("typed", "said"),
    [("pull 1 2", "'2' is not key=value"), ("ping x", "'x' is not"), ('plug "1', "no closing quotation")],
)
def test_what_cannot_be_a_request_is_refused_in_a_sentence(typed: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        request_of(words_of(typed))


@pytest.mark.parametrize(
    ("before", "begun", "found"),
    [
        ([], "p", ["ping ", "plug ", "plug_in ", "pull "]),
        ([], "he", ["help "]),
        (["help"], "fa", ["fault "]),
        (["fault"], "", ["1 ", "2 ", "evse=", "for_s=", "kind=", "value="]),
        (["fault", "1"], "pilot", ["pilot_open ", "pilot_short "]),
        (["fault", "evse=1"], "kind=d", ["kind=diode "]),
        (["fault", "1", "diode"], "", ["for_s=", "value="]),
        (["plug", "1", "cable_a=32"], "c", ["current_a="]),
        (["dance"], "x", []),
    ],
)
def test_what_can_follow_is_offered(before: list[str], begun: str, found: list[str]) -> None:
    assert completions(before, begun, KNOWN) == found


def test_help_says_what_an_operation_takes_and_which_words() -> None:
    assert help_lines("fault", KNOWN) == [
        "fault: needs evse, kind; takes value, for_s",
        "  evse: 1, 2",
        "  kind: diode, pilot_open, pilot_short",
    ]
    assert help_lines("plug", KNOWN)[0] == "plug_in: needs evse; takes current_a, cable_a"
    assert "operations: fault, plug_in, ping" in help_lines(None, KNOWN)
    with pytest.raises(ValueError, match="unknown operation 'dance'; known: fault, plug_in, ping"):
        help_lines("dance", KNOWN)
