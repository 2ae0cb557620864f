"""Nothing can be removed, changed, re-ordered or cut off without being found."""

import tracemalloc
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.security_event import SecurityEvent, SecurityEventType
from agent.store.security_log import START, Entry
from agent.store.security_log_check import Anchors, lines_between, verify
from agent.store.security_log_lines import BEGINNING, Link, line_of
from tests.agent.store.security_log_rig import AT, LogRig

LINES = 12


def written(folder: Path, count: int = LINES, start: Link = BEGINNING) -> Anchors:
    """A log of two files; gives its anchors."""
    folder.mkdir(exist_ok=True)
    at = start
    for names in (range(count // 2), range(count // 2, count)):
        path = folder / f"{at.seq + 1:010}.log"
        text = b""
        for n in names:
            line, at = line_of(SecurityEvent(SecurityEventType.INVALID_MESSAGES, AT, f"event {n} \u00e9"), at)
            text += line
        path.write_bytes(text)
    return Anchors(start, at)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Anchors, list[bytes]]:
    folder = tmp_path_factory.mktemp("log")
    anchors = written(folder, start=Link(7, "ab" * 32))
    return folder, anchors, [path.read_bytes() for path in sorted(folder.iterdir())]


def after(folder: Path, texts: list[bytes], anchors: Anchors) -> str | None:
    for path, text in zip(sorted(folder.iterdir()), texts, strict=True):
        path.write_bytes(text)
    return verify(folder, anchors).problem


def test_a_log_as_it_was_written_is_whole(log: tuple[Path, Anchors, list[bytes]]) -> None:
    folder, anchors, texts = log
    assert after(folder, texts, anchors) is None


def test_every_change_of_one_byte_is_found(log: tuple[Path, Anchors, list[bytes]]) -> None:
    """Each bit of every byte."""
    folder, anchors, texts = log
    for place in range(len(texts[1])):
        for bit in range(8):
            changed = bytearray(texts[1])
            changed[place] ^= 1 << bit
            assert after(folder, [texts[0], bytes(changed)], anchors) is not None, (place, bit)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_tampering_is_found(log: tuple[Path, Anchors, list[bytes]], data: st.DataObject) -> None:
    """Lines removed, repeated, swapped, moved; bytes changed, put in, taken out; files emptied, joined, exchanged."""
    folder, anchors, texts = log
    lines = [line for text in texts for line in text.splitlines(keepends=True)]
    first = data.draw(st.integers(0, LINES - 1))
    second = data.draw(st.integers(0, LINES - 1).filter(lambda n: n != first))
    kind = data.draw(st.sampled_from(["remove", "repeat", "swap", "cut", "insert", "delete", "replace", "front"]))
    new = list(lines)
    whole = b"".join(lines)
    place = data.draw(st.integers(0, len(whole) - 1))
    byte = bytes([data.draw(st.integers(0, 255))])
    match kind:
        case "remove":
            del new[first]
        case "repeat":
            new.insert(second, new[first])
        case "swap":
            new[first], new[second] = new[second], new[first]
        case "cut":
            new = [whole[:place]]
        case "front":
            new = new[first + 1 :]
        case "insert":
            new = [whole[:place], byte, whole[place:]]
        case "delete":
            new = [whole[:place], whole[place + 1 :]]
        case _:
            new = [whole[:place], byte, whole[place + 1 :]]
    text = b"".join(new)
    if text == whole:
        return
    cut = min(len(texts[0]), len(text))
    assert after(folder, [text[:cut], text[cut:]], anchors) is not None, kind


def test_a_log_cut_at_its_end_lacks_the_anchored_lines(tmp_path: Path) -> None:
    anchors = written(tmp_path / "log")
    path = sorted((tmp_path / "log").iterdir())[1]
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]))
    assert verify(tmp_path / "log", anchors).problem == "lines 11 to 12 are missing at the end"


def test_a_log_that_was_written_anew_with_right_chains_is_not_the_anchored_one(tmp_path: Path) -> None:
    anchors = written(tmp_path / "log")
    at, text = BEGINNING, b""
    for n in range(LINES):
        line, at = line_of(SecurityEvent(SecurityEventType.INVALID_MESSAGES, AT, f"harmless {n}"), at)
        text += line
    for path in (tmp_path / "log").iterdir():
        path.unlink()
    (tmp_path / "log" / "0000000001.log").write_bytes(text)
    assert verify(tmp_path / "log", anchors).problem == "line 12 is not the one that was noted elsewhere"


def test_a_head_that_the_back_end_noted_shows_a_log_forged_with_its_database(tmp_path: Path) -> None:
    noted = written(tmp_path / "log").head
    forged = written(tmp_path / "log", start=Link(0, "cd" * 32))
    assert forged.head is not None
    assert noted is not None
    assert verify(tmp_path / "log", forged).problem is None
    assert verify(tmp_path / "log", forged, noted).problem == "line 12 is not the one that was noted elsewhere"


def test_the_oldest_file_deleted_by_hand_is_a_gap(tmp_path: Path) -> None:
    anchors = written(tmp_path / "log")
    min((tmp_path / "log").iterdir()).unlink()
    assert verify(tmp_path / "log", anchors).problem == "lines 1 to 6 are missing"


def test_an_anchor_of_the_beginning_moved_by_hand_is_found(tmp_path: Path) -> None:
    rig = LogRig(tmp_path)
    rig.write(5)
    rig.anchor(START, Link(2, "00" * 32))
    assert rig.verify().problem is not None
    rig.close()


def test_a_log_that_the_database_does_not_know_is_not_whole(tmp_path: Path) -> None:
    written(tmp_path / "log")
    assert verify(tmp_path / "log", Anchors(BEGINNING, None)).problem is not None


def test_a_log_that_never_was_is_whole_only_if_nothing_was_written(tmp_path: Path) -> None:
    assert verify(tmp_path / "log", Anchors(BEGINNING, None)).problem is None
    assert verify(tmp_path / "log", Anchors(BEGINNING, Link(1, "00" * 32))).problem is not None


def test_memory_stays_flat(tmp_path: Path) -> None:
    rig = LogRig(tmp_path, max_file_bytes=1 << 22)
    entries = [Entry(n, SecurityEvent(SecurityEventType.INVALID_MESSAGES, AT, "x" * 200)) for n in range(1, 10_001)]
    rig.files.anchor(rig.files.append(rig.connection, entries).head, rig.connection)
    anchors = rig.anchors
    del entries
    tracemalloc.start()
    assert verify(rig.folder, anchors).last == 10_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 300_000
    rig.close()


def test_a_line_without_end_does_not_fill_memory(tmp_path: Path) -> None:
    anchors = written(tmp_path / "log")
    sorted((tmp_path / "log").iterdir())[1].write_bytes(b"x" * 5_000_000)
    tracemalloc.start()
    assert verify(tmp_path / "log", anchors).problem == "line 7 is damaged"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 300_000


def test_lines_between_two_times_are_given_as_they_stand(tmp_path: Path) -> None:
    rig = LogRig(tmp_path)
    rig.write(10)
    told = list(lines_between(rig.folder, AT + timedelta(minutes=3), AT + timedelta(minutes=5)))
    assert [line.split(":")[1].split(",")[0] for line in told] == ["3", "4", "5"]
    assert "".join(lines_between(rig.folder, None, None)).encode() == rig.text
    rig.close()
