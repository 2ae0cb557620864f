import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.systemd import Notifier


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    name = str(tmp_path / "notify") if request.param == "path" else f"@pilotline-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind("\0" + name[1:] if name.startswith("@") else name)
        line.settimeout(2)
        yield line, name


def test_every_message_arrives_as_systemd_spells_it(systemd: tuple[socket.socket, str]) -> None:
    line, name = systemd
    notifier = Notifier({"NOTIFY_SOCKET": name})
    notifier.ready()
    notifier.status("2 EVSEs,\n1 charging")
    notifier.watchdog()
    notifier.stopping()
    received = [line.recv(256) for _ in range(4)]
    assert received == [b"READY=1", b"STATUS=2 EVSEs, 1 charging", b"WATCHDOG=1", b"STOPPING=1"]


def test_without_a_socket_nothing_is_sent(systemd: tuple[socket.socket, str]) -> None:
    line, _ = systemd
    Notifier({}).ready()
    line.setblocking(False)
    with pytest.raises(BlockingIOError):
        line.recv(256)


def test_a_socket_that_is_gone_is_no_error_and_serves_again_once_it_is_back(tmp_path: Path) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    notifier.watchdog()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(tmp_path / "gone"))
        notifier.watchdog()
        assert line.recv(64) == b"WATCHDOG=1"


def test_a_full_socket_never_blocks_the_agent(tmp_path: Path) -> None:
    name = str(tmp_path / "full")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(name)
        notifier = Notifier({"NOTIFY_SOCKET": name})
        for _ in range(2000):
            notifier.watchdog()
        assert line.recv(64) == b"WATCHDOG=1"


@pytest.mark.parametrize(
    ("environment", "expected_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "20000000"}, 10.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": str(os.getpid())}, 10.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_watchdog_beats_at_half_of_what_systemd_allows(environment: dict[str, str], expected_s: float | None) -> None:
    assert Notifier(environment).watchdog_interval_s() == expected_s


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    assert Notifier().watchdog_interval_s() == 0.5
