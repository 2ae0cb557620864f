"""The security log over power cuts, full disks and rotation."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.domain.security_event import SecurityEvent, SecurityEventType
from agent.store.security_log import HEAD, Entry
from agent.store.security_log_lines import BEGINNING, line_of
from tests.agent.store.security_log_rig import AT, LogRig

REPAIRED, CLEARED = SecurityEventType.SECURITY_LOG_REPAIRED, SecurityEventType.SECURITY_LOG_WAS_CLEARED


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[LogRig]:
    rig = LogRig(tmp_path)
    yield rig
    rig.close()


def test_lines_are_numbered_and_go_on_after_a_restart(rig: LogRig) -> None:
    rig.write(3)
    assert rig.start() == []
    assert rig.write(2).seq == 5
    assert rig.text.count(b"\n") == 5
    assert rig.verify().problem is None


def test_a_line_tells_time_clock_type_and_information(rig: LogRig) -> None:
    event = SecurityEvent(SecurityEventType.MEMORY_EXHAUSTION, AT, 'flash "full" \u20ac')
    rig.files.append(rig.connection, [Entry(1, event)])
    assert rig.text.startswith(
        b'{"seq":1,"at":"2026-03-14T15:09:26.000Z","clock":"system","type":"MemoryExhaustion",'
        b'"info":"flash \\"full\\" \\u20ac","chain":"'
    )


@pytest.mark.parametrize("kept_bytes", [1, 20, 100])
def test_a_torn_last_line_is_cut_off_and_told(rig: LogRig, kept_bytes: int) -> None:
    rig.write(3)
    whole = rig.text
    torn, _ = line_of(SecurityEvent(SecurityEventType.INVALID_MESSAGES, AT), rig.head)
    with rig.paths[0].open("ab") as file:
        file.write(torn[:kept_bytes])
    ((type_, info),) = rig.start()
    assert (type_, info) == (REPAIRED, f"{kept_bytes} bytes cut off behind line 3")
    assert rig.text == whole
    rig.write()
    assert rig.verify().problem is None


def test_a_tail_of_zeroes_is_torn_as_well(rig: LogRig) -> None:
    """What a power cut leaves of a block whose length was written and whose data was not."""
    rig.write(2)
    with rig.paths[0].open("ab") as file:
        file.write(bytes(300) + b"\n" + bytes(100))
    assert [type_ for type_, _ in rig.start()] == [REPAIRED]
    rig.write()
    assert rig.verify().problem is None


def test_a_whole_line_whose_anchor_was_lost_is_kept(rig: LogRig) -> None:
    """Power went between the line and the commit."""
    before = rig.write(2)
    rig.write(1)
    rig.anchor(HEAD, before)
    assert rig.verify().unanchored == 1
    assert rig.start() == []
    assert rig.head.seq == 3
    assert [event.tech_info for event in rig.untold] == ["number 3"]
    assert rig.write().seq == 4
    assert rig.verify() == rig.verify().__class__(None, 1, 4, 0)


def test_the_first_line_torn_leaves_an_empty_log(rig: LogRig) -> None:
    rig.folder.mkdir(exist_ok=True)
    (rig.folder / "0000000001.log").write_bytes(b'{"seq":1,"at"')
    assert [type_ for type_, _ in rig.start()] == [REPAIRED]
    assert rig.head == BEGINNING
    rig.write(2)
    assert rig.verify().problem is None


def test_a_first_line_torn_in_a_new_file_goes_on_from_the_file_before(tmp_path: Path) -> None:
    rig = LogRig(tmp_path, max_file_bytes=300)
    rig.write(4)
    (rig.folder / f"{rig.head.seq + 1:010}.log").write_bytes(b'{"seq"')
    assert [type_ for type_, _ in rig.start()] == [REPAIRED]
    assert rig.write().seq == 5
    assert rig.verify().problem is None
    rig.close()


@pytest.mark.parametrize("damage", ["cut", "emptied", "deleted", "folder", "last line changed", "middle changed"])
def test_what_was_taken_away_is_told_at_the_next_start_and_stays_to_be_seen(rig: LogRig, damage: str) -> None:
    rig.write(6)
    path, lines = rig.paths[0], rig.text.splitlines(keepends=True)
    match damage:
        case "cut":
            path.write_bytes(b"".join(lines[:4]))
        case "emptied":
            path.write_bytes(b"")
        case "deleted" | "folder":
            path.unlink()
            if damage == "folder":
                rig.folder.rmdir()
        case "last line changed":
            path.write_bytes(b"".join(lines[:5]) + lines[5].replace(b"number", b"nummer"))
        case _:
            path.write_bytes(lines[0] + lines[1].replace(b"number", b"nummer") + b"".join(lines[2:]))
    assert rig.verify().problem is not None
    assert [type_ for type_, _ in rig.start()] == [CLEARED]
    assert rig.write(3).seq == 9
    assert rig.verify().problem is not None
    assert rig.start() == []


def test_entries_that_were_written_are_not_written_again(rig: LogRig) -> None:
    """The database may take a commit back and try again."""
    entries = [Entry(n, SecurityEvent(SecurityEventType.INVALID_MESSAGES, AT, str(n))) for n in (1, 2)]
    rig.files.append(rig.connection, entries)
    assert rig.files.append(rig.connection, [*entries, Entry(3, entries[0].event)]).head.seq == 3
    assert rig.text.count(b"\n") == 3


def test_a_failed_write_leaves_nothing_and_is_tried_again(rig: LogRig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.write(2)
    before = rig.text
    real = os.write

    def half(file: int, data: bytes) -> int:
        real(file, bytes(data)[:50])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(OSError, match="No space"):
        rig.write()
    monkeypatch.undo()
    assert rig.text == before
    rig.numbers -= 1
    assert rig.write().seq == 3
    assert rig.verify().problem is None


def test_the_oldest_files_go_and_the_rest_can_still_be_verified(tmp_path: Path) -> None:
    rig = LogRig(tmp_path, max_file_bytes=600, kept_files=3)
    rig.write(40)
    verdict = rig.verify()
    assert (verdict.problem, verdict.last) == (None, 40)
    assert verdict.first > 25
    assert len(rig.paths) == 3
    assert sum(path.stat().st_size for path in rig.paths) < 3 * 900
    rig.start()
    rig.write(5)
    assert rig.verify().problem is None
    rig.close()


def test_a_file_that_could_not_be_deleted_after_the_commit_is_no_gap(tmp_path: Path) -> None:
    rig = LogRig(tmp_path, max_file_bytes=600, kept_files=2)
    rig.write(20)
    oldest = rig.paths[0]
    text = oldest.read_bytes()
    rig.write(12)
    oldest.write_bytes(text)
    assert rig.verify().problem is None
    rig.start()
    rig.write(1)
    assert oldest not in rig.paths
    assert rig.verify().problem is None
    rig.close()


def test_a_file_is_deleted_only_once_the_beginning_behind_it_is_anchored(tmp_path: Path) -> None:
    rig = LogRig(tmp_path, max_file_bytes=300, kept_files=9)
    rig.write(8)
    rig.limits["kept_files"] = 2
    rig.start()
    before = rig.paths
    rig.files.drop_surplus(rig.connection)
    assert rig.paths == before
    assert rig.files.note_start(rig.connection)
    rig.files.drop_surplus(rig.connection)
    assert len(rig.paths) == 2
    assert rig.verify().problem is None
    rig.close()


def test_files_are_readable_by_owner_and_group_alone(rig: LogRig) -> None:
    rig.write()
    assert rig.paths[0].stat().st_mode & 0o777 & ~0o640 == 0
