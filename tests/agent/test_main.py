"""`pilotline-agent` as a real process: what it checks, refuses and says, and how it ends."""

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.version import VERSION
from tests.agent.installed import TEXT, write
from tests.fakes.real_station import real_station

COMMAND = (sys.executable, "-m", "agent.main")
LIMIT_S = 20.0
STOPPED_WITHIN_S = 15.0


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)], check=False, capture_output=True, text=True, timeout=LIMIT_S
    )
    assert "Traceback" not in done.stderr
    return done


@contextmanager
def running(
    directory: Path, *more: str, command: tuple[str, ...] = COMMAND
) -> Iterator[tuple[subprocess.Popen[str], socket.socket]]:
    """Run the agent over devices that are not there, until it is ready; its notifications come in."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(directory / "notify"))
        systemd.settimeout(LIMIT_S)
        process = subprocess.Popen(
            [*command, "--config", str(write(directory, *more)), "--bench"],
            env={"NOTIFY_SOCKET": str(directory / "notify"), "PATH": ""},
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert systemd.recv(64) == b"READY=1"
            yield process, systemd
        finally:
            process.kill()
            process.communicate()


# ---------------------------------------------------------------------- words about itself


def test_version_is_told() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"pilotline-agent {VERSION}\n")


def test_help_names_every_option() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert {"--config", "--check", "--json", "--bench", "--log-level", "--version"} <= set(
        re.findall(r"--[a-z-]+", done.stdout)
    )


@pytest.mark.parametrize("arguments", [(), ("--config",), ("--config", "x", "--brew"), ("--config", "x", "more")])
def test_wrong_usage_is_2_and_one_sentence_about_it(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "pilotline-agent: error:" in done.stderr
    assert not done.stdout


# ---------------------------------------------------------------------- --check


def test_check_of_a_good_file_is_0_and_starts_nothing(tmp_path: Path) -> None:
    done = run("--config", write(tmp_path), "--check", "--bench")
    assert (done.returncode, done.stderr) == (0, "")
    assert "good; 2 EVSE(s)" in done.stdout
    assert not (tmp_path / "lines").exists()


def test_check_says_good_as_json(tmp_path: Path) -> None:
    done = run("--config", write(tmp_path), "--check", "--json", "--bench")
    assert done.returncode == 0
    assert json.loads(done.stdout) == {"ok": True, "file": str(tmp_path / "agent.toml"), "evses": 2}


REFUSED = {
    "an unknown key": ("[station]\nvender = 'x'\n", "station.vender"),
    "an unknown variable": ("[variables]\n'CoffeeCtrlr.Strength' = 1\n", "variables.CoffeeCtrlr.Strength"),
    "an unknown 1.6 key": ("[ocpp16_keys]\nCoffee = 1\n", "ocpp16_keys.Coffee"),
    "a bad value": (
        "[variables]\n'OCPPCommCtrlr.HeartbeatInterval' = 'x'\n",
        "variables.OCPPCommCtrlr.HeartbeatInterval",
    ),
    "a meter that cannot bill": ("[[evse]]\nid = 1\nmeter.map = 'carlo_gavazzi_em580'\n", "evse[1].meter.map"),
    "what is no TOML": ("[station\n", ""),
}


@pytest.mark.parametrize("name", REFUSED)
def test_check_and_start_refuse_the_same_with_2_file_line_and_key(tmp_path: Path, name: str) -> None:
    text, key = REFUSED[name]
    file = write(tmp_path, text)
    line = str(tmp_path / "conf.d" / "0.toml") + ", line "
    for more in (("--check",), ()):
        done = run("--config", file, "--bench", *more)
        assert (done.returncode, done.stdout) == (2, "")
        assert line in done.stderr
        assert key in done.stderr
        assert len(done.stderr.splitlines()) <= 2, "one sentence, after the warning that a bench was asked for"
    done = run("--config", file, "--bench", "--check", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["ok"], told["key"]) == (2, False, key)
    assert isinstance(told["line"], int)
    assert told["file"].endswith("0.toml")


def test_what_only_a_bench_may_do_is_refused_without_its_word(tmp_path: Path) -> None:
    done = run("--config", write(tmp_path), "--check")
    assert done.returncode == 2
    assert "firmware.installer" in done.stderr


@pytest.mark.parametrize("more", [("--check",), ("--check", "--json"), ()])
@pytest.mark.parametrize("kind", ["missing", "directory", "binary", "empty"])
def test_a_file_that_is_none_is_refused_in_one_sentence(tmp_path: Path, kind: str, more: tuple[str, ...]) -> None:
    file = tmp_path / "agent.toml"
    if kind == "directory":
        file.mkdir()
    elif kind != "missing":
        file.write_bytes({"binary": b"\xff\x00\xfe", "empty": b""}[kind])
    done = run("--config", file, *more)
    assert done.returncode == 2
    assert str(file) in (done.stdout if "--json" in more else done.stderr)
    assert len((done.stdout + done.stderr).splitlines()) == 1


# ---------------------------------------------------------------------- a start that fails, and the end


def test_a_state_directory_that_cannot_be_made_is_1_and_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = run("--config", write(tmp_path, '[station]\nstate_dir = "file/state"\n'), "--bench")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("pilotline-agent: ")


def test_a_database_that_is_none_is_1_and_left_as_it_is(tmp_path: Path) -> None:
    database = tmp_path / "lines" / "state" / "station.sqlite"
    text = TEXT.replace('"lines/', f'"{tmp_path}/lines/')
    database.parent.mkdir(parents=True)
    database.write_bytes(b"these are somebody's transactions" * 100)
    done = run("--config", write(tmp_path, text=text), "--bench")
    assert done.returncode == 1
    assert str(database) in done.stderr.splitlines()[-1]
    assert database.read_bytes() == b"these are somebody's transactions" * 100


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_agent_without_devices_and_back_end_with_0(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path) as (process, systemd):
        began_s = time.monotonic()
        process.send_signal(number)
        _, said = process.communicate(timeout=STOPPED_WITHIN_S)
        assert process.returncode == 0
        assert time.monotonic() - began_s < STOPPED_WITHIN_S
        assert "Traceback" not in said
        assert systemd.recv(64) == b"STOPPING=1"


def test_the_collector_stands_still_for_a_start_only(tmp_path: Path) -> None:
    told = "import gc, sys; from agent.main import main; code = main(); sys.exit(code or 10 + gc.isenabled())"
    with running(tmp_path, command=(sys.executable, "-c", told)) as (process, _):
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOPPED_WITHIN_S) == 11


async def test_sigterm_ends_a_running_session_in_order_with_0_within_15_seconds(tmp_path: Path) -> None:
    ready, closed, told = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def saw_frame(frame: dict[str, Any]) -> None:
        if frame.get("action") == "StatusNotification":
            ready.set()
        elif frame.get("action") == "TransactionEvent" and frame["payload"].get("eventType") == "Ended":
            told.set()

    async with real_station(tmp_path, version="2.0.1") as station, asyncio.timeout(3 * LIMIT_S):
        station.saw_frame = saw_frame
        station.saw_event = lambda event: closed.set() if event.get("closed") is True else None
        await station.start_agent()
        await ready.wait()
        await station.bench.ask("plug_in", evse=1)
        await station.csms.ask("send", **REMOTE_START)
        await closed.wait()
        began_s = time.monotonic()
        assert await station.stop_agent() == 0
        assert time.monotonic() - began_s < STOPPED_WITHIN_S
        assert not (await station.bench.ask("state", evse=1))["contactor_closed"]
        assert "Traceback" not in station.agent.complaints()
        await station.start_agent()
        await told.wait()
        (ledger,) = (await station.csms.ask("ledger"))["transactions"]
        assert (ledger["stop_reason"], ledger["whole"]) == ("Reboot", True)


REMOTE_START: dict[str, Any] = {
    "action": "RequestStartTransaction",
    "payload": {"idToken": {"idToken": "04AABBCC", "type": "ISO14443"}, "remoteStartId": 1, "evseId": 1},
}
