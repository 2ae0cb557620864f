"""The agent's own log in rotating files."""

import logging
import re
from pathlib import Path

import pytest

from agent import log_file
from agent.log_file import LogFile
from agent.rotating_file import RotatingFile


def record(text: str, *, name: str = "agent.test") -> logging.LogRecord:
    return logging.LogRecord(name, logging.WARNING, "", 0, "%s", (text,), None)


def test_each_record_is_a_line_with_its_time_in_utc(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "agent.log")
    log.emit(record("contactor refused evse=1"))
    log.close()
    (line,) = (tmp_path / "agent.log").read_text().splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z WARNING agent\.test contactor refused evse=1", line)
    assert (tmp_path / "agent.log").stat().st_mode & 0o777 == 0o640


def test_a_full_file_makes_room_and_two_predecessors_are_kept(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "agent.log", max_file_bytes=200)
    for number in range(40):
        log.emit(record(f"record {number}"))
    log.close()
    found = {each.name for each in tmp_path.iterdir()}
    assert {"agent.log.1", "agent.log.2"} <= found <= {"agent.log", "agent.log.1", "agent.log.2"}
    assert "record 39" in "".join(each.read_text() for each in tmp_path.iterdir())


def test_a_flood_costs_records_and_says_so(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "agent.log")
    for _ in range(log_file.MAX_QUEUED + 7):
        log.emit(record("flood"))
    log.close()
    text = (tmp_path / "agent.log").read_text()
    assert "records were too many" in text or text.count("flood") == log_file.MAX_QUEUED + 7


def test_a_disk_that_cannot_be_written_is_not_told_to_itself(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "agent.log")
    log.emit(record("agent.log cannot be written", name=RotatingFile.__module__))
    log.close()
    assert not (tmp_path / "agent.log").exists()


def test_a_record_that_cannot_be_written_harms_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = LogFile(tmp_path / "agent.log")
    log.emit(logging.LogRecord("x", logging.INFO, "", 0, "%d", ("no number",), None))
    log.emit(record("the next"))
    log.close()
    assert (tmp_path / "agent.log").read_text().endswith("the next\n")
    assert "no number" in capsys.readouterr().err
