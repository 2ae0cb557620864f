"""The prompt over a real bench process: piped, and on a terminal."""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "hil.cli"]
LIMIT_S = 20.0


@pytest.fixture(scope="module")
def control() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        words = [*COMMAND, "serve", "--dir", name]
        with subprocess.Popen(words, stdout=subprocess.PIPE) as bench:
            assert bench.stdout is not None
            assert select.select([bench.stdout], [], [], LIMIT_S)[0]
            yield Path(json.loads(bench.stdout.readline())["control"])
            bench.send_signal(signal.SIGTERM)


def piped(control: Path, typed: str, *options: str) -> "subprocess.CompletedProcess[str]":
    words = [*COMMAND, "ctl", "--control", str(control), *options]
    return subprocess.run(words, input=typed, capture_output=True, text=True, timeout=LIMIT_S, check=False)


def test_a_script_pulls_the_plug(control: Path) -> None:
    run = piped(control, "plug 1 current_a=16\n# a comment\nstate\npull 1\nstate 1\nquit\nnever reached\n")
    assert (run.returncode, run.stderr) == (0, "")
    lines = run.stdout.splitlines()
    assert [lines[0], lines[2]] == ["ok", "ok"]
    assert "car plugged in" in lines[1]
    assert "no car" in lines[3]
    assert len(lines) == 4


def test_what_is_refused_is_one_sentence_and_the_script_goes_on(control: Path) -> None:
    run = piped(control, 'fault 1 dode\npull "1\ndance\nping\n', "--json")
    assert run.returncode == 1
    complaints = run.stderr.splitlines()
    assert len(complaints) == 3
    assert "unknown fault kind 'dode'; known: " in complaints[0]
    assert "no closing quotation" in complaints[1]
    assert "unknown operation 'dance'" in complaints[2]
    assert set(json.loads(run.stdout)) == {"t"}


def test_without_a_bench_it_says_what_to_do(tmp_path: Path) -> None:
    run = piped(tmp_path / "control.sock", "state\n")
    assert run.returncode == 1
    assert run.stderr.startswith("pilotline-bench ctl: no bench answers at ")
    assert len(run.stderr.splitlines()) == 1


def test_on_a_terminal_tab_completes_from_the_benchs_own_answer_and_ctrl_d_leaves(control: Path) -> None:
    near, far = os.openpty()
    words = [*COMMAND, "ctl", "--control", str(control)]
    with subprocess.Popen(words, stdin=far, stdout=far, stderr=far, env={**os.environ, "TERM": "dumb"}) as prompt:
        os.close(far)
        try:
            heard(near, "bench> ")
            os.write(near, b"fault 1 pilot_s\t\n")
            assert "fault 1 pilot_short" in heard(near, "ok\r\n")
            os.write(near, b"state\n")
            heard(near, "faults pilot_short")
            os.write(near, b"clear 1\n")
            heard(near, "ok\r\nbench> ")
            os.write(near, b"\x04")
            assert prompt.wait(LIMIT_S) == 0
        finally:
            prompt.kill()
    os.close(near)


def heard(terminal: int, awaited: str) -> str:
    text = ""
    end = time.monotonic() + LIMIT_S
    while awaited not in text:
        assert select.select([terminal], [], [], max(0.0, end - time.monotonic()))[0], text
        text += os.read(terminal, 4096).decode()
    return text
