"""`pilotline-bench demo` as a user runs it: real processes, on a terminal and in a pipe."""

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "hil.cli", "demo"]
LIMIT_S = 90
PLAIN = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def played(tmp_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "--dir", str(tmp_path), *options], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )


def running(tmp_path: Path) -> list[str]:
    """Command lines of processes that were started for this directory."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(tmp_path) in words and "demo --dir" not in words:
            found.append(f"{entry.parent.name} {words}")
    return found


def follow(process: subprocess.Popen[str], until: str) -> Iterator[str]:
    """Lines up to the first that contains `until`."""
    assert process.stdout is not None
    for line in process.stdout:
        yield line
        if until in line:
            return
    raise AssertionError(f"the demo ended before {until!r}")


def started(tmp_path: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, "--dir", str(tmp_path), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_an_unknown_version_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    done = played(tmp_path, "--ocpp", "2.1")
    assert done.returncode == 2
    assert done.stderr == (
        "pilotline-bench demo: OCPP '2.1' cannot be played; --ocpp (make demo OCPP=) takes 2.0.1 or 1.6\n"
    )


@pytest.mark.slow
def test_a_session_over_ocpp_1_6_in_a_pipe_ends_with_a_receipt(tmp_path: Path) -> None:
    done = played(tmp_path, "--ocpp", "1.6")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    for said in ("StartTransaction", "s late", "StopTransaction", "plug-out to contactor open", "everything agrees"):
        assert said in done.stdout
    assert "\x1b" not in done.stdout
    assert running(tmp_path) == []


@pytest.mark.slow
def test_a_session_over_ocpp_2_0_1_on_a_terminal_ends_with_a_receipt(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "--dir", str(tmp_path)],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "40"},
    )
    os.close(theirs)
    shown = PLAIN.sub("", _read_all(ours))
    _, complaints = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, complaints) == (0, b"")
    for said in ("▶ plug in", "✓ unplug", "TransactionEvent", "OFFLINE", "Receipt", "everything agrees"):
        assert said in shown
    assert running(tmp_path) == []


def _read_all(terminal: int) -> str:
    chunks = []
    with os.fdopen(terminal, "rb", buffering=0) as stream:
        try:
            while chunk := stream.read(65_536):
                chunks.append(chunk)
        except OSError:  # EIO: the last writer is gone
            pass
    return b"".join(chunks).decode(errors="replace")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_demo_leaves_nothing_running(tmp_path: Path, number: signal.Signals) -> None:
    process = started(tmp_path)
    assert list(follow(process, "register at the back-end"))
    assert len(running(tmp_path)) == 3
    process.send_signal(number)
    _, complaints = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 1
    assert complaints.startswith("pilotline-bench demo: interrupted; logs are in ")
    assert running(tmp_path) == []


@pytest.mark.slow
def test_an_agent_that_dies_fails_the_demo_in_one_sentence(tmp_path: Path) -> None:
    process = started(tmp_path)
    assert list(follow(process, "register at the back-end"))
    agent = next(line for line in running(tmp_path) if "agent.main" in line)
    os.kill(int(agent.split()[0]), signal.SIGKILL)
    _, complaints = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 1
    assert complaints.startswith("pilotline-bench demo: the agent ended unexpectedly with exit code -9")
    assert complaints.count("\n") == 1
    assert running(tmp_path) == []


@pytest.mark.slow
def test_a_kept_demo_obeys_its_control_sockets_until_ctrl_c(tmp_path: Path) -> None:
    process = started(tmp_path, "--keep")
    shown = list(follow(process, "ask the station something"))
    functions = [line.strip() for line in shown if line.strip().startswith(("bench()", "csms()"))]
    script = "\n".join([*functions, "bench plug_in evse=1 && csms ledger"])
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr
    assert '"whole": true' in done.stdout
    assert list(follow(process, "car connected"))
    process.send_signal(signal.SIGINT)
    rest, complaints = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, complaints) == (0, "")
    assert "Everything has ended" in rest
    assert running(tmp_path) == []
