import io
import json
from datetime import UTC, datetime

import pytest

from hil.csms.frames import SHORT, Frame, FrameLog, masked


def frame(payload: object = None, action: str = "Heartbeat") -> Frame:
    return Frame(0, 1.5, datetime(2026, 1, 1, 10, 0, 0, 123456, UTC), "CP1", "in", "call", action, "m1", payload or {})


def test_a_line_reads_time_identity_direction_action_payload() -> None:
    assert frame({"a": "ä"}).line() == '10:00:00.123 CP1 -> call   Heartbeat {"a":"ä"}'


def test_long_payloads_are_cut_in_lines_only() -> None:
    long = frame({"a": "x" * 1000})
    assert len(long.line()) < SHORT + 50
    assert long.to_json()["payload"] == {"a": "x" * 1000}


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        ({"key": "AuthorizationKey", "value": "s"}, {"key": "AuthorizationKey", "value": "***"}),
        ({"key": "HeartbeatInterval", "value": "5"}, {"key": "HeartbeatInterval", "value": "5"}),
        (
            {"setVariableData": [{"variable": {"name": "BasicAuthPassword"}, "attributeValue": "s"}]},
            {"setVariableData": [{"variable": {"name": "BasicAuthPassword"}, "attributeValue": "***"}]},
        ),
        ({"configurationKey": [{"key": "AuthorizationKey", "value": "s", "readonly": False}]}, None),
    ],
)
def test_keys_and_passwords_are_masked(payload: dict[str, object], shown: object) -> None:
    assert masked(payload) == (
        shown or {"configurationKey": [{"key": "AuthorizationKey", "value": "***", "readonly": False}]}
    )


def test_the_log_numbers_frames_and_pages_through_them() -> None:
    log = FrameLog()
    for _ in range(5):
        log.add(frame())
    assert [kept.number for kept in log.since(1, 2)] == [1, 2]
    assert [kept.number for kept in log.since(3)] == [3, 4]
    assert log.since(9) == []


def test_old_frames_are_forgotten_but_numbers_go_on() -> None:
    log = FrameLog(kept=3)
    for _ in range(5):
        log.add(frame())
    assert [kept.number for kept in log.since(0)] == [2, 3, 4]
    assert log.count == 5


@pytest.mark.parametrize("as_json", [True, False])
def test_each_frame_is_one_line_of_the_file(as_json: bool) -> None:
    file = io.StringIO()
    log = FrameLog(file, as_json=as_json)
    log.add(frame({"text": "two\nlines"}))
    log.add(frame())
    lines = file.getvalue().splitlines()
    assert len(lines) == 2
    assert not as_json or json.loads(lines[0])["payload"] == {"text": "two\nlines"}
