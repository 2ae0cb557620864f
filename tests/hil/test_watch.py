"""The live view: what it draws, and the real command on a terminal while somebody works at the bench."""

import fcntl
import json
import os
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from hil.bench import Bench
from hil.watch_view import WatchView, event_text

COMMAND = [sys.executable, "-m", "hil.cli"]
LIMIT_S = 20.0
ROWS, COLUMNS = 40, 110


def drawn(view: WatchView, height: int = ROWS) -> str:
    console = Console(width=COLUMNS, height=height, record=True, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    with console.file:
        console.print(view.render(height, COLUMNS))
        return console.export_text()


async def test_each_evse_shows_pilot_contactor_car_and_faults() -> None:
    bench = Bench(2)
    bench.power_on()
    bench.plug_in(1)
    bench.fault(1, "meter_slow")
    view = WatchView("control.sock")
    view.take_state(bench.state())
    text = drawn(view)
    bench.power_cut()
    for said in ("EVSE 1", "EVSE 2", "9.0/9.0 V", "car connected", "open", "0.0 A", "meter_slow", "12.0/12.0 V"):
        assert said in text


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"event": "stimulus", "op": "fault", "evse": 1, "kind": "diode", "t": 1.0}, "» fault evse=1 kind=diode"),
        ({"event": "contactor", "evse": 1, "closed": True, "t": 1.0}, "contactor closed"),
        ({"event": "supply", "on": False, "t": 1.0}, "supply off"),
        ({"event": "flow", "t": 1.0}, None),
    ],
)
def test_an_event_is_a_short_line_or_nothing(event: dict[str, Any], said: str | None) -> None:
    assert event_text(event) == said


def test_a_small_terminal_keeps_the_latest_events() -> None:
    view = WatchView("control.sock")
    for number in range(60):
        view.take_event({"event": "contactor", "evse": number, "closed": True, "t": float(number)})
    text = drawn(view, height=10)
    assert "EVSE 59" in text
    assert "EVSE 49" not in text


@pytest.fixture
def control() -> Iterator[Path]:
    with (
        tempfile.TemporaryDirectory() as name,
        subprocess.Popen([*COMMAND, "serve", "--dir", name], stdout=subprocess.PIPE) as bench,
    ):
        assert bench.stdout is not None
        assert select.select([bench.stdout], [], [], LIMIT_S)[0]
        yield Path(json.loads(bench.stdout.readline())["control"])
        bench.send_signal(signal.SIGTERM)


def test_on_a_terminal_the_pulled_plug_is_seen_and_ctrl_c_ends_it(control: Path) -> None:
    near, far = os.openpty()
    fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    words = [*COMMAND, "watch", "--control", str(control)]
    with subprocess.Popen(words, stdin=far, stdout=far, stderr=far, env={**os.environ, "TERM": "xterm"}) as watch:
        os.close(far)
        try:
            heard(near, "no car")
            ctl = [*COMMAND, "ctl", "--control", str(control), "plug_in", "evse=1"]
            subprocess.run(ctl, check=True, capture_output=True, timeout=LIMIT_S)
            heard(near, "car plugged in")
            watch.send_signal(signal.SIGINT)
            assert watch.wait(LIMIT_S) == 0
        finally:
            watch.kill()
            os.close(near)


def test_into_a_pipe_the_state_is_said_once(control: Path) -> None:
    words = [*COMMAND, "watch", "--control", str(control)]
    run = subprocess.run(words, check=True, capture_output=True, text=True, timeout=LIMIT_S)
    assert run.stdout.startswith("EVSE 1: pilot A")
    assert len(run.stdout.splitlines()) == 1


def test_without_a_bench_it_says_what_to_do(tmp_path: Path) -> None:
    words = [*COMMAND, "watch", "--control", str(tmp_path / "none.sock")]
    run = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert run.returncode == 1
    assert run.stderr.startswith("pilotline-bench watch: no bench answers at ")


def heard(terminal: int, awaited: str) -> None:
    text = ""
    end = time.monotonic() + LIMIT_S
    while awaited not in text:
        assert select.select([terminal], [], [], max(0.0, end - time.monotonic()))[0], text
        text += os.read(terminal, 65536).decode(errors="replace")
