"""What systemd is told: ready, alive while every EVSE loop beats, stopping."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from agent.running import BEAT_LIMIT_S, _feed_watchdog
from agent.systemd import Notifier
from hil.virtual_time import run_virtual
from tests.fakes.real_station import real_station
from tests.fakes.virtual_station import VirtualStation, virtual_station

WATCHDOG = {"WATCHDOG_USEC": "4000000"}
INTERVAL_S = 2.0
LIMIT_S = 30.0


class Systemd:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.line.bind(str(path))
        self.line.setblocking(False)

    def heard(self) -> list[str]:
        """What came since the last call."""
        messages = []
        while True:
            try:
                messages.append(self.line.recv(256).decode())
            except BlockingIOError:
                return messages

    async def next(self) -> str:
        async with asyncio.timeout(LIMIT_S):
            return (await asyncio.get_running_loop().sock_recv(self.line, 256)).decode()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    systemd = Systemd(tmp_path / "notify")
    yield systemd
    systemd.line.close()


def watched(
    tmp_path: Path, systemd: Systemd, story: Callable[[VirtualStation], Awaitable[None]], **environment: str
) -> None:
    """Play a story while the watchdog of a station with two EVSEs is fed."""

    async def whole() -> None:
        async with virtual_station(tmp_path, evses=2) as rig:
            assert rig.agent is not None
            notifier = Notifier({"NOTIFY_SOCKET": str(systemd.path), **environment})
            feeding = asyncio.create_task(_feed_watchdog(notifier, rig.agent))
            await story(rig)
            feeding.cancel()

    run_virtual(whole())


def test_the_watchdog_is_fed_at_half_its_time_while_every_loop_beats(tmp_path: Path, systemd: Systemd) -> None:
    async def story(_rig: VirtualStation) -> None:
        await asyncio.sleep(0.5)
        for _ in range(30):
            await asyncio.sleep(INTERVAL_S)
            assert systemd.heard() == ["WATCHDOG=1"]

    watched(tmp_path, systemd, story, **WATCHDOG)


def test_one_loop_that_hangs_ends_the_feeding_and_its_return_begins_it_again(
    tmp_path: Path, systemd: Systemd, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(rig: VirtualStation) -> None:
        assert rig.agent is not None
        inbox = rig.agent.station.evses[2]._inbox
        take, hung = inbox.get, asyncio.Event()

        async def hang() -> object:
            await hung.wait()
            return await take()

        await asyncio.sleep(5)
        systemd.heard()
        inbox.get = hang  # type: ignore[method-assign,assignment]  # the loop waits for something that never comes
        await asyncio.sleep(BEAT_LIMIT_S + 2 * INTERVAL_S)
        assert systemd.heard(), "not at once"
        await asyncio.sleep(30)
        assert not systemd.heard()
        assert "no beat evses=[2]" in caplog.text
        hung.set()
        await asyncio.sleep(INTERVAL_S + 1)
        assert set(systemd.heard()) == {"WATCHDOG=1"}

    watched(tmp_path, systemd, story, **WATCHDOG)


def test_devices_that_are_silent_do_not_stop_the_feeding(tmp_path: Path, systemd: Systemd) -> None:
    async def story(rig: VirtualStation) -> None:
        for kind in ("board_silent", "meter_silent"):
            rig.lines.bench.fault(1, kind)
        rig.reachable = False
        rig.drop()
        await asyncio.sleep(0.5)
        for _ in range(30):
            await asyncio.sleep(INTERVAL_S)
            assert systemd.heard() == ["WATCHDOG=1"]

    watched(tmp_path, systemd, story, **WATCHDOG)


def test_a_start_is_not_taken_for_a_loop_that_hangs(
    tmp_path: Path, systemd: Systemd, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(_rig: VirtualStation) -> None:
        await asyncio.sleep(5 * INTERVAL_S)

    with caplog.at_level(logging.ERROR):
        watched(tmp_path, systemd, story, **WATCHDOG)
    assert "watchdog not fed" not in caplog.text


def test_without_a_watchdog_nothing_is_sent(tmp_path: Path, systemd: Systemd) -> None:
    async def story(_rig: VirtualStation) -> None:
        await asyncio.sleep(60)
        assert not systemd.heard()

    watched(tmp_path, systemd, story)


async def test_a_restart_by_the_back_end_is_no_stop_for_systemd(
    tmp_path: Path, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(systemd.path))
    booted = asyncio.Event()
    async with real_station(tmp_path, version="2.0.1") as station:
        station.saw_frame = lambda frame: booted.set() if frame.get("action") == "StatusNotification" else None
        await station.start_agent()
        assert await systemd.next() == "READY=1"
        async with asyncio.timeout(LIMIT_S):
            await booted.wait()
        process_id = station.agent.pid
        answer = await station.csms.ask("send", action="Reset", payload={"type": "Immediate"})
        assert answer["payload"]["status"] == "Accepted"
        assert await systemd.next() == "READY=1", "the same process, anew"
        assert station.agent.pid == process_id
        assert station.agent.running
        assert await station.stop_agent() == 0
        assert await systemd.next() == "STOPPING=1"
