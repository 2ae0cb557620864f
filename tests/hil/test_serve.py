"""The real `pilotline-bench` process, over its pseudo-terminals and its control socket."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import pytest
import serial

from agent.config import load_config
from hal.codecs.safety_frame import SafetyFrame, SafetyFrameDecoder
from hal.codecs.safety_values import Com

COMMAND = [sys.executable, "-m", "hil.cli"]
LIMIT_S = 15.0


class ServedBench:
    """One bench process."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory = directory
        self.process = subprocess.Popen(
            [*COMMAND, "serve", "--dir", str(directory), *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], LIMIT_S)[0]
        self.ready: dict[str, Any] = json.loads(self.process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end(signal.SIGTERM)

    def end(self, number: signal.Signals) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        _, complaints = self.process.communicate(timeout=LIMIT_S)
        assert complaints == b""
        return self.process.returncode

    def connect(self) -> "Client":
        return Client(Path(self.ready["control"]))


class Client:
    """One connection to the control socket."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(LIMIT_S)
        self._socket.connect(str(path))
        self._stream = self._socket.makefile("rb")

    def close(self) -> None:
        self._stream.close()
        self._socket.close()

    def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        self._socket.sendall(json.dumps({"id": op, "op": op, **fields}).encode() + b"\n")
        answer = self.next()
        assert answer["ok"], answer
        result: dict[str, Any] = answer["result"]
        return result

    def send(self, data: bytes) -> dict[str, Any]:
        self._socket.sendall(data)
        return self.next()

    def next(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._stream.readline())
        return message

    def wait_for(self, event: str, **fields: Any) -> dict[str, Any]:
        while True:
            message = self.next()
            if message.get("event") == event and all(message.get(key) == value for key, value in fields.items()):
                return message


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[ServedBench]:
    with ServedBench(tmp_path / "bench", "--evses", "2") as served:
        yield served


@pytest.fixture
def client(bench: ServedBench) -> Iterator[Client]:
    client = bench.connect()
    yield client
    client.close()


def open_board(bench: ServedBench, evse: str = "1") -> serial.Serial:
    return serial.Serial(bench.ready["evses"][evse]["board"], 115200, timeout=5)


def read_until_hung_up(port: serial.Serial) -> None:
    for _ in range(3):
        port.read(1)
        port.write(b"$GV\r")


def ask_board(port: serial.Serial, text: str) -> bytes:
    """Ask until the board has booted."""
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        port.write(f"${text}\r".encode())
        port.timeout = 0.5
        while frame := bytes(port.read_until(b"\r")):
            if b"$OK" in frame:
                return frame
    raise AssertionError("the board does not answer")


def test_serve_links_every_line_and_the_board_answers_over_its_terminal(bench: ServedBench, client: Client) -> None:
    for number in ("1", "2"):
        assert set(bench.ready["evses"][number]) == {"board", "meter", "indicator"}
        with open_board(bench, number) as port:
            assert ask_board(port, "GV :1A").endswith(b"$OK 8.2.3.EU 5.2.1 :1A^7B\r")
    with serial.Serial(bench.ready["reader1"], 9600, timeout=5) as reader:
        client.ask("swipe", token="04a1b2c3d4")
        assert reader.read_until(b"\n") == b"04A1B2C3D4\r\n"


def test_lines_survive_many_openings(bench: ServedBench) -> None:
    for _ in range(5):
        with open_board(bench) as port:
            assert b"$OK 8.2.3" in ask_board(port, "GV")


def test_meter_answers_modbus_over_its_terminal(bench: ServedBench, client: Client) -> None:
    client.ask("meter", evse=1, energy_wh=7000)
    request = bytes.fromhex("010400480002") + b"\xf1\xdd"
    with serial.Serial(bench.ready["evses"]["1"]["meter"], 9600, timeout=5) as port:
        port.write(request)
        assert port.read(9)[:7] == bytes.fromhex("010404") + bytes.fromhex("40e00000")


def test_written_configuration_is_one_that_the_agent_accepts(bench: ServedBench) -> None:
    path = Path(bench.ready["config"])
    assert len(tomllib.loads(path.read_text())["evse"]) == 2
    assert load_config(path, bench=True).csms.security_profile == 0


def test_a_safety_board_reports_unasked_and_the_agent_accepts_what_is_written_for_it(tmp_path: Path) -> None:
    with ServedBench(tmp_path, "--board", "safety", "--board-profile", "socket") as served:
        evse = load_config(Path(served.ready["config"]), bench=True).evse[0]
        assert (evse.board.driver, evse.connector_type) == ("safety", "sType2")
        decoder, frames = SafetyFrameDecoder(), list[SafetyFrame]()
        with open_board(served) as port:
            while len(frames) < 4:
                frames += decoder.feed(port.read(1))
        assert {frame.com for frame in frames} == {Com.CHARGE_STATE, Com.PT1000}


def test_a_controller_on_tcp_keeps_its_port_and_answers_there(tmp_path: Path) -> None:
    options = ("--board", "modbus", "--board-profile", "phoenix_charx")
    with ServedBench(tmp_path, *options) as first:
        port = first.ready["evses"]["1"]["board_tcp_port"]
        board = tomllib.loads(Path(first.ready["config"]).read_text())["evse"][0]["board"]
        assert (board["driver"], board["profile"], board["tcp_port"]) == ("modbus", "phoenix_charx", port)
    with ServedBench(tmp_path, *options) as second:
        assert second.ready["evses"]["1"]["board_tcp_port"] == port
        with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
            reply = b""
            while not reply:
                line.sendall(bytes.fromhex("000100000006010300720001"))
                line.settimeout(0.3)
                with suppress(TimeoutError):
                    reply = line.recv(100)
            assert reply == bytes.fromhex("0001000000050103020001")


def test_a_standing_fault_and_a_pulled_cable_outlive_the_bench(tmp_path: Path) -> None:
    with ServedBench(tmp_path, "--board", "safety") as first:
        client = first.connect()
        client.ask("fault", evse=1, kind="cable_pulled")
        client.ask("fault", evse=1, kind="temperature", value=66)
        client.close()
        first.end(signal.SIGTERM)
    with ServedBench(tmp_path, "--board", "safety") as second:
        client = second.connect()
        assert client.ask("state", evse=1)["faults"] == ["cable_pulled", "temperature"]
        assert not (tmp_path / "evse1" / "board").is_symlink()
        client.ask("clear", evse=1)
        assert (tmp_path / "evse1" / "board").is_symlink()
        client.close()


def test_configuration_is_not_overwritten_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    path.write_text("# mine\n")
    with ServedBench(tmp_path):
        assert path.read_text() == "# mine\n"
    with ServedBench(tmp_path, "--overwrite", "--ocpp", "2.0.1,1.6"):
        csms = tomllib.loads(path.read_text())["csms"]
        assert (csms["ocpp_versions"], csms["security_profile"]) == (["2.0.1", "1.6"], 1)


def test_plug_in_closes_the_contactor_and_the_stream_says_so(bench: ServedBench, client: Client) -> None:
    with open_board(bench) as port:
        ask_board(port, "GV")
    client.ask("subscribe")
    other = bench.connect()
    before = time.monotonic()
    other.ask("plug_in", evse=1, current_a=16)
    other.close()
    closed = client.wait_for("contactor", evse=1, closed=True)
    assert before < closed["t"] < time.monotonic()


def test_pulled_cable_hangs_the_line_up_and_it_comes_back(bench: ServedBench, client: Client) -> None:
    path = Path(bench.ready["evses"]["1"]["board"])
    with open_board(bench) as port:
        ask_board(port, "GV")
        client.ask("fault", evse=1, kind="cable_pulled")
        assert not path.is_symlink()
        with pytest.raises((serial.SerialException, OSError)):
            read_until_hung_up(port)
        with suppress(Exception):
            port.close()
    client.ask("clear", evse=1, kind="cable_pulled")
    with open_board(bench) as port:
        assert b"$OK 8.2.3" in ask_board(port, "GV")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_bench_that_died_continues_with_car_and_register(tmp_path: Path, number: signal.Signals) -> None:
    with ServedBench(tmp_path) as first:
        client = first.connect()
        client.ask("meter", evse=1, energy_wh=5000)
        client.ask("subscribe")
        other = first.connect()
        other.ask("plug_in", evse=1, current_a=32)
        client.wait_for("current", evse=1, target_a=31.92)
        with serial.Serial(first.ready["evses"]["1"]["meter"], 9600, timeout=5) as port:
            port.write(bytes.fromhex("010400480002") + b"\xf1\xdd")
            assert len(port.read(9)) == 9
        seen_wh = float(other.ask("state", evse=1)["meter"]["energy_wh"])
        first.end(number)
        client.close()
        other.close()
    with ServedBench(tmp_path) as second:
        client = second.connect()
        state = client.ask("state", evse=1)
        client.close()
        assert state["vehicle"]["plugged"] is True
        assert float(state["meter"]["energy_wh"]) >= 5000
        assert float(state["meter"]["energy_wh"]) == pytest.approx(seen_wh, abs=3)


def test_tcp_meter_keeps_its_port_over_a_restart(tmp_path: Path) -> None:
    with ServedBench(tmp_path, "--meter-transport", "tcp") as first:
        port = first.ready["evses"]["1"]["meter_tcp_port"]
    with ServedBench(tmp_path, "--meter-transport", "tcp") as second:
        assert second.ready["evses"]["1"]["meter_tcp_port"] == port
        with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
            line.sendall(bytes.fromhex("00010000000601040048") + b"\x00\x02")
            assert line.recv(100)[:9] == bytes.fromhex("000100000007010404")


def test_garbage_on_the_control_socket_is_refused_and_the_bench_lives(bench: ServedBench, client: Client) -> None:
    assert client.send(b"{nonsense\n")["ok"] is False
    assert client.send(b"\xff\x00\n")["ok"] is False
    flood = bench.connect()
    assert flood.send(b"x" * 200_000)["ok"] is False
    flood.close()
    assert client.ask("ping")["t"] > 0


def test_shutdown_and_sigterm_end_with_0_and_take_the_links_away(tmp_path: Path) -> None:
    served = ServedBench(tmp_path)
    client = served.connect()
    client.ask("shutdown")
    client.close()
    served.process.communicate(timeout=LIMIT_S)
    assert served.process.returncode == 0
    assert not (tmp_path / "evse1" / "board").is_symlink()
    assert ServedBench(tmp_path).end(signal.SIGTERM) == 0


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, timeout=LIMIT_S, check=False, env=os.environ
    )


def test_ctl_exits_0_when_done_1_when_refused_2_when_misused(bench: ServedBench) -> None:
    control = ["--control", bench.ready["control"]]
    done = run("ctl", *control, "--json", "state", "evse=1")
    assert (done.returncode, json.loads(done.stdout)["evse"]) == (0, 1)
    assert run("ctl", *control, "swipe", "token=12345678").returncode == 0
    refused = run("ctl", *control, "fault", "evse=1", "kind=lock_blocked")
    assert (refused.returncode, "lock_blocked" in refused.stderr) == (1, True)
    assert run("ctl", *control, "state", "evse").returncode == 2
    absent = run("ctl", "--control", "/nonexistent/control.sock", "ping")
    assert (absent.returncode, "Traceback" in absent.stderr) == (1, False)


def test_ctl_ends_quietly_when_the_reader_of_the_event_stream_has_seen_enough(bench: ServedBench) -> None:
    control = ["--control", bench.ready["control"]]
    command = [*COMMAND, "ctl", *control, "subscribe"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        assert following.stderr is not None
        following.stdout.close()
        while following.poll() is None:
            assert run("ctl", *control, "swipe", "token=12345678").returncode == 0
        assert (following.returncode, following.stderr.read()) == (0, "")


@pytest.mark.parametrize(
    "words",
    [
        ("serve", "--ocpp", "9"),
        ("serve", "--evses", "0"),
        ("serve", "--meter", "no_such"),
        ("serve", "--board-profile", "no_such"),
        ("replay",),
    ],
)
def test_wrong_usage_is_one_sentence_and_2(tmp_path: Path, words: tuple[str, ...]) -> None:
    place = ("--dir", str(tmp_path)) if words[0] == "serve" else ()
    result = run(*words, *place)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
