"""The command: exit codes and sentences."""

import subprocess
import sys
from pathlib import Path

import pytest

from hil.report.__main__ import main
from tests.hil.report.recorded import blank, write


def test_a_page_is_written_and_its_directory_made(tmp_path: Path) -> None:
    page = tmp_path / "new" / "report.html"
    assert main([str(write(tmp_path / "results", blank())), str(page)]) == 0
    assert page.read_text("utf-8").startswith("<!DOCTYPE html>")


def test_a_broken_result_is_named_shown_as_unreadable_and_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results, page = write(tmp_path / "results", blank()), tmp_path / "report.html"
    (results / "broken.json").write_text("{")
    assert main([str(results), str(page)]) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.startswith("hil.report: broken.json cannot be read as a result: ")
    text = page.read_text("utf-8")
    assert "Not passed: 1 of 2 scenario runs" in text
    assert "<b>broken.json</b> cannot be read as a result" in text
    assert "CP-01" in text


def test_no_results_are_refused_in_one_sentence_as_a_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hil.report", str(tmp_path / "none"), str(tmp_path / "report.html")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"hil.report: {tmp_path}/none cannot be read (No such file or directory); run the scenarios first"
    ]


def test_a_page_that_cannot_be_written_is_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = write(tmp_path / "results", blank())
    assert main([str(results), str(results)]) == 2
    assert "cannot be written (Is a directory)" in capsys.readouterr().err
