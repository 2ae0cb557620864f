import json
from datetime import UTC, datetime

import pytest

from hal.codecs.recording import (
    HEADER_START,
    Direction,
    Operation,
    RecordingError,
    RecordingQueue,
    RecordingText,
    WireBytes,
    read_recording,
)

LINES = {"evse1/board": {"kind": "rapi"}}
STARTED = datetime(2026, 11, 23, 17, 28, tzinfo=UTC)
SENT = WireBytes(1.5, "evse1/board", Direction.TO_DEVICE, b"$GS^30\r")
PLUGGED = Operation(1.75, {"op": "plug_in", "evse": 1})


def written(*entries: WireBytes | Operation, **notes: str) -> list[str]:
    text = RecordingText(10_000)
    return [text.header(STARTED, LINES, **notes), *(text.entry(entry) for entry in entries)]


def test_what_was_written_is_read() -> None:
    recording = read_recording(written(SENT, PLUGGED))
    assert recording.entries == (SENT, PLUGGED)
    assert (recording.lines, recording.end, recording.masked) == (LINES, None, False)


def test_the_format_of_a_line_stands() -> None:
    header, sent, plugged = (json.loads(line) for line in written(SENT, PLUGGED))
    assert header == {
        "format": "pilotline-recording",
        "version": 1,
        "started_utc": "2026-11-23T17:28:00+00:00",
        "lines": LINES,
    }
    assert sent == {"t": 1.5, "line": "evse1/board", "direction": "to_device", "hex": "2447535e33300d"}
    assert plugged == {"t": 1.75, "operation": {"op": "plug_in", "evse": 1}}


def test_a_header_is_known_by_its_beginning() -> None:
    assert written()[0].startswith(HEADER_START)


def test_a_recording_ends_marked_at_its_limit_and_says_nothing_after() -> None:
    text = RecordingText(10)
    lines = [text.header(STARTED, LINES), text.entry(SENT), text.entry(SENT)]
    assert read_recording(lines[:2]).end == "the limit of 10 bytes was reached"
    assert lines[2] == ""
    assert text.ended


def test_a_disk_that_stands_still_ends_the_recording_and_does_not_fill_the_memory() -> None:
    text, queue = RecordingText(10_000), RecordingQueue(max_waiting=3)
    for _ in range(1000):
        queue.note(SENT)
    lines = [text.header(STARTED, LINES), *queue.rendered(text).splitlines(keepends=True)]
    assert read_recording(lines).entries == (SENT,) * 3
    assert read_recording(lines).end == "3 entries waited for the disk"
    queue.note(SENT)
    assert queue.rendered(text) == ""


def test_what_was_noted_is_rendered_once() -> None:
    text, queue = RecordingText(10_000), RecordingQueue(max_waiting=3)
    for _ in range(10):
        queue.note(SENT)
        assert len(queue.rendered(text).splitlines()) == 1
    assert not text.ended


def test_masked_readers_are_told() -> None:
    assert read_recording(written(SENT, masked="readers")).masked


def test_a_last_line_cut_off_by_a_kill_is_left_out() -> None:
    assert read_recording([*written(SENT), '{"t": 1.8, "line": "evse1/bo']).entries == (SENT,)


def test_a_recording_goes_on_under_a_further_header_after_a_cut_line() -> None:
    assert read_recording([*written(SENT), '{"t": 1.8, "li\n', *written(PLUGGED)]).entries == (SENT, PLUGGED)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "begins with a header"),
        (['{"t": 1}\n'], "line 1: not the header"),
        (["rubbish\n", *written(SENT)], "line 1: not the header"),
        ([written()[0].replace('"version": 1', '"version": 2')], "version 2; this program reads 1"),
        ([written()[0].replace('"kind"', '"sort"')], "each line its kind"),
        ([*written(SENT), "rubbish\n", *written(SENT)[1:]], "line 3: not a JSON object"),
        ([*written(), '{"t": 1, "line": "evse9/board", "direction": "to_device", "hex": ""}'], "'evse9/board'"),
        ([*written(), '{"t": 1, "line": "evse1/board", "direction": "up", "hex": ""}'], "line 2: neither"),
        ([*written(), '{"t": 1, "line": "evse1/board", "direction": "to_device", "hex": "0"}'], "line 2: neither"),
    ],
    ids=["empty", "entry_first", "rubbish_first", "version", "kind", "rubbish", "unknown_line", "direction", "hex"],
)
def test_what_is_no_recording_is_refused_with_its_line(lines: list[str], said: str) -> None:
    with pytest.raises(RecordingError, match=said):
        read_recording(lines)
