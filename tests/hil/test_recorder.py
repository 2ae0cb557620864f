import json
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import serial

from hal.codecs.recording import Direction, Operation, Recording, WireBytes, read_recording
from hil.boards import board_model
from hil.recorder import Recorder, line_header

LIMIT_S = 15.0
ASKED = b"$GV^35\r"
LINES = {"evse1/board": {"kind": "rapi"}}


def read(path: Path) -> Recording:
    return read_recording(path.read_text("utf-8").splitlines(keepends=True))


def serve(directory: Path, record: Path) -> "subprocess.Popen[bytes]":
    words = ["serve", "--dir", str(directory), "--record", str(record)]
    process = subprocess.Popen([sys.executable, "-m", "hil.cli", *words], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], LIMIT_S)[0]
    assert json.loads(process.stdout.readline())["ready"]
    process.stdout.close()
    return process


def carried_out(directory: Path, *words: str) -> None:
    control = ["--control", str(directory / "control.sock")]
    subprocess.run([sys.executable, "-m", "hil.cli", "ctl", *control, *words], check=True, capture_output=True)


def reply(directory: Path) -> bytes:
    """Ask until the board has booted; gives all that it said."""
    said = b""
    end = time.monotonic() + LIMIT_S
    with serial.Serial(str(directory / "evse1" / "board"), 115200, timeout=0.3) as port:
        while b"$OK 8" not in said:
            assert time.monotonic() < end
            port.write(ASKED)
            said += bytes(port.read_until(b"^6D\r"))
    return said


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


def bytes_of(recording: Recording, line: str, direction: Direction) -> bytes:
    return b"".join(
        entry.data
        for entry in recording.entries
        if isinstance(entry, WireBytes) and (entry.line, entry.direction) == (line, direction)
    )


def test_both_directions_and_the_stimuli_are_recorded_and_tokens_are_not_operations(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory, record = Path(name), tmp_path / "wire.jsonl"
        bench = serve(directory, record)
        said = reply(directory)
        carried_out(directory, "swipe", "token=04A1B2C3")
        carried_out(directory, "plug_in", "evse=1", "current_a=16")
        bench.send_signal(signal.SIGTERM)
        assert bench.wait(LIMIT_S) == 0
    recording = read(record)
    assert bytes_of(recording, "evse1/board", Direction.TO_DEVICE).startswith(ASKED)
    assert said in bytes_of(recording, "evse1/board", Direction.FROM_DEVICE)
    assert b"04A1B2C3" in bytes_of(recording, "reader1", Direction.FROM_DEVICE)
    done = [dict(entry.fields) for entry in recording.entries if isinstance(entry, Operation)]
    assert done == [{"op": "swipe"}, {"op": "plug_in", "evse": 1, "current_a": 16}]
    times = [entry.t for entry in recording.entries]
    assert times == sorted(times)


def test_a_killed_bench_loses_no_more_than_the_last_tenth_of_a_second(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory, record = Path(name), tmp_path / "wire.jsonl"
        bench = serve(directory, record)
        reply(directory)
        until(lambda: b"$OK 8".hex() in record.read_text("utf-8"))
        bench.kill()
        bench.wait(LIMIT_S)
        assert b"$OK 8" in bytes_of(read(record), "evse1/board", Direction.FROM_DEVICE)
        bench = serve(directory, record)
        bench.send_signal(signal.SIGTERM)
        bench.wait(LIMIT_S)
    assert bytes_of(read(record), "evse1/board", Direction.TO_DEVICE).startswith(ASKED)
    assert record.read_text("utf-8").count("pilotline-recording") == 2


async def test_a_line_that_a_kill_cut_off_does_not_spoil_what_follows(tmp_path: Path) -> None:
    path = tmp_path / "wire.jsonl"
    for data in (b"first", b"second"):
        recorder = Recorder(path)
        recorder.open(LINES)
        recorder.tap("evse1/board")(Direction.TO_DEVICE, data)
        recorder.close()
        path.write_text(path.read_text("utf-8") + '{"t": 1, "li', "utf-8")
    assert bytes_of(read(path), "evse1/board", Direction.TO_DEVICE) == b"firstsecond"


async def test_a_file_that_is_no_recording_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    path.write_text("precious", "utf-8")
    with pytest.raises(FileExistsError, match="not a recording"):
        Recorder(path).open(LINES)
    assert path.read_text("utf-8") == "precious"


async def test_a_recording_stops_marked_at_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "wire.jsonl"
    recorder = Recorder(path, max_bytes=1000)
    recorder.open(LINES)
    for _ in range(100):
        recorder.tap("evse1/board")(Direction.TO_DEVICE, bytes(100))
    recorder.close()
    assert path.stat().st_size < 1500
    assert read(path).end == "the limit of 1000 bytes was reached"


@pytest.mark.parametrize(
    ("name", "board", "ports", "header"),
    [
        ("evse2/board", "rapi", {}, {"kind": "rapi"}),
        ("evse1/board", "safety", {}, {"kind": "safety"}),
        ("evse1/board", "modbus", {}, {"kind": "modbus_rtu", "profile": "evse_wb"}),
        ("evse1/meter", "rapi", {"evse1/meter": 502}, {"kind": "modbus_tcp", "tcp_port": 502}),
        ("evse1/meter", "rapi", {}, {"kind": "modbus_rtu"}),
        ("evse1/io", "rapi", {}, {"kind": "modbus_rtu"}),
        ("evse1/indicator", "rapi", {}, {"kind": "text"}),
        ("reader1", "rapi", {}, {"kind": "pn532"}),
        ("can1", "rapi", {}, {"kind": "slcan"}),
    ],
)
def test_the_header_names_the_protocol_of_each_line(
    name: str, board: str, ports: dict[str, int], header: dict[str, Any]
) -> None:
    assert line_header(name, board_model(board), "pn532", ports) == header
